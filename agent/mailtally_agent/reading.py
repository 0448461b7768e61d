"""One log being read: its source, its reader and the place that both have reached.

Gives     records and gaps, a chunk at a time. What stops this log (a file that is missing, a disk
          that refuses) is kept as its problem, and tried again with every read: it stops no other.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, TypeVar

from mailtally_agent.direction import DirectionRules
from mailtally_agent.gap_watch import GapWatch
from mailtally_agent.log_reader import LogReader
from mailtally_agent.ship import News
from mailtally_agent.source.disk import Disk
from mailtally_agent.source.journal import Journal, JournalPlace
from mailtally_agent.source.journalctl import JournalOptions
from mailtally_agent.source.lines import LogCounts
from mailtally_agent.source.log_file import LogFile
from mailtally_agent.source.log_source import LogSource, PlaceState
from mailtally_agent.source.place import Place

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
OpenLog = Callable[[PlaceState | None], LogSource]


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which log.

    name  path of the log, or what an import or the journal is called; names it in the checkpoint
    open  gives the log from a place on, None for its oldest line. Raises OSError, and ValueError,
          KeyError or TypeError for a place that cannot be used: then it is asked again without
    """

    name: str
    open: OpenLog

    @classmethod
    def of_file(cls, disk: Disk, path: str) -> "LogOptions":
        """The log file at path, followed."""

        def open_file(place: PlaceState | None) -> LogFile:
            return LogFile(disk, path, Place.from_state(place) if place else None)

        return cls(path, open_file)

    @classmethod
    def of_journal(cls, options: JournalOptions) -> "LogOptions":
        """These entries of a journal, followed."""

        def open_journal(place: PlaceState | None) -> Journal:
            return Journal(options, JournalPlace.from_state(place) if place else None)

        return cls(options.name, open_journal)


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How to read all logs: zone of time stamps that carry none, and what is a hop of our own."""

    zone: tzinfo
    rules: DirectionRules


@dataclass(frozen=True, slots=True)
class Reached:
    """For the checkpoint: a place, None before anything was read, and state of reader and gaps."""

    place: PlaceState | None
    state: dict[str, Any]
    gaps: dict[str, Any]


class Reading:
    """A log, from a place on."""

    def __init__(
        self,
        log: LogOptions,
        options: ReadingOptions,
        clock: Callable[[], int],
        reached: Reached | None,
    ) -> None:
        """Go on where reached says; clock gives microseconds since 1970. Opens the log if it can.

        resumed  whether it goes on at a place that was reached before
        problem  why the log cannot be read at present; None when it can
        """
        self.name = log.name
        self._open_log = log.open
        self._options = options
        self._clock = clock
        self._reached = reached
        self._log: LogSource | None = None
        self._counts = LogCounts()
        self._at_aim = False
        self.resumed = False
        self.problem: OSError | None = None
        self.reader = self._new_reader(clock())
        self.gaps = GapWatch(log.name)
        self._take_up()
        self._try(self._open)

    @property
    def counts(self) -> LogCounts:
        """What was read and what could not be."""
        return self._log.counts if self._log else self._counts

    def read_some(self) -> tuple[bool, list[News]]:
        """Whether there was something to do, and what came of it."""
        if again := self.gaps.take_again():
            return True, [*again]
        if self._log is None:
            self._try(self._open)
        log = self._log
        if log is None:
            return False, []
        return self._try(lambda: self._read(log)) or (False, [])

    def aim(self) -> None:
        """Let caught_up() mean what the log holds from now on."""
        self._at_aim = False
        if self._log is not None:
            self._log.aim()

    def caught_up(self) -> bool:
        """Whether all that the log held at the last aim was read, or cannot be."""
        if not self._at_aim and self._log is not None:
            self._at_aim = self._log.caught_up()
        return self._at_aim or self.problem is not None or self._log is None

    def place(self) -> PlaceState | None:
        """The place behind the last line read."""
        if self._log is None:
            return self._reached.place if self._reached else None
        place = self._log.place()
        return place.to_state() if place else None

    def reached(self) -> Reached:
        """Where it is."""
        if self._log is None and self._reached is not None:
            return self._reached
        return Reached(self.place(), self.reader.state(), self.gaps.state())

    def read_again(self, stored_until_us: int) -> None:
        """Begin anew with the oldest line that the log still holds.

        stored_until_us  the newest line of this server that is stored; 0 for none
        """
        self.gaps.forgotten(stored_until_us, self.reader.last_line_us)
        self._at_aim = False
        self.close()
        self._reached = None
        self.reader = self._new_reader(self._clock())
        self._try(self._open)

    def backlog_bytes(self) -> int:
        """Bytes that wait to be read, as far as the log tells."""
        try:
            return self._log.backlog_bytes() if self._log else 0
        except OSError:
            return 0

    def close(self) -> None:
        """Give the log back."""
        if self._log is not None:
            self._reached = self.reached()
            self._counts = self._log.counts
            self._log.close()
            self._log = None

    def _take_up(self) -> None:
        """Make reader and gaps as they were."""
        if self._reached is not None:
            try:
                self.reader.restore(self._reached.state)
                self.gaps.restore(self._reached.gaps)
            except (ValueError, KeyError, TypeError) as error:
                self._forget_place(error)

    def _forget_place(self, error: Exception) -> None:
        logger.warning("place is of no use, reading again log=%s why=%r", self.name, error)
        self._reached = None
        self.reader = self._new_reader(self._clock())
        self.gaps = GapWatch(self.name)

    def _open(self) -> None:
        place = self._reached.place if self._reached else None
        try:
            log = self._open_log(place)
        except (ValueError, KeyError, TypeError) as error:
            if self._reached is None:
                raise
            self._forget_place(error)
            self._open()
            return
        self._log = log
        self.resumed = place is not None

    def _new_reader(self, newest_us: int) -> LogReader:
        return LogReader(self._options.zone, newest_us, self._options.rules)

    def _read(self, log: LogSource) -> tuple[bool, list[News]]:
        reader, gaps = self.reader, self.gaps
        lines = log.read()
        is_new = bool(lines) and reader.last_line_us is None
        for hole in log.take_holes():
            gaps.begin(hole, reader.last_line_us)
            is_new |= hole.again
        if is_new:
            reader.begin_anew(log.first_change_us() or self._clock())
        if not lines:
            return log.busy, []
        if (near_us := log.near_us) is not None:
            reader.lie_near(near_us)
        ended = gaps.end(lines, reader.first_moment_us)
        records = reader.read(lines)
        return True, [*ended, *records, *map(gaps.lost, reader.take_losses())]

    def _try(self, step: Callable[[], Result]) -> Result | None:
        """Do a step; None when the log does not let us, which is its problem until it does."""
        try:
            result = step()
        except OSError as error:
            if str(error) != str(self.problem or ""):
                logger.warning("log cannot be read log=%s why=%s", self.name, error)
            self.problem = error
            return None
        if self.problem is not None:
            logger.info("log can be read again log=%s", self.name)
            self.problem = None
        return result
