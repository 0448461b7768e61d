"""Writes a log as a syslog daemon does, from lives, and keeps the ledger.

Gives     ``write`` some lines now, or a thread that writes until ``finish``, which ends every
          message that was begun. ``reopen`` is what a daemon does after a rotation.
Form      Time stamps of RFC 3339 with microseconds, or traditional ones with whole seconds.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from tests.faults.ledger.ledger import Ledger
from tests.faults.ledger.lives import Line, Lives

SECOND_US = 1_000_000
TORN_ODDS = 0.02
TORN_SECONDS = 0.05
MODE = 0o640


class LogWriter:
    """The log of one server."""

    def __init__(self, path: Path, server: str, random: Random, *, rfc3339: bool = True) -> None:
        self.path = path
        self._server = server
        self._random = random
        self._rfc3339 = rfc3339
        self._lives = Lives(random)
        self.ledger = Ledger(self._lives.recipients)
        self._time_us = 0
        self._file = self._open()
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._pause_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name=f"log of {server}", daemon=True)

    def names(self) -> set[str]:
        """All recipients' addresses."""
        return self._lives.names()

    def write(self, lines: int) -> None:
        """Write so many lines."""
        for _ in range(lines):
            self._write(self._lives.next_line())

    def start(self, lines_per_second: float) -> None:
        """Begin to write, in bursts, beside what else is done."""
        self._pause_seconds = 1 / lines_per_second
        self._thread.start()

    def stop(self) -> None:
        """Write no more beside what is done; messages may be in the middle."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def finish(self) -> None:
        """Stop, and write every message that was begun to its end."""
        self.stop()
        while not self._lives.is_between:
            self._write(self._lives.next_line(begin=False))

    def reopen(self) -> None:
        """Go on in the file that has the name now."""
        with self._lock:
            os.close(self._file)
            self._file = self._open()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Write nothing during the block; a line that was begun is finished before."""
        with self._lock:
            yield

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)

    def _run(self) -> None:
        while not self._ending.is_set():
            burst = self._random.choice((1, 1, 5, 30))
            self.write(burst)
            time.sleep(burst * self._pause_seconds)

    def _write(self, line: Line) -> None:
        with self._lock:
            self._time_us = max(self._time_us + 1, time.time_ns() // 1_000)
            whole_us = 1 if self._rfc3339 else SECOND_US
            entry = self.ledger.begin(line, self._time_us // whole_us * whole_us)
            content = f"{self._header()} {self._server} {line.text}\n".encode()
            cut = 0
            if self._random.random() < TORN_ODDS:
                cut = self._random.randrange(len(content))
                os.write(self._file, content[:cut])
                time.sleep(self._random.random() * TORN_SECONDS)
            written = os.write(self._file, content[cut:])
            assert written == len(content) - cut
            self.ledger.written(entry)

    def _header(self) -> str:
        moment = datetime.fromtimestamp(self._time_us // SECOND_US, UTC)
        if self._rfc3339:
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{self._time_us % SECOND_US:06}+00:00"
        return f"{moment:%b} {moment.day:2} {moment:%H:%M:%S}"

    def close(self) -> None:
        """Give the file back."""
        with suppress(OSError):
            os.close(self._file)
