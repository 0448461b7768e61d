"""A place in a log, named by what lies before it.

A file is recognised by its content: inode numbers are used again at once, and a file that was
copied and truncated keeps its number. Two hashes, of the file's beginning and of the bytes just
before the offset, tell whether a file is the one that was read, and that it was not written anew
(docs/decisions/0005-places.md). Of a compressed file, the unpacked bytes count.
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

HEAD_BYTES = 1024
TAIL_BYTES = 256


@dataclass(frozen=True, slots=True)
class Place:
    """Behind the last line read: byte offset, hashes of the head and of the bytes before.

    Beside the place itself it is remembered, for what it tells of lines behind the place:

    inode   of the file where it was taken, 0 for a compressed one: found again in another plain
            file, the log was copied
    copied  the file is a copy that was made before the log was cut
    """

    offset: int
    head: str
    tail: str
    inode: int = field(default=0, compare=False)
    copied: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, offset: int, head: bytes, tail: bytes) -> "Place":
        """Place at offset of a file that begins with head (HEAD_BYTES) and has tail before it."""
        return cls(offset, _hash(head), _hash(tail))

    def begins(self, content: bytes) -> bool:
        """Whether a file that begins so may hold this place; as many bytes as it has, or 1,024."""
        return self.head == _hash(content[: min(HEAD_BYTES, self.offset)])

    def to_state(self) -> dict[str, Any]:
        """Plain values for the checkpoint."""
        return {
            "offset": self.offset,
            "head": self.head,
            "tail": self.tail,
            "inode": self.inode,
            "copied": self.copied,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Place":
        """Inverse of to_state(); KeyError or ValueError when malformed."""
        return cls(
            int(state["offset"]),
            str(state["head"]),
            str(state["tail"]),
            int(state["inode"]),
            bool(state["copied"]),
        )


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
