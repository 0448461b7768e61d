"""What was written to a log, noted before it is written: what must, may and must never be stored.

Gives     ``Attempt``, what a line about a recipient says; ``Line``; ``Ledger`` of one server.
Must      A whole line that was written: ``sure``.
May       Torn, glued to another, not on the medium at a power cut, or written while its log was
          copied and truncated.
Never     Everything else: what strangers wrote into lines must not be taken for a line.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Attempt(NamedTuple):
    """One try for one recipient; moment in microseconds since 1970."""

    queue_id: str
    recipient: bytes
    time_us: int
    status: str
    reply: bytes


@dataclass(slots=True, eq=False)
class Line:
    """A line without its end. ``written`` once it is whole on the disk; ``sure``: it must."""

    text: bytes
    time_us: int
    attempt: Attempt | None = None
    sure: bool = True
    written: bool = False


@dataclass(slots=True, eq=False)
class Life:
    """One message: its recipients and the lines about it. ``done`` once it left the queue."""

    queue_id: str
    sender: bytes
    recipients: list[bytes]
    lines: list[Line] = field(default_factory=list)
    done: bool = False


class Ledger:
    """The lines of one server, in the order in which they were written.

    ``glues``  what was left of a line after a power cut, and the line that was written behind it.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.lives: list[Life] = []
        self.glues: list[tuple[bytes, Line]] = []

    def may_be_glued(self, queue_id: str) -> bool:
        """Whether two glued lines may read like one about that message."""
        name = queue_id.encode()
        return any(name in torn + line.text for torn, line in self.glues)

    def doubt_unless(self, on_disk: Counter[bytes], before: Counter[bytes]) -> None:
        """Of lines that were on the disk before, those that are not there now may be stored."""
        for line in self.lines:
            if on_disk[line.text] < before[line.text]:
                line.sure = False
