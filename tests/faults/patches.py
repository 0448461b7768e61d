"""What is changed in a program's process before it begins: its clock, or a function (a mutant).

Gives     ``patch_folder``: to be put before PYTHONPATH. Python loads the sitecustomize.py in it. No
          option or variable of the product has anything to do with it.
Clock     Where the product asks Python for the time, an offset is added that can be changed at any
          moment. The monotonic clock goes on, as it does when somebody sets a host's clock.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

CLOCK = """
import mmap, struct, time
_file = open({path!r}, "r+b")
_map = mmap.mmap(_file.fileno(), 8)
_time, _time_ns = time.time, time.time_ns
time.time_ns = lambda: _time_ns() + struct.unpack("q", _map[:8])[0]
time.time = lambda: _time() + struct.unpack("q", _map[:8])[0] / 1e9
"""
_FORM = struct.Struct("q")
SECOND_NS = 1_000_000_000


class Clock:
    """The offset of one program's clock; ``set`` it in seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(_FORM.pack(0))

    def set(self, seconds: int) -> None:
        """Let the clock differ by so much."""
        with self._path.open("r+b") as file:
            file.write(_FORM.pack(seconds * SECOND_NS))

    def patch(self) -> str:
        """What the program has to run at its start."""
        return CLOCK.format(path=str(self._path))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program, ``agent`` or ``collector``, that does something as it should not.

    source     changes a function when the program starts
    unseen     why no layer with real processes can see it; empty when one should
    """

    name: str
    program: str
    source: str
    unseen: str = ""

    def source_for(self, program: str) -> str:
        """What this program has to run."""
        return self.source if program == self.program else ""


SOUND = Mutant("none", "", "")


def patch_folder(folder: Path, *sources: str) -> Path:
    """Make a folder whose sitecustomize.py runs these sources."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("\n".join(sources))
    return folder
