"""The gaps of one log, from where they begin to the first line behind them.

Gives     gaps that can be reported. One that has begun waits for the line that ends it, over
          restarts too (``state()``). Those that were given are remembered: when the collector's
          database goes back in time, they cannot be found again by reading.
Limits    The newest 64 are remembered.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from mailtally_agent.gap import Gap, gap_hash
from mailtally_agent.log_reader import Loss
from mailtally_agent.source.hole import Hole
from mailtally_agent.terms import GapCause

_REMEMBERED = 64
_OPEN_MAX = 64

# Moment of the first of some lines that has one.
FirstMoment = Callable[[Iterable[str]], int | None]


class _Open(NamedTuple):
    """A gap without its end. read_us: the last line read before it was found."""

    cause: GapCause
    certain: bool
    from_us: int
    read_us: int


class GapWatch:
    """Of one log."""

    def __init__(self, source: str) -> None:
        """Start with none; source names the log."""
        self._source = source
        self._open: list[_Open] = []
        self._given: list[Gap] = []
        self._again: list[Gap] = []
        self._ended = Counter[bool]()

    @property
    def certain(self) -> int:
        """Gaps since the start in which lines are missing for sure."""
        return self._ended[True] + sum(gap.certain for gap in self._open)

    @property
    def suspected(self) -> int:
        """Gaps since the start in which some may be."""
        unsure = [gap for gap in self._open if not gap.certain]
        return self._ended[False] + sum(gap.cause is not GapCause.FORGOTTEN for gap in unsure)

    def begin(self, hole: Hole, last_line_us: int | None) -> None:
        """Lines are missing behind the last one read so far."""
        self._add(_Open(hole.cause, hole.certain, last_line_us or 0, last_line_us or 0))

    def forgotten(self, stored_until_us: int, last_line_us: int | None) -> None:
        """The log is read again: the database knows lines up to a moment, 0 for none.

        What was given before has to be given again, as it may have been forgotten too.
        """
        self._again = list(self._given)
        if stored_until_us > 0:
            read_us = last_line_us or 0
            self._add(_Open(GapCause.FORGOTTEN, False, stored_until_us, read_us))  # noqa: FBT003

    def take_again(self) -> list[Gap]:
        """Gaps to be given again."""
        again, self._again = self._again, []
        return again

    def lost(self, loss: Loss) -> Gap:
        """The gap that a line tells of; known by that line, in whatever log it stands."""
        name = gap_hash(GapCause.SYSLOG_DROPPED, loss.line)
        moment_us = loss.moment_us
        return Gap(
            self._source,
            GapCause.SYSLOG_DROPPED,
            moment_us,
            moment_us,
            certain=True,
            lost_lines=loss.lost_lines,
            gap_hash=name,
        )

    def end(self, lines: Sequence[str], first_moment_us: FirstMoment) -> list[Gap]:
        """The gaps that end with these lines, which are read next."""
        if not self._open:
            return []
        gaps: list[Gap] = []
        still_open: list[_Open] = []
        for gap in self._open:
            if gap.cause is GapCause.FORGOTTEN:
                to_us = first_moment_us(lines)
                if to_us is not None and to_us <= gap.from_us:
                    continue
            else:
                to_us = self._behind(gap.from_us, lines, first_moment_us)
            if to_us is None:
                still_open.append(gap)
            else:
                gaps.append(self._gap(gap, to_us))
        self._open = still_open
        self._ended.update(gap.certain for gap in gaps)
        self._given = [*self._given, *gaps][-_REMEMBERED:]
        return gaps

    def state(self) -> dict[str, Any]:
        """Plain values for the checkpoint."""
        return {"open": [list(gap) for gap in self._open], "given": [list(g) for g in self._given]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where state() was called; ValueError, TypeError or KeyError if malformed."""
        opened = [_Open._make(gap) for gap in state["open"]]
        given = [Gap._make(gap) for gap in state["given"]]
        self._open = [gap._replace(cause=GapCause(gap.cause)) for gap in opened]
        self._given = [gap._replace(cause=GapCause(gap.cause)) for gap in given]

    def _add(self, gap: _Open) -> None:
        """Keep a gap open; one that is found again after a restart is the same."""
        if gap not in self._open and len(self._open) < _OPEN_MAX:
            self._open.append(gap)

    def _behind(
        self, from_us: int, lines: Sequence[str], first_moment_us: FirstMoment
    ) -> int | None:
        """Moment of the first line that is not older: older ones are read a second time."""
        newest_us = first_moment_us(reversed(lines))
        if newest_us is None or newest_us < from_us:
            return None
        moments = (first_moment_us([line]) for line in lines)
        return next(moment for moment in moments if moment is not None and moment >= from_us)

    def _gap(self, gap: _Open, to_us: int) -> Gap:
        certain = gap.certain
        if gap.cause is GapCause.FORGOTTEN:
            # Lines that were reported are neither stored nor to be read again.
            certain = gap.from_us < gap.read_us < to_us
        return Gap(
            self._source,
            gap.cause,
            gap.from_us,
            to_us,
            certain=certain,
            lost_lines=0,
            gap_hash=gap_hash(self._source, gap.cause, to_us),
        )
