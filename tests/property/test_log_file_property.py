"""Whatever happens to a log between reads, every whole line is read once and in order."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.hole import Hole
from mailtally_agent.source.log_file import LogFile

STEPS = st.lists(
    st.sampled_from(["write", "write", "part", "rotate", "copytruncate", "read", "restart"]),
    max_size=40,
)


class World:
    """A log that is written, rotated and followed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mail.log"
        self.path.touch()
        self.written: list[str] = []
        self.read: list[str] = []
        self.log = LogFile(RealDisk(), str(self.path), None)
        self.part = ""
        self.holes: list[Hole] = []

    def write(self) -> None:
        line = f"line number {len(self.written)}"
        with self.path.open("a") as file:
            file.write(line[len(self.part) :] + "\n")
        self.written.append(line)
        self.part = ""

    def write_part(self) -> None:
        if not self.part:
            self.part = f"line number {len(self.written)}"[:9]
            with self.path.open("a") as file:
                file.write(self.part)

    def shift(self) -> None:
        """Make room for a new .1, as logrotate does before it rotates."""
        numbers = sorted(
            (int(p.suffix[1:]) for p in self.path.parent.glob("mail.log.*")), reverse=True
        )
        for number in numbers:
            self.path.with_name(f"mail.log.{number}").rename(
                self.path.with_name(f"mail.log.{number + 1}")
            )

    def rotate(self) -> None:
        if self.part:
            self.write()
        self.shift()
        self.path.rename(self.path.with_name("mail.log.1"))
        self.path.touch()

    def copytruncate(self) -> None:
        if self.part:
            self.write()
        self.shift()
        self.path.with_name("mail.log.1").write_bytes(self.path.read_bytes())
        self.path.write_bytes(b"")

    def follow(self) -> None:
        while (lines := self.log.read()) or self.log.busy:
            self.read += lines
        self.holes += self.log.take_holes()

    def restart(self) -> None:
        place = self.log.place()
        self.holes += self.log.take_holes()
        self.log.close()
        self.log = LogFile(RealDisk(), str(self.path), place)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_every_line_once_and_in_order(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        actions = {
            "write": world.write,
            "part": world.write_part,
            "rotate": world.rotate,
            "copytruncate": world.copytruncate,
            "read": world.follow,
            "restart": world.restart,
        }
        for step in steps:
            actions[step]()
        world.follow()

        assert world.written == world.read
        assert not any(hole.certain for hole in world.holes)
        if "copytruncate" not in steps:
            assert world.holes == []
        world.log.close()
