"""What the agent needs of a log: the one that it follows, or old ones that are read once."""

from typing import Protocol

from mailtally_agent.source.lines import LogCounts
from mailtally_agent.source.place import Place


class LogSource(Protocol):
    """Lines in the order in which they were written, and the place behind them."""

    @property
    def counts(self) -> LogCounts:
        """What was read and what could not be."""

    @property
    def near_us(self) -> int | None:
        """Moment of the first line that read() gave last; None when the lines before tell it."""

    def read(self) -> list[str]:
        """The next whole lines; empty when there are none (yet). Raises OSError."""

    def place(self) -> Place | None:
        """The place behind the last line given; None before anything was read."""

    def backlog_bytes(self) -> int:
        """Bytes that wait to be read."""

    def first_change_us(self) -> int | None:
        """A moment that no line of the oldest file lies behind; None when it is not known."""

    def close(self) -> None:
        """Give the file back."""
