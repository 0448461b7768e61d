"""Old log files, one after the other and each to its end.

Gives     OldFiles: a LogSource like the log that is followed, with places of the same kind. A place
          is found again by content, in whatever file holds it.
Limits    The files stay open, so that a rotation on the way changes nothing. A line without end at
          the end of a file is dropped and counted as torn, as the follower does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailtally_agent.source.disk import OpenFile
from mailtally_agent.source.lines import CHUNK_BYTES, LineCutter, LogCounts
from mailtally_agent.source.place import HEAD_BYTES, Place
from mailtally_agent.source.unpack import DamagedError, Unpacked


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
        self._unpacked: Unpacked | None = None
        self._ended = False
        self._done_bytes = 0
        self._begun_us: int | None = None
        self.near_us: int | None = None
        self.counts = LogCounts()
        self._lines = LineCutter(self.counts)
        self._rest = b""
        if place is not None and not any(self._resume(place) for _ in logs):
            raise PlaceLostError("no log holds the place that was reached")

    def read(self) -> list[str]:
        """The next whole lines; empty at the end of the last file."""
        while self._unpacked is not None or self._enter_next():
            lines = self._read_on()
            if lines:
                self.near_us, self._begun_us = self._begun_us, None
                return lines
        return []

    def place(self) -> Place | None:
        """The place behind the last whole line given; None before anything was read."""
        return self._lines.place() if self._lines.line_offset else self._resume_at

    def caught_up(self) -> bool:
        """Yes: read() gives what there is."""
        return True

    def backlog_bytes(self) -> int:
        """Bytes of the files, as they lie on the disk, that wait to be read."""
        taken = min(self._unpacked.taken, self._logs[self._index].size) if self._unpacked else 0
        return sum(log.size for log in self._logs) - self._done_bytes - taken

    def first_change_us(self) -> int | None:
        """Nothing: near_us tells of each file."""
        return None

    def close(self) -> None:
        """Stop; the files are their opener's."""
        self._unpacked = None
        self._index = len(self._logs)

    def _enter_next(self) -> bool:
        """Begin the next file; False behind the last."""
        if self._index + 1 >= len(self._logs):
            return False
        self._resume_at = self.place()
        self._index += 1
        log = self._logs[self._index]
        self._unpacked = Unpacked(log.file, log.size)
        self._ended = False
        self._begun_us = log.first_us
        self._lines = LineCutter(self.counts)
        self._rest = b""
        return True

    def _read_on(self) -> list[str]:
        """Lines of the next bytes; at the end of the file it is left."""
        more = self._next_bytes()
        data = self._rest + more
        before = self._lines.offset
        lines = self._lines.take(data)
        self._rest = data[self._lines.offset - before :]
        if not more and not lines:
            self.counts.torn += bool(self._rest) or self._lines.offset > self._lines.line_offset
            self._leave()
        return lines

    def _next_bytes(self) -> bytes:
        """Bytes of the present file; nothing at its end, and where it cannot be read on."""
        if self._unpacked is None or self._ended:
            return b""
        log, data = self._logs[self._index], b""
        try:
            data = self._unpacked.read(CHUNK_BYTES)
        except DamagedError as error:
            self._damaged(log, error)
        except OSError as error:
            why = str(error.strerror or error)
            self._damaged(log, DamagedError(self._unpacked.taken, why))
        self._ended = not data
        return data

    def _leave(self) -> None:
        self._done_bytes += self._logs[self._index].size
        self._unpacked = None

    def _resume(self, place: Place) -> bool:
        """Go to that place if the next file holds it; behind that file if not."""
        self._enter_next()
        rest = b""
        while len(rest) < min(HEAD_BYTES, place.offset) and (data := self._next_bytes()):
            rest += data
        if place.begins(rest):
            while rest and self._lines.offset < place.offset:
                before = self._lines.offset
                self._lines.skip(rest[: place.offset - before])
                rest = rest[self._lines.offset - before :] or self._next_bytes()
            if self._lines.place() == place:
                self._rest = rest
                self._begun_us = None
                return True
        self._leave()
        return False
