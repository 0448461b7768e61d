"""Roll-ups say what the rows say, whatever is asked and however the records came in."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtally.v1 import record_pb2 as pb
from mailtally_collector.durations import QUARTER_US
from mailtally_collector.query.buckets import bucket_starts, fold, time_zone
from mailtally_collector.query.filters import Filter, select
from mailtally_collector.query.hours import cut, is_rolled_up
from mailtally_collector.query.reasons import (
    NO_REPLY,
    count_templates,
    count_untried,
    templates_of_rows,
)
from mailtally_collector.query.summary import FAILED, count_rows, count_slots
from mailtally_collector.terms import Bucket, DeliveryState, Direction, TrafficClass
from tests.integration.collector.conftest import NewLocation
from tests.integration.collector.fleet import fleet
from tests.integration.collector.reports import (
    SECOND,
    T0,
    accepted,
    attempt,
    changed,
    ref,
    story,
)
from tests.integration.collector.tables import EVERYTHING, NOW, Tables

HOURLY = ("traffic_hour", "domain_hour", "reason_hour", "provider_hour")
HOUR = 3_600 * SECOND
SENT, DEFERRED, BOUNCED = (
    pb.ATTEMPT_OUTCOME_SENT,
    pb.ATTEMPT_OUTCOME_DEFERRED,
    pb.ATTEMPT_OUTCOME_BOUNCED,
)
MANY = [
    record
    for at in range(60)
    for message in [ref(f"4MANY{at:02}", at * 401, 10_000 + at)]
    for record in (
        accepted(message, at * 401, 11_000 + at, sender=b"u@d%d.example" % (at % 3), recipients=2),
        attempt(
            message, at * 401 + 1, 12_000 + at, (SENT, DEFERRED, BOUNCED)[at % 3], to=b"a@b.example"
        ),
        changed(message, at * 401 + 9, 13_000 + at, pb.MESSAGE_CHANGE_COMPLETED)
        if at % 4
        else attempt(message, at * 401 + 900, 13_000 + at, BOUNCED, to=b"a@b.example"),
    )
]


@pytest.fixture(scope="module")
def full(new_location: NewLocation) -> Iterator[Tables]:
    with new_location() as location, closing(Tables(location)) as tables:
        for server, record in fleet():
            tables.store([record], server)
        tables.store(story(), "mx1")
        for first, last in pairwise([*range(0, len(MANY), 7), len(MANY)]):
            tables.store(MANY[first:last], "mx3")
        yield tables


def several(values: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=3).map(tuple)


moments = st.integers(T0 - 2 * HOUR, T0 + 8 * HOUR)
filters = st.builds(
    Filter,
    start_us=moments,
    end_us=moments,
    servers=st.sampled_from([(), ("mx1",), ("mx1", "mx3"), ("nobody",)]),
    domain=st.sampled_from(["", "example.com", "d1.example", "nobody.example"]),
    states=several(tuple(int(one) for one in DeliveryState if one)),
    directions=several(tuple(int(one) for one in Direction)),
    traffic_classes=several(tuple(int(one) for one in TrafficClass)),
    reasons=st.sampled_from([(), (), ("recipient",), ("unknown",)]),
)


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    asked=filters,
    bucket=st.sampled_from([Bucket.HOUR, Bucket.DAY]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Asia/Kolkata"]),
)
def test_roll_ups_equal_a_full_scan(full: Tables, asked: Filter, bucket: Bucket, zone: str) -> None:
    if asked.start_us is None or asked.end_us is None or asked.start_us >= asked.end_us:
        return
    selection = select(asked, NOW)
    starts = bucket_starts(selection.start_us, selection.end_us, bucket, time_zone(zone))
    slots = count_slots(full.reader, EVERYTHING, selection, QUARTER_US, starts_us=starts[1:])
    scanned = count_rows(full.reader, EVERYTHING, selection, QUARTER_US)
    assert fold(slots, starts) == fold(scanned, starts)
    states = tuple(one for one in selection.states if one != DeliveryState.DELIVERED)
    failed = replace(selection, states=states or FAILED)
    by_rows = templates_of_rows(full.reader, EVERYTHING, failed)
    by_rows[NO_REPLY] += count_untried(full.reader, EVERYTHING, failed)
    assert count_templates(full.reader, EVERYTHING, failed) == +by_rows


def test_the_question_is_answered_from_roll_ups(full: Tables) -> None:
    """What the test above compares are two ways, not one way twice."""
    selection = select(Filter(start_us=T0 - HOUR, end_us=T0 + 8 * HOUR), NOW)
    assert is_rolled_up(selection)
    before = count_slots(full.reader, EVERYTHING, selection, QUARTER_US)
    sql = full.sql
    for table in HOURLY:
        sql.run(f"UPDATE {table} SET recipients_30 = recipients_30 + 1")  # noqa: S608
    after = count_slots(full.reader, EVERYTHING, selection, QUARTER_US)
    for table in HOURLY:
        sql.run(f"UPDATE {table} SET recipients_30 = recipients_30 - 1")  # noqa: S608
    assert sum(one.count for one in after) > sum(one.count for one in before) > 0


@given(start=moments, length=st.integers(1, 9 * HOUR))
def test_a_range_is_cut_without_gap_and_overlap(start: int, length: int) -> None:
    parts, edges = cut(start, start + length)
    quarter = HOUR // 4
    pieces = [
        (hour * HOUR + one * quarter, hour * HOUR + (one + 1) * quarter)
        for part in parts
        for hour in range(part.first, part.end)
        for one in part.quarters
    ]
    ordered = sorted(pieces + edges)
    assert [ordered[0][0], ordered[-1][1]] == [start, start + length]
    assert all(before[1] == after[0] for before, after in pairwise(ordered))
    assert all(end - first < quarter for first, end in edges) or not parts
