"""What a running process takes, as the kernel accounts for it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGESIZE")


def resident_mib(pid: int) -> float:
    """Memory that it holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES / MIB


def cpu_seconds(pid: int) -> float:
    """CPU time since its start, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def folder_bytes(folder: Path) -> int:
    """Size of all files in a folder."""
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.stat().st_size
        except FileNotFoundError:
            continue
    return sizes


@contextmanager
def sampled(measure: Callable[[], float], every_seconds: float) -> Iterator[list[float]]:
    """Measure again and again during the block."""
    values = [measure()]
    over = threading.Event()

    def sample() -> None:
        while not over.wait(every_seconds):
            values.append(measure())

    thread = threading.Thread(target=sample, name="sampler")
    thread.start()
    try:
        yield values
    finally:
        over.set()
        thread.join()
        values.append(measure())


def cpu_share(pid: int, seconds: float) -> float:
    """Share of one core that it takes over the next seconds."""
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)
