"""Cuts the bytes of one file into whole lines, and knows the place behind the last one.

Gives     LineCutter: bytes in, in order; whole lines out, decoded with ``surrogateescape``.
Limits    A line longer than MAX_LINE_BYTES is dropped and counted as oversize (Postfix cuts at
          2,000).
"""

from dataclasses import dataclass

from mailtally_agent.source.place import HEAD_BYTES, TAIL_BYTES, Place

CHUNK_BYTES = 256 * 1024
MAX_LINE_BYTES = 64 * 1024


@dataclass(slots=True)
class LogCounts:
    """What was read and what could not be."""

    bytes_read: int = 0
    oversize: int = 0
    torn: int = 0


class LineCutter:
    """The lines of one file.

    offset       where the next byte is taken
    tail         the bytes just before it
    line_offset  behind the last whole line
    """

    def __init__(
        self, counts: LogCounts, offset: int = 0, head: bytes = b"", tail: bytes = b""
    ) -> None:
        """Begin behind a whole line; head and tail as a Place has them there."""
        self._counts = counts
        self._head = head
        self.offset = self.line_offset = offset
        self.tail = self._line_tail = tail
        self._oversize = False

    def place(self) -> Place:
        """The place behind the last whole line."""
        return Place.of(self.line_offset, self._head[: self.line_offset], self._line_tail)

    def take(self, data: bytes) -> list[str]:
        """Lines of the bytes at offset, without their ends.

        Moves behind the last line end in data; the unfinished rest has to be given again, together
        with what follows it.
        """
        end = data.rfind(b"\n") + 1
        if end == 0:
            if self._oversize or self.offset + len(data) - self.line_offset > MAX_LINE_BYTES:
                self._oversize = True
                self._move(data)
            return []
        whole = data[:end]
        self.skip(whole)
        if self._oversize:
            self._oversize = False
            self._counts.oversize += 1
            whole = whole[whole.find(b"\n") + 1 :]
        if not whole:
            return []
        lines = whole[:-1].decode("utf-8", "surrogateescape").split("\n")
        if len(max(lines, key=len)) > MAX_LINE_BYTES:
            short = [line for line in lines if len(line) <= MAX_LINE_BYTES]
            self._counts.oversize += len(lines) - len(short)
            lines = short
        return lines

    def skip(self, whole: bytes) -> None:
        """Move behind whole lines."""
        self._move(whole)
        self.line_offset, self._line_tail = self.offset, self.tail

    def _move(self, data: bytes) -> None:
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + data[:HEAD_BYTES])[:HEAD_BYTES]
        self.offset += len(data)
        self.tail = (self.tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
        self._counts.bytes_read += len(data)
