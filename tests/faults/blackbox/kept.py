"""A program that a service manager keeps up, unless a fault holds it down."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.e2e.processes import Program


class Kept:
    """``look`` starts it again when it has ended; how often it ended by itself is counted."""

    def __init__(self, program: Program, start: Callable[[], None]) -> None:
        self.program = program
        self.ended: list[int] = []
        self._start = start
        self._lock = threading.RLock()
        self._held = 0
        start()

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self.program.process is not None and self.program.process.poll() is None

    def look(self) -> None:
        """Start it when it should run and does not."""
        with self._lock:
            if not self._held and not self.is_up:
                assert self.program.process is not None
                self.ended.append(self.program.process.returncode)
                self._start()

    @contextmanager
    def down(self, number: signal.Signals = signal.SIGKILL) -> Iterator[None]:
        """End it, and keep it so during the block."""
        with self._lock:
            self._held += 1
            if self.is_up:
                self.signal(signal.SIGCONT)
                self.program.end(number)
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
                if not self._held:
                    self._start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it stand still during the block."""
        self.signal(signal.SIGSTOP)
        yield
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal if it runs."""
        with self._lock, suppress(ProcessLookupError):
            assert self.program.process is not None
            self.program.process.send_signal(number)

    def end(self) -> int:
        """End it for good; its exit status."""
        with self._lock:
            self._held += 1
            return self.program.end() if self.is_up else -1

    def kill(self) -> None:
        """End it for good and at once."""
        with self._lock:
            self._held += 1
            self.signal(signal.SIGKILL)
