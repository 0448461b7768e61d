"""Numbers of an attempt come back as they were, in as few bytes as they need."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtally_collector.store.timing import Timing, pack_timing, unpack_timing

SIGNED_64 = st.integers(-(2**63), 2**63 - 1)
LIKELY = st.integers(0, 500_000).map(lambda hundredths: hundredths * 10_000)
NUMBERS = st.one_of(LIKELY, SIGNED_64)


@given(st.builds(Timing, st.booleans(), st.booleans(), NUMBERS, *[NUMBERS] * 5))
def test_what_is_packed_comes_back(timing: Timing) -> None:
    assert unpack_timing(pack_timing(timing)) == timing


@pytest.mark.parametrize(
    ("delay_us", "size"),
    [
        (0, 7),
        (2_550_000, 7),
        (2_560_000, 13),
        (655_350_000, 13),
        (655_360_000, 25),
        (5 * 86_400_000_000, 25),
        (1, 49),
        (-10_000, 49),
        (2**63 - 1, 49),
    ],
)
def test_width_follows_the_greatest_number(delay_us: int, size: int) -> None:
    timing = Timing(False, True, 3, delay_us, 0, 0, 0, 0)  # noqa: FBT003 - as in the table

    assert len(pack_timing(timing)) == size
    assert unpack_timing(pack_timing(timing)) == timing
