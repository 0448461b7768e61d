"""Cutting a range of time into the minutes, hours, days and weeks of a time zone.

Gives     Bucket starts, and counts folded into them. Days have 23 or 25 hours when the clock is
          changed, and an hour that is repeated is two buckets: sums stay right.
Slots     The database groups by slots of whole UTC time. Offsets of all zones in use are multiples
          of 15 minutes, so that a slot of that length never lies in two buckets.
Limits    Offsets before about 1972 are not multiples of 15 minutes; no mail log is that old.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailtally_collector.durations import DAY_US, HOUR_US, MINUTE_US, QUARTER_US
from mailtally_collector.query.filters import QueryError
from mailtally_collector.terms import Bucket

BUCKETS_MAX = 5_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTHS_US: dict[int, int] = {
    Bucket.MINUTE: MINUTE_US,
    Bucket.HOUR: HOUR_US,
    Bucket.DAY: DAY_US,
    Bucket.WEEK: 7 * DAY_US,
}
# The longest range for which a bucket is chosen when none was named.
CHOICES = ((3 * HOUR_US, Bucket.MINUTE), (8 * DAY_US, Bucket.HOUR), (400 * DAY_US, Bucket.DAY))


@dataclass(frozen=True, slots=True)
class SlotCount:
    """So many recipients (or messages, when state is 0) in one slot."""

    start_us: int
    state: int
    count: int


def time_zone(name: str) -> ZoneInfo:
    """Find a zone by its IANA name, UTC for none. Raises QueryError for a name not known."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise QueryError(
            f"time zone {name!r} is not known; use a name such as Europe/Berlin"
        ) from None


def choose_bucket(asked: int, start_us: int, end_us: int) -> Bucket:
    """Return the bucket to use. Raises QueryError when there would be too many."""
    length_us = end_us - start_us
    if asked not in set(Bucket):
        raise QueryError(f"bucket {asked} is not known")
    chosen = Bucket(asked) or next(
        (bucket for longest_us, bucket in CHOICES if length_us <= longest_us), Bucket.WEEK
    )
    if length_us // LENGTHS_US[chosen] >= BUCKETS_MAX:
        raise QueryError(
            f"the range has more than {BUCKETS_MAX} {chosen.name.lower()} buckets;"
            " ask for a longer bucket or a shorter range"
        )
    return chosen


def slot_length(bucket: Bucket) -> int:
    """Length in microseconds of the slots that the database groups by for this bucket."""
    return MINUTE_US if bucket == Bucket.MINUTE else QUARTER_US


def bucket_starts(start_us: int, end_us: int, bucket: Bucket, zone: ZoneInfo) -> list[int]:
    """Starts of all buckets that touch the range, ascending; the first may begin before it."""
    match bucket:
        case Bucket.MINUTE:
            first_us = start_us - start_us % MINUTE_US
            return list(range(first_us, end_us, MINUTE_US))
        case Bucket.HOUR:
            return _hour_starts(start_us, end_us, zone)
        case _:
            return _day_starts(start_us, end_us, zone, days=7 if bucket == Bucket.WEEK else 1)


def fold(slots: Iterable[SlotCount], starts: list[int]) -> list[dict[int, int]]:
    """Add up slots into the buckets that begin at ``starts``; a dict of state to count for each."""
    counts: list[dict[int, int]] = [{} for _ in starts]
    for slot in slots:
        states = counts[max(0, bisect_right(starts, slot.start_us) - 1)]
        states[slot.state] = states.get(slot.state, 0) + slot.count
    return counts


def _hour_starts(start_us: int, end_us: int, zone: ZoneInfo) -> list[int]:
    """A new hour begins where the local hour, or the offset from UTC, is another one."""
    first_us = start_us - start_us % QUARTER_US
    while _hour_name(first_us - QUARTER_US, zone) == _hour_name(first_us, zone):
        first_us -= QUARTER_US
    starts = []
    current = None
    for slot_us in range(first_us, end_us, QUARTER_US):
        name = _hour_name(slot_us, zone)
        if name != current:
            starts.append(slot_us)
            current = name
    return starts


def _hour_name(time_us: int, zone: ZoneInfo) -> tuple[date, int, timedelta | None]:
    local = _local(time_us, zone)
    return local.date(), local.hour, local.utcoffset()


def _day_starts(start_us: int, end_us: int, zone: ZoneInfo, *, days: int) -> list[int]:
    """Local midnights, every ``days`` days; weeks begin on Monday (ISO 8601)."""
    day = _local(start_us, zone).date()
    if days == 7:
        day -= timedelta(days=day.weekday())
    starts: list[int] = []
    while (midnight_us := _midnight(day, zone)) < end_us:
        if midnight_us not in starts[-1:]:  # a zone that changed sides of the date line lost a day
            starts.append(midnight_us)
        day += timedelta(days=days)
    return starts


def _local(time_us: int, zone: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(microseconds=time_us)).astimezone(zone)


def _midnight(day: date, zone: ZoneInfo) -> int:
    """First moment of the local day. Where clocks skip midnight, the day begins at 01:00."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (local.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
