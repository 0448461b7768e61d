"""Hours by how far a log was read, against the plain way: each hour looked at by itself."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from mailtally_collector import coverage
from mailtally_collector.coverage import Hours, hours_of
from mailtally_collector.durations import HOUR_US

moments = st.integers(0, 30 * HOUR_US) | st.integers(0, 30).map(lambda hour: hour * HOUR_US)
spans = st.tuples(moments, moments).map(lambda both: (min(both), max(both)))
gaps = st.lists(st.tuples(spans, st.booleans()).map(lambda one: (*one[0], one[1])), max_size=6)


def kind(hour: int, read_us: tuple[int, int], some: list[tuple[int, int, bool]]) -> str:
    """Which of the four an hour is."""
    touching = {sure for begin, end, sure in some if begin // HOUR_US <= hour <= end // HOUR_US}
    if touching:
        return "gap_known" if True in touching else "gap_suspected"
    oldest, newest = read_us[0] or read_us[1], read_us[1]
    is_read = newest and oldest // HOUR_US <= hour <= newest // HOUR_US
    return "complete" if is_read else "not_read"


@given(spans.filter(lambda one: one[0] < one[1]), spans, gaps)
def test_every_hour_is_one_of_the_four(
    range_us: tuple[int, int], read_us: tuple[int, int], some: list[tuple[int, int, bool]]
) -> None:
    hours = [
        hour
        for hour in range(31)
        if range_us[0] < (hour + 1) * HOUR_US and hour * HOUR_US < range_us[1]
    ]
    kinds = [kind(hour, read_us, some) for hour in hours]

    found = hours_of(range_us, read_us, some)

    assert found == Hours(*(kinds.count(name) for name in Hours._fields))
    assert sum(found) == len(hours)


def test_a_range_of_all_time_costs_no_more() -> None:
    far = hours_of((-(1 << 62), 1 << 62), (HOUR_US, 3 * HOUR_US), [(2 * HOUR_US, 1 << 61, False)])
    assert (far.complete, far.gap_known) == (1, 0)


def test_examples() -> None:
    assert doctest.testmod(coverage).failed == 0
