"""A place in a log, named by what lies before it.

A file is recognised by its content: inode numbers are used again at once, and a file that was
copied and truncated keeps its number. Two hashes, of the file's beginning and of the bytes just
before the offset, tell whether a file is the one that was read, and that it was not written anew
(docs/decisions/0005-places.md).
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mailtally_agent.source.disk import OpenFile

HEAD_BYTES = 1024
TAIL_BYTES = 256


@dataclass(frozen=True, slots=True)
class Place:
    """Behind the last line read: byte offset, hashes of the head and of the bytes before."""

    offset: int
    head: str
    tail: str

    @classmethod
    def of(cls, offset: int, head: bytes, tail: bytes) -> "Place":
        """Place at offset of a file that begins with head (HEAD_BYTES) and has tail before it."""
        return cls(offset, _hash(head), _hash(tail))

    def is_in(self, file: OpenFile) -> bool:
        """Whether this place lies in that file."""
        if file.stat().size < self.offset:
            return False
        head = file.read_at(0, min(HEAD_BYTES, self.offset))
        start = max(0, self.offset - TAIL_BYTES)
        return self == Place.of(self.offset, head, file.read_at(start, self.offset - start))

    def begins(self, content: bytes) -> bool:
        """Whether a file that begins so may hold this place; as many bytes as it has, or 1,024."""
        return self.head == _hash(content[: min(HEAD_BYTES, self.offset)])

    def to_state(self) -> dict[str, Any]:
        """Plain values for the checkpoint."""
        return {"offset": self.offset, "head": self.head, "tail": self.tail}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Place":
        """Inverse of to_state(); KeyError or ValueError when malformed."""
        return cls(int(state["offset"]), str(state["head"]), str(state["tail"]))


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
