"""An event loop whose time jumps from one deadline to the next: nothing ever waits.

Gives     VirtualLoop, deterministic: callbacks run in the order in which they became due.
Limits    No sockets, no threads, no signals. What waits for something that never comes raises
          StalledError.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class StalledError(Exception):
    """Nothing is due any more, and somebody still waits."""


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop that moves its own clock."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = self
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Seconds since the loop began."""
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Stand in for the selector: let the time pass that would be waited."""
        if timeout is None:
            raise StalledError(f"nothing is due after {self._now:.3f} s")
        self._now += max(0.0, timeout)
        return []

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: object) -> None:
        """Signals are sent by calling what they would call."""

    def remove_signal_handler(self, sig: int) -> bool:
        """There is none."""
        del sig
        return False

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""
