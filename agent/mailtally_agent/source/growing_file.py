"""The lines of a plain file that may grow, be renamed or be cut while it is read.

How       Every read begins a little before the place and checks that the bytes there are those read
          before.
"""

from mailtally_agent.source.disk import FileStat, OpenFile
from mailtally_agent.source.lines import CHUNK_BYTES, LineCutter, LogCounts
from mailtally_agent.source.place import HEAD_BYTES, TAIL_BYTES, Place


class CutError(Exception):
    """The file does not hold any more what was read of it."""


class GrowingFile:
    """One file, from a place on."""

    def __init__(self, file: OpenFile, cutter: LineCutter) -> None:
        """Own the file; use at_start() or behind()."""
        self._file = file
        self._cutter = cutter
        # Behind the last byte that was seen.
        self._seen = cutter.offset

    @classmethod
    def at_start(cls, file: OpenFile, counts: LogCounts) -> "GrowingFile":
        """From the file's beginning."""
        return cls(file, LineCutter(counts))

    @classmethod
    def behind(cls, file: OpenFile, place: Place, counts: LogCounts) -> "GrowingFile | None":
        """From place on; None when the file does not hold it."""
        offset = place.offset
        head = file.read_at(0, min(HEAD_BYTES, offset))
        start = max(0, offset - TAIL_BYTES)
        tail = file.read_at(start, offset - start)
        if len(tail) < offset - start or Place.of(offset, head, tail) != place:
            return None
        return cls(file, LineCutter(counts, offset, head, tail))

    @property
    def begun(self) -> bool:
        """Whether a line of it was given."""
        return self._cutter.line_offset > 0

    @property
    def unfinished(self) -> bool:
        """Whether bytes without a line's end follow the last line."""
        return self._seen > self._cutter.line_offset

    @property
    def inode(self) -> int:
        """What a renamed file keeps and a copy does not have."""
        return self._file.stat().inode

    def read(self) -> list[str]:
        """The next whole lines, at most CHUNK_BYTES of them. Raises CutError and OSError."""
        cutter = self._cutter
        tail = cutter.tail
        start = cutter.offset - len(tail)
        data = self._file.read_at(start, len(tail) + CHUNK_BYTES)
        if not data.startswith(tail):
            raise CutError
        self._seen = start + len(data)
        return cutter.take(data[len(tail) :])

    def at_end(self) -> bool:
        """Whether the last read() saw all that is there."""
        return self._file.stat().size <= self._seen

    def place(self) -> Place:
        """The place behind the last line given."""
        return self._cutter.place()

    def stat(self) -> FileStat:
        """As it is, whatever it is called."""
        return self._file.stat()

    def backlog_bytes(self) -> int:
        """Bytes that wait to be read."""
        return max(0, self._file.stat().size - self._cutter.line_offset)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
