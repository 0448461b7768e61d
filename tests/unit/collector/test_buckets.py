"""Buckets begin at the zone's own hours, days and weeks, also when clocks change."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtally_collector.durations import HOUR_US, MINUTE_US, QUARTER_US
from mailtally_collector.query.buckets import (
    SlotCount,
    bucket_starts,
    choose_bucket,
    fold,
    time_zone,
)
from mailtally_collector.query.filters import QueryError
from mailtally_collector.terms import Bucket

BERLIN = ZoneInfo("Europe/Berlin")
ST_JOHNS = ZoneInfo("America/St_Johns")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
DAY_US = 24 * HOUR_US


def us(text: str, zone: ZoneInfo | None = None) -> int:
    """Microseconds of an ISO time, in UTC unless a zone is given."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone or UTC).timestamp()) * 1_000_000


def utc(starts: list[int]) -> list[str]:
    return [datetime.fromtimestamp(one / 1e6, UTC).strftime("%d %H:%M") for one in starts]


def test_a_day_has_23_hours_when_clocks_go_forward() -> None:
    first, last = us("2026-03-29", BERLIN), us("2026-03-30", BERLIN)
    assert last - first == 23 * HOUR_US
    assert bucket_starts(first, last, Bucket.DAY, BERLIN) == [first]
    hours = bucket_starts(first, last, Bucket.HOUR, BERLIN)
    assert hours == [first + number * HOUR_US for number in range(23)]


def test_a_day_has_25_hours_when_clocks_go_back() -> None:
    first, last = us("2026-10-25", BERLIN), us("2026-10-26", BERLIN)
    assert last - first == 25 * HOUR_US
    assert len(bucket_starts(first, last, Bucket.HOUR, BERLIN)) == 25
    days = bucket_starts(first - DAY_US, last + DAY_US, Bucket.DAY, BERLIN)
    assert utc(days) == ["23 22:00", "24 22:00", "25 23:00"]


def test_hours_and_days_of_zones_with_odd_offsets() -> None:
    first = us("2026-03-08T04:50")
    assert utc(bucket_starts(first, first + 2 * HOUR_US, Bucket.HOUR, ST_JOHNS)) == [
        "08 04:30",
        "08 05:30",
        "08 06:30",
    ]
    assert utc(bucket_starts(first, first + 2 * DAY_US, Bucket.DAY, ST_JOHNS)) == [
        "08 03:30",
        "09 02:30",
        "10 02:30",
    ]
    assert utc(bucket_starts(first, first + HOUR_US, Bucket.HOUR, KATHMANDU)) == [
        "08 04:15",
        "08 05:15",
    ]
    assert utc(bucket_starts(first, first + DAY_US, Bucket.DAY, KATHMANDU)) == [
        "07 18:15",
        "08 18:15",
    ]


def test_an_hour_that_is_repeated_by_half_is_two_buckets() -> None:
    first = us("2026-04-04T13:00")
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    assert utc(bucket_starts(first, first + 3 * HOUR_US, Bucket.HOUR, lord_howe)) == [
        "04 13:00",
        "04 14:00",
        "04 15:00",
        "04 15:30",
    ]


def test_a_day_that_a_zone_skipped_is_no_bucket() -> None:
    first = us("2011-12-29T12:00")
    days = bucket_starts(first, first + 2 * DAY_US, Bucket.DAY, ZoneInfo("Pacific/Apia"))
    assert utc(days) == ["29 10:00", "30 10:00", "31 10:00"]


def test_weeks_begin_on_monday() -> None:
    wednesday = us("2026-10-28T12:00")
    assert utc(bucket_starts(wednesday, wednesday + 7 * DAY_US, Bucket.WEEK, BERLIN)) == [
        "25 23:00",
        "01 23:00",
    ]


def test_empty_buckets_are_there_and_slots_go_where_they_belong() -> None:
    first = us("2026-03-29", BERLIN)
    starts = bucket_starts(first, first + 3 * HOUR_US, Bucket.HOUR, BERLIN)
    slots = [
        SlotCount(first, 2, 5),
        SlotCount(first + 3 * QUARTER_US, 2, 1),
        SlotCount(first + 8 * QUARTER_US, 3, 4),
    ]
    assert fold(slots, starts) == [{2: 6}, {}, {3: 4}]


ZONES = st.sampled_from(
    (
        *("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"),
        *("Africa/Cairo", "America/Santiago", "Pacific/Apia", "Asia/Beirut"),
    )
)


@given(
    zone=ZONES,
    start=st.integers(us("2010-01-01"), us("2035-01-01")),
    length=st.integers(1, 40 * DAY_US),
    bucket=st.sampled_from([Bucket.HOUR, Bucket.DAY, Bucket.WEEK]),
)
def test_buckets_cover_the_range_and_no_slot_lies_in_two(
    zone: str, start: int, length: int, bucket: Bucket
) -> None:
    starts = bucket_starts(start, start + length, bucket, ZoneInfo(zone))
    assert starts[0] <= start
    assert len(starts) == 1 or starts[1] > start
    assert starts[-1] < start + length
    assert all(one < two for one, two in pairwise(starts))
    assert all(one % QUARTER_US == 0 for one in starts)


def test_the_bucket_follows_the_length_of_the_range() -> None:
    chosen = [
        choose_bucket(0, 0, length)
        for length in (HOUR_US, DAY_US, 7 * DAY_US, 14 * DAY_US, 30 * DAY_US, 3650 * DAY_US)
    ]
    assert [one.name for one in chosen] == ["MINUTE", "HOUR", "HOUR", "DAY", "DAY", "WEEK"]


def test_too_many_buckets_are_refused_with_advice() -> None:
    assert choose_bucket(Bucket.MINUTE, 0, 4_999 * MINUTE_US) == Bucket.MINUTE
    with pytest.raises(QueryError, match=r"more than 5000 minute buckets; ask for a longer"):
        choose_bucket(Bucket.MINUTE, 0, 5_000 * MINUTE_US)


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "x\0", "a" * 999]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(QueryError, match="is not known"):
        time_zone(name)
