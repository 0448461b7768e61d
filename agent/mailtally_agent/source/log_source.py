"""What the agent needs of a log: the one that it follows, or old ones that are read once."""

from typing import Any, Protocol

from mailtally_agent.source.hole import Hole
from mailtally_agent.source.lines import LogCounts

# A place as plain values, for the checkpoint.
PlaceState = dict[str, Any]


class LogPlace(Protocol):
    """Where a log was read to."""

    def to_state(self) -> PlaceState:
        """Plain values; equal for equal places."""


class LogSource(Protocol):
    """Lines in the order in which they were written, and the place behind them."""

    @property
    def counts(self) -> LogCounts:
        """What was read and what could not be."""

    @property
    def near_us(self) -> int | None:
        """Moment of the first line that read() gave last; None when the lines before tell it."""

    @property
    def busy(self) -> bool:
        """Whether the read() that gave nothing has more to do, and should be called again soon."""

    def read(self) -> list[str]:
        """The next whole lines; empty when there are none (yet). Raises OSError."""

    def take_holes(self) -> list[Hole]:
        """Holes found since the last call, before the lines that came last or come next."""

    def aim(self) -> None:
        """Let caught_up() mean what the log holds from now on."""

    def caught_up(self) -> bool:
        """Whether all that the log held at the last aim has been given."""

    def place(self) -> LogPlace | None:
        """The place behind the last line given; None before anything was read."""

    def backlog_bytes(self) -> int:
        """Bytes that wait to be read."""

    def first_change_us(self) -> int | None:
        """A moment that the first line to come lies not behind; None when it is not known."""

    def close(self) -> None:
        """Give the file back."""
