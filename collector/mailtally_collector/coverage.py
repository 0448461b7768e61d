"""How far a mail host's log was read: every hour of a range is one of four.

Gives     ``hours_of`` for one host: plain arithmetic on whole hours (of UTC), however long the
          range is, so that nothing has to be stored of hours in which all is well.
Order     An hour that a gap touches is one with a gap, even where it was not read; known counts
          before suspected. Of the others, those from the oldest line to the newest are complete.
Limits    The hours of the oldest and of the newest line count as a whole. What was never read
          between two logs that were imported counts as complete: nothing tells that it is missing.
"""

from collections.abc import Iterable
from typing import NamedTuple

from mailtally_collector.durations import HOUR_US

Span = tuple[int, int]


class Hours(NamedTuple):
    """How many hours are which; together the hours that the range touches."""

    complete: int
    gap_known: int
    gap_suspected: int
    not_read: int

    def __add__(self, other: object) -> "Hours":
        """Add up two hosts."""
        if not isinstance(other, Hours):
            return NotImplemented
        return Hours(*map(sum, zip(self, other, strict=True)))


NO_HOURS = Hours(0, 0, 0, 0)


def hours_of(range_us: Span, read_us: Span, gaps: Iterable[tuple[int, int, bool]]) -> Hours:
    """Sort the hours that ``range_us`` touches, its end exclusive.

    ``read_us``  the oldest and the newest line, 0 for one that is not known.
    ``gaps``     (begin_us, end_us, certain) each, both inclusive.
    >>> hours_of((0, 10 * HOUR_US), (HOUR_US, 9 * HOUR_US), [(2 * HOUR_US, 3 * HOUR_US, True)])
    Hours(complete=7, gap_known=2, gap_suspected=0, not_read=1)
    """
    first, end = range_us[0] // HOUR_US, -(-range_us[1] // HOUR_US)
    hours = [(*_hours(begin_us, end_us), certain) for begin_us, end_us, certain in gaps]
    certain_hours = [(begin, last) for begin, last, certain in hours if certain]
    known = _joined(certain_hours, first, end)
    touched = _joined([(begin, last) for begin, last, _ in hours], first, end)
    oldest_us, newest_us = read_us
    read = _joined([_hours(oldest_us or newest_us, newest_us)] if newest_us else [], first, end)
    complete = _length(read) - _length(_shared(read, touched))
    not_read = end - first - _length(touched) - complete
    return Hours(complete, _length(known), _length(touched) - _length(known), not_read)


def _hours(begin_us: int, end_us: int) -> Span:
    return begin_us // HOUR_US, end_us // HOUR_US + 1


def _joined(spans: Iterable[Span], first: int, end: int) -> list[Span]:
    """Join spans that overlap or touch, and cut them to those from ``first`` to before ``end``."""
    joined: list[Span] = []
    cut = ((max(begin, first), min(stop, end)) for begin, stop in spans)
    for begin, stop in sorted(span for span in cut if span[0] < span[1]):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((begin, stop))
    return joined


def _shared(some: Iterable[Span], others: list[Span]) -> list[Span]:
    return [
        (max(begin, other[0]), min(stop, other[1]))
        for begin, stop in some
        for other in others
        if max(begin, other[0]) < min(stop, other[1])
    ]


def _length(spans: Iterable[Span]) -> int:
    return sum(stop - begin for begin, stop in spans)
