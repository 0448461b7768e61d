"""The real logrotate, set up as hosts have it, while the log is read and while nobody does."""

import subprocess
import time
from pathlib import Path

import pytest

from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.hole import Hole
from mailtally_agent.source.log_file import LogFile
from mailtally_agent.source.place import Place
from mailtally_agent.terms import GapCause

KEPT = 4
CONFIG = """\
"{log}" {{
    su root root
    rotate {kept}
    missingok
    {options}
}}
"""
DATED = "dateext\n    dateformat -%Y%m%d-%s"
WAYS = {
    "create": "create",
    "create, empty ones too": "create\n    ifempty",
    "nocreate": "nocreate",
    "compress": "create\n    compress",
    "delaycompress": "create\n    compress\n    delaycompress",
    "xz": "create\n    compress\n    compresscmd /usr/bin/xz\n    compressext .xz",
    "bzip2": "create\n    compress\n    compresscmd /bin/bzip2\n    compressext .bz2",
    "zstd": (
        "create\n    compress\n    compresscmd /usr/bin/zstd\n    compressext .zst\n"
        "    compressoptions --rm -q"
    ),
    "dateext": f"create\n    {DATED}",
    "dateext, compress": f"create\n    {DATED}\n    compress",
    "dateext, delaycompress": f"create\n    {DATED}\n    compress\n    delaycompress",
    "copytruncate": "copytruncate",
    "copytruncate, compress": "copytruncate\n    compress",
    "copytruncate, dateext, delaycompress": (
        f"copytruncate\n    {DATED}\n    compress\n    delaycompress"
    ),
}


class Log:
    """A log that is written, rotated and read."""

    def __init__(self, folder: Path, way: str, kept: int = KEPT) -> None:
        self.path = folder / "mail.log"
        self.config = folder / "rotate.conf"
        self.config.write_text(CONFIG.format(log=self.path, kept=kept, options=WAYS[way]))
        self.dated = "dateext" in way
        self.written: list[str] = []
        self.read: list[str] = []
        self.holes: list[Hole] = []
        self.log = LogFile(RealDisk(), str(self.path), None)

    def write(self, count: int = 40) -> None:
        lines = [f"line {len(self.written) + number} " + "x" * 80 for number in range(count)]
        with self.path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
        self.written += lines

    def rotate(self) -> None:
        if self.dated:
            # Names go by the second.
            time.sleep(1.01)
        state = self.config.with_name("state")
        subprocess.run(
            ["logrotate", "--force", "--state", state, self.config],
            check=True,
            capture_output=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )

    def follow(self) -> None:
        while (lines := self.log.read()) or self.log.busy:
            self.read += lines
            self.holes += self.log.take_holes()

    def restart(self) -> None:
        place = self.log.place()
        assert place is not None
        self.log.close()
        self.log = LogFile(RealDisk(), str(self.path), Place.from_state(place.to_state()))


@pytest.mark.parametrize("way", WAYS)
def test_read_while_it_is_rotated(way: str, tmp_path: Path) -> None:
    log = Log(tmp_path, way)
    for number in range(2 if log.dated else 3):
        log.write()
        log.follow()
        log.write(number)
        log.rotate()
        log.write(number)
        log.follow()
    log.write()
    log.follow()

    assert log.read == log.written
    assert {hole for hole in log.holes if hole.certain} == set()
    assert log.holes == [] or "copytruncate" in way


@pytest.mark.parametrize(
    ("way", "rotations"),
    [
        (way, rotations)
        for way in WAYS
        for rotations in (1, 2, 3)
        # Names by date take a second for each.
        if rotations == 2 or "dateext" not in way
    ],
)
def test_rotated_while_nobody_reads(way: str, rotations: int, tmp_path: Path) -> None:
    log = Log(tmp_path, way)
    log.write()
    log.follow()
    for _ in range(rotations):
        log.write()
        log.rotate()
    log.write()
    log.restart()
    log.follow()

    assert log.read == log.written
    assert {hole for hole in log.holes if hole.certain} == set()
    assert log.holes == [] or "copytruncate" in way


@pytest.mark.parametrize("way", ["create", "compress", "copytruncate"])
def test_rotated_beyond_what_is_kept_is_a_gap(way: str, tmp_path: Path) -> None:
    log = Log(tmp_path, way, kept=2)
    log.write()
    log.follow()
    for _ in range(4):
        log.write()
        log.rotate()
    log.write()
    log.restart()
    log.follow()

    assert log.read == [*log.written[:40], *log.written[-120:]]
    assert Hole(GapCause.ROTATED_AWAY, certain=True, again=True) in log.holes


def test_a_quiet_log_that_is_rotated_away_was_read(tmp_path: Path) -> None:
    """The file that was read last goes; others that were written after it may have gone too."""
    log = Log(tmp_path, "create, empty ones too", kept=2)
    log.write()
    log.follow()
    for _ in range(5):
        log.rotate()
        log.follow()
    log.write()
    log.follow()

    assert log.read == log.written
    assert log.holes == [Hole(GapCause.ROTATED_AWAY, certain=False)]
