"""How far a long piece of work is: a bar on a terminal, else a line now and then.

Limits    One line that is written over; no colours, so that it looks the same everywhere.
"""

import logging
import shutil
import time
from collections.abc import Callable
from typing import TextIO

BAR_EVERY_SECONDS = 0.2
LINE_EVERY_SECONDS = 10.0
_BAR_MAX = 40
_CLEAR = "\r\x1b[K"


class Progress:
    """Bytes done of a total, and the records that came of them."""

    def __init__(
        self,
        stream: TextIO,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write to stream; quiet keeps what say() is told. clock gives seconds."""
        self._stream = stream
        self._clock = clock
        self._bar = stream.isatty() and not quiet
        self._lines = not stream.isatty() and not quiet
        self._total = self._first_done = 0
        self._begun = self._told = clock()

    def begin(self, total_bytes: int, done_bytes: int) -> None:
        """Begin with so much done by an earlier run."""
        self._total = total_bytes
        self._first_done = done_bytes
        self._begun = self._told = self._clock()

    def tell(self, done_bytes: int, records: int) -> None:
        """Show how far it is, if it is time."""
        now = self._clock()
        if self._bar and now - self._told >= BAR_EVERY_SECONDS:
            self._write(_CLEAR + self._bar_line(done_bytes, records))
        elif self._lines and now - self._told >= LINE_EVERY_SECONDS:
            self._write(", ".join(self._figures(done_bytes, records)) + "\n")
        else:
            return
        self._told = now

    def say(self, text: str) -> None:
        """Write a line of its own."""
        self._write(f"{_CLEAR if self._bar else ''}{text}\n")

    def end(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._write(_CLEAR)

    def _bar_line(self, done: int, records: int) -> str:
        figures = self._figures(done, records)
        columns = shutil.get_terminal_size().columns - 1
        text = "  ".join(figures)
        width = min(_BAR_MAX, columns - len(text) - 4)
        if width >= 4:
            full = width * min(done, self._total) // max(1, self._total)
            text = f"[{'#' * full}{'-' * (width - full)}]  {text}"
        return text[:columns]

    def _figures(self, done: int, records: int) -> list[str]:
        seconds = max(self._clock() - self._begun, 0.001)
        done = min(done, self._total)
        figures = [
            f"{100 * done // max(1, self._total)}%",
            f"{size(done)} of {size(self._total)}",
            f"{records:,} records",
            f"{records / seconds:,.0f}/s",
        ]
        if done > self._first_done:
            left = seconds * (self._total - done) / (done - self._first_done)
            figures.append(f"{duration(round(left))} left")
        return figures

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class ProgressHandler(logging.Handler):
    """Log lines that do not run into the bar."""

    def __init__(self, progress: Progress) -> None:
        """Write by way of it."""
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line."""
        self._progress.say(self.format(record))


def size(count: int) -> str:
    """Bytes with a unit.

    >>> size(1_300_000)
    '1.2 MiB'
    """
    if count < 1024:
        return f"{count} B"
    scaled, unit = count / 1024, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if scaled >= 1024:
            scaled, unit = scaled / 1024, larger
    return f"{scaled:.1f} {unit}"


def duration(seconds: int) -> str:
    """Hours, minutes and seconds.

    >>> duration(3_725)
    '1:02:05'
    """
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
