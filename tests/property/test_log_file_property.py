"""Whatever happens to a log between reads, every whole line is read once and in order.

What is not read lies in a hole; what is read says of no hole that lines are missing for sure.
"""

import bz2
import gzip
import itertools
import lzma
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.hole import Hole
from mailtally_agent.source.log_file import LogFile

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
KEPT = ["write", "write", "part", "rotate", "copytruncate", "compress", "begin_compress"]
READ = ["read", "restart", "step"]
STEPS = st.lists(st.sampled_from([*KEPT, *READ]), max_size=40)
LOSSY = st.lists(st.sampled_from([*KEPT, *READ, "delete_oldest"]), max_size=40)


class World:
    """A log that is written, rotated, compressed and followed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mail.log"
        self.path.touch()
        self.written: list[str] = []
        self.read: list[str] = []
        self.holes: list[Hole] = []
        # Behind how many lines holes lie.
        self.holes_at: set[int] = set()
        self.log = LogFile(RealDisk(), str(self.path), None)
        self.part = ""
        # Short files are known by all that they hold, long ones by their heads and tails.
        self.fill = 200

    def write(self) -> None:
        line = f"line number {len(self.written)} " + f"{len(self.written)} " * self.fill
        with self.path.open("a") as file:
            file.write(line[len(self.part) :] + "\n")
        self.written.append(line)
        self.part = ""

    def write_part(self) -> None:
        if not self.part:
            self.part = f"line number {len(self.written)}"[:9]
            with self.path.open("a") as file:
                file.write(self.part)

    def rotated(self) -> list[Path]:
        """Rotated files, oldest first."""
        paths = self.path.parent.glob("mail.log.*")
        return sorted(paths, key=lambda path: -int(path.name.split(".")[2]))

    def shift(self) -> None:
        """Make room for a new .1, as logrotate does before it rotates."""
        for path in self.rotated():
            parts = path.name.split(".")
            parts[2] = str(int(parts[2]) + 1)
            path.rename(path.with_name(".".join(parts)))

    def rotate(self) -> None:
        if self.part:
            self.write()
        self.finish_compressing()
        self.shift()
        self.path.rename(self.path.with_name("mail.log.1"))
        self.path.touch()

    def copytruncate(self) -> None:
        if self.part:
            self.write()
        self.finish_compressing()
        self.shift()
        self.path.with_name("mail.log.1").write_bytes(self.path.read_bytes())
        self.path.write_bytes(b"")

    def plain(self) -> list[Path]:
        return [path for path in self.rotated() if path.name.count(".") == 2]

    def compress(self) -> None:
        """Compress the oldest plain file."""
        self.finish_compressing()
        for path in self.plain()[:1]:
            ending = sorted(PACK)[len(self.written) % len(PACK)]
            packed = path.with_name(path.name + ending)
            packed.write_bytes(PACK[ending](path.read_bytes()))
            os.utime(packed, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
            path.unlink()

    def begin_compress(self) -> None:
        """Compress half of it: the plain file is still there."""
        for path in self.plain()[:1]:
            content = gzip.compress(path.read_bytes())
            path.with_name(path.name + ".gz").write_bytes(content[: len(content) // 2])

    def finish_compressing(self) -> None:
        for path in self.plain():
            half = path.with_name(path.name + ".gz")
            if half.exists():
                half.write_bytes(gzip.compress(path.read_bytes()))
                path.unlink()

    def delete_oldest(self) -> None:
        self.finish_compressing()
        for path in self.rotated()[:1]:
            path.unlink()

    def follow(self) -> None:
        while self.step() or self.log.busy:
            pass

    def step(self) -> list[str]:
        lines = self.log.read()
        self.take_holes()
        self.read += lines
        return lines

    def take_holes(self) -> None:
        if holes := self.log.take_holes():
            self.holes += holes
            self.holes_at.add(len(self.read))

    def restart(self) -> None:
        place = self.log.place()
        self.log.close()
        self.log = LogFile(RealDisk(), str(self.path), place)

    def run(self, steps: list[str]) -> None:
        actions: dict[str, Callable[[], object]] = {
            "write": self.write,
            "part": self.write_part,
            "rotate": self.rotate,
            "copytruncate": self.copytruncate,
            "compress": self.compress,
            "begin_compress": self.begin_compress,
            "delete_oldest": self.delete_oldest,
            "read": self.follow,
            "step": self.step,
            "restart": self.restart,
        }
        for step in steps:
            actions[step]()
        self.follow()
        self.log.close()


@settings(max_examples=400, deadline=None)
@given(STEPS, st.booleans())
def test_every_line_once_and_in_order(steps: list[str], long: bool) -> None:  # noqa: FBT001
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.fill *= long
        world.run(steps)

    assert world.written == world.read
    assert not any(hole.certain for hole in world.holes)
    if "copytruncate" not in steps:
        assert world.holes == []


@settings(max_examples=400, deadline=None)
@given(LOSSY, st.booleans())
def test_what_was_deleted_unread_is_a_hole(steps: list[str], long: bool) -> None:  # noqa: FBT001
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.fill *= long
        world.run(steps)

    numbers = [world.written.index(line) for line in world.read]
    assert numbers == sorted(set(numbers))
    # What went before the first line was read was never promised.
    for number, (before, line) in enumerate(itertools.pairwise([*numbers, len(world.written)]), 1):
        assert line == before + 1 or number in world.holes_at
