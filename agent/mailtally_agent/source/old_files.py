"""Old log files, one after the other and each to its end.

Gives     OldFiles: a LogSource like the log that is followed, with places of the same kind. A place
          is found again by content, in whatever file holds it.
Limits    The files stay open, so that a rotation on the way changes nothing. A line without end at
          the end of a file is dropped and counted as torn, as the follower does.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from mailtally_agent.source.disk import OpenFile
from mailtally_agent.source.hole import Hole
from mailtally_agent.source.lines import LogCounts
from mailtally_agent.source.place import Place
from mailtally_agent.source.unpack import DamagedError
from mailtally_agent.source.unpacked_lines import Seen, UnpackedLines


@dataclass(frozen=True, slots=True)
class OldLog:
    """One file; size in bytes as it lies on the disk. Moments: microseconds since 1970.

    changed_us  its last change, as the disk tells
    identity    what tells it from others: its first line; of a packed log its size as well, so that
                one that was damaged and restored is another
    first_us    of its first line; None when damage hides it
    """

    path: str
    file: OpenFile
    size: int
    changed_us: int
    identity: bytes
    first_us: int | None


class PlaceLostError(ValueError):
    """None of the files holds the place."""


class OldFiles:
    """Reads files in the order given; ``damaged`` is told where one cannot be read on."""

    busy = False

    def __init__(
        self,
        logs: Sequence[OldLog],
        place: Place | None,
        damaged: Callable[[OldLog, DamagedError], None],
    ) -> None:
        """Begin behind place, or with the first file; PlaceLostError when no file holds it."""
        self._logs = logs
        self._damaged = damaged
        self._resume_at = place
        self._index = -1
        self._lines: UnpackedLines | None = None
        self._begun_us: int | None = None
        self.near_us: int | None = None
        self.counts = LogCounts()
        if place is not None and not any(self._resume(place) for _ in logs):
            raise PlaceLostError("no log holds the place that was reached")

    def read(self) -> list[str]:
        """The next whole lines; empty at the end of the last file."""
        while (lines := self._lines or self._enter_next()) is not None:
            given = self._read_on(lines)
            if given:
                self.near_us, self._begun_us = self._begun_us, None
                return given
        return []

    def aim(self) -> None:
        """Old logs do not grow."""

    def caught_up(self) -> bool:
        """Yes: read() gives what there is."""
        return True

    def take_holes(self) -> list[Hole]:
        """None: who imports is told of damage, and the lines may have been followed."""
        return []

    def place(self) -> Place | None:
        """The place behind the last whole line given; None before anything was read."""
        return self._lines.place() if self._lines and self._lines.begun else self._resume_at

    def backlog_bytes(self) -> int:
        """Bytes of the files, as they lie on the disk, that wait to be read."""
        waiting = self._lines.backlog_bytes() if self._lines else 0
        return waiting + sum(log.size for log in self._logs[self._index + 1 :])

    def first_change_us(self) -> int | None:
        """Nothing: near_us tells of each file."""
        return None

    def close(self) -> None:
        """Stop; the files are their opener's."""
        self._lines = None
        self._index = len(self._logs)

    def _enter_next(self) -> UnpackedLines | None:
        """Begin the next file; None behind the last."""
        if self._index + 1 >= len(self._logs):
            return None
        self._index += 1
        log = self._logs[self._index]
        self._lines = UnpackedLines(log.file, log.size, self.counts)
        self._begun_us = log.first_us
        return self._lines

    def _read_on(self, lines: UnpackedLines) -> list[str]:
        """Lines of the next bytes; at the end of the file it is left."""
        given: list[str] = []
        try:
            given = lines.read()
        except DamagedError as error:
            self._damaged(self._logs[self._index], error)
        except OSError as error:
            self._damaged(self._logs[self._index], lines.refused(error))
        if lines.at_end():
            self.counts.torn += lines.unfinished
            self._leave()
        return given

    def _leave(self) -> None:
        self._resume_at = self.place()
        self._lines = None

    def _resume(self, place: Place) -> bool:
        """Go to that place if the next file holds it; behind that file if not."""
        lines = self._enter_next()
        if lines is None:
            return False
        try:
            if _to_its_end(lines.seek(place)) is Seen.HERE:
                self._begun_us = None
                return True
        except DamagedError as error:
            self._damaged(self._logs[self._index], error)
        except OSError as error:
            self._damaged(self._logs[self._index], lines.refused(error))
        self._lines = None
        return False


def _to_its_end(steps: Generator[None, None, Seen]) -> Seen:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            seen: Seen = end.value
            return seen
