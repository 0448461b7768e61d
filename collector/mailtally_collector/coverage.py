"""How far a mail host's log was read: every hour of a range is one of four.

Gives     ``hours_of`` for one host: plain arithmetic on whole hours (of UTC), however long the
          range is, so that nothing has to be stored of hours in which all is well.
Order     An hour that a gap touches is one with a gap, even where it was not read; known counts
          before suspected. Of the others, those from the oldest line to the newest are complete.
Limits    The hours of the oldest and of the newest line count as a whole. What was never read
          between two logs that were imported counts as complete: nothing tells that it is missing.
"""

from collections.abc import Sequence
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

    def __sub__(self, other: "Hours") -> "Hours":
        """Take one host away again."""
        return Hours(*(mine - its for mine, its in zip(self, other, strict=True)))


NO_HOURS = Hours(0, 0, 0, 0)


def hours_of(range_us: Span, read_us: Span, gaps: Sequence[tuple[int, int, bool]]) -> Hours:
    """Sort the hours that ``range_us`` touches, its end exclusive.

    ``read_us``  the oldest and the newest line, 0 for one that is not known.
    ``gaps``     (begin_us, end_us, certain) each, both inclusive.
    >>> hours_of((0, 10 * HOUR_US), (HOUR_US, 9 * HOUR_US), [(2 * HOUR_US, 3 * HOUR_US, True)])
    Hours(complete=7, gap_known=2, gap_suspected=0, not_read=1)
    """
    first, end = range_us[0] // HOUR_US, -(-range_us[1] // HOUR_US)
    oldest, behind = _hours(read_us[0] or read_us[1], read_us[1])
    begin, stop = max(oldest, first), min(behind, end) if read_us[1] else first
    read = max(0, stop - begin)
    if not gaps:
        return Hours(read, 0, 0, end - first - read)
    spans = sorted((*_hours(begin_us, end_us), certain) for begin_us, end_us, certain in gaps)
    touched = _joined(spans, first, end)
    known = _length(_joined([span for span in spans if span[2]], first, end))
    complete = read - sum(max(0, min(to, stop) - max(at, begin)) for at, to in touched)
    rest = _length(touched)
    return Hours(complete, known, rest - known, end - first - rest - complete)


def _hours(begin_us: int, end_us: int) -> Span:
    return begin_us // HOUR_US, end_us // HOUR_US + 1


def _joined(spans: Sequence[tuple[int, int, bool]], first: int, end: int) -> list[Span]:
    """Join sorted spans that overlap or touch, cut to those from ``first`` to before ``end``."""
    joined: list[Span] = []
    for at, to, _ in spans:
        begin, stop = max(at, first), min(to, end)
        if stop <= begin:
            continue
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((begin, stop))
    return joined


def _length(spans: Sequence[Span]) -> int:
    return sum(stop - begin for begin, stop in spans)
