"""The lines of a file that changes no more, compressed or not, from its beginning on.

Limits    To go to a place, everything before it is unpacked, a step at a time.
"""

from collections.abc import Generator
from enum import Enum, auto

from mailtally_agent.source.disk import FileStat, OpenFile
from mailtally_agent.source.lines import CHUNK_BYTES, LineCutter, LogCounts
from mailtally_agent.source.place import HEAD_BYTES, Place
from mailtally_agent.source.unpack import DamagedError, PackingError, Unpacked


class Seen(Enum):
    """What a file that was searched for a place has to do with it."""

    NOT_HERE = auto()
    # It has the same beginning: it is the file, or a part of it, before lines went or came.
    BEGINS_ALIKE = auto()
    HERE = auto()


class UnpackedLines:
    """One file."""

    # That of a compressed file says nothing: it was made when the log was compressed.
    inode = 0

    def __init__(self, file: OpenFile, size: int, counts: LogCounts) -> None:
        """Begin at the beginning; size as the file had it when it was first looked at."""
        self._file = file
        self._size = size
        self._unpacked: Unpacked | None = None
        self._cutter = LineCutter(counts)
        self._rest = b""
        self._ended = False

    @property
    def begun(self) -> bool:
        """Whether a line of it was given."""
        return self._cutter.line_offset > 0

    @property
    def unfinished(self) -> bool:
        """Whether bytes without a line's end follow the last line."""
        return bool(self._rest) or self._cutter.offset > self._cutter.line_offset

    def at_end(self) -> bool:
        """Whether there is nothing more to read."""
        return self._ended

    def read(self) -> list[str]:
        """Lines of the next CHUNK_BYTES, perhaps none; at_end() tells when that was all.

        Raises DamagedError, behind which nothing more comes, and OSError from the disk.
        """
        if self._ended:
            return []
        try:
            more = self._unpack()
        except DamagedError:
            self._ended = True
            raise
        self._ended = not more
        data = self._rest + more
        before = self._cutter.offset
        lines = self._cutter.take(data)
        self._rest = data[self._cutter.offset - before :]
        return lines

    def refused(self, error: OSError) -> DamagedError:
        """The disk does not let us read on: damage here, behind which nothing more comes."""
        self._ended = True
        return DamagedError(self._taken(), str(error.strerror or error))

    def seek(self, place: Place) -> Generator[None, None, Seen]:
        """Go behind place, one step at each turn; whether it is here.

        A file that does not hold it is left anywhere. Raises DamagedError, and OSError from the
        disk.
        """
        start = b""
        while len(start) < min(HEAD_BYTES, place.offset):
            data = self._unpack()
            if not data:
                break
            start += data
        if not place.begins(start):
            return Seen.NOT_HERE
        while start and self._cutter.offset < place.offset:
            before = self._cutter.offset
            self._cutter.skip(start[: place.offset - before])
            start = start[self._cutter.offset - before :] or self._unpack()
            yield
        if self._cutter.place() != place:
            return Seen.BEGINS_ALIKE
        self._rest = start
        return Seen.HERE

    def place(self) -> Place:
        """The place behind the last line given."""
        return self._cutter.place()

    def stat(self) -> FileStat:
        """As it is, whatever it is called."""
        return self._file.stat()

    def backlog_bytes(self) -> int:
        """Bytes that wait to be read, as they lie on the disk."""
        return self._size - min(self._taken(), self._size)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _taken(self) -> int:
        return self._unpacked.taken if self._unpacked else 0

    def _unpack(self) -> bytes:
        """Up to CHUNK_BYTES of text; a packing that is not read here damages the whole file."""
        if self._unpacked is None:
            try:
                self._unpacked = Unpacked(self._file, self._size)
            except PackingError as error:
                raise DamagedError(0, str(error)) from error
        return self._unpacked.read(CHUNK_BYTES)
