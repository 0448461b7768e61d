"""A log is rotated at each single step that reading makes on the disk: no line is lost."""

import gzip
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mailtally_agent.source.disk import FileStat, RealDisk, RealOpenFile
from mailtally_agent.source.log_file import LogFile
from mailtally_agent.source.place import Place

Event = Callable[[Path], None]


def shift(path: Path) -> None:
    for number in (3, 2, 1):
        for ending in ("", ".gz"):
            old = path.with_name(f"mail.log.{number}{ending}")
            if old.exists():
                old.rename(path.with_name(f"mail.log.{number + 1}{ending}"))


def rename(path: Path) -> None:
    shift(path)
    path.rename(path.with_name("mail.log.1"))
    path.touch()


def copy_and_truncate(path: Path) -> None:
    shift(path)
    path.with_name("mail.log.1").write_bytes(path.read_bytes())
    path.write_bytes(b"")


def compress(path: Path) -> None:
    for number in (3, 2, 1):
        plain = path.with_name(f"mail.log.{number}")
        if plain.exists():
            packed = path.with_name(f"mail.log.{number}.gz")
            packed.write_bytes(gzip.compress(plain.read_bytes()))
            plain.unlink()


def rename_and_compress(path: Path) -> None:
    rename(path)
    compress(path)


def rename_twice(path: Path) -> None:
    rename(path)
    append(path, "between\n")
    rename(path)


def copy_and_truncate_twice(path: Path) -> None:
    copy_and_truncate(path)
    append(path, "between\n")
    copy_and_truncate(path)


def write_and_rename(path: Path) -> None:
    append(path, "late\n")
    rename(path)


# What happens, and the lines that are written with it.
EVENTS: dict[Event, list[str]] = {
    rename: [],
    write_and_rename: ["late"],
    copy_and_truncate: [],
    compress: [],
    rename_and_compress: [],
    rename_twice: ["between"],
    copy_and_truncate_twice: ["between"],
}


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


class StrickenDisk(RealDisk):
    """Something happens before one of its steps, and a line is written behind it."""

    def __init__(self) -> None:
        self.steps_left = 0
        self.event: Callable[[], None] | None = None

    def arm(self, steps: int, event: Callable[[], None]) -> None:
        self.steps_left, self.event = steps, event

    def step(self) -> None:
        if self.event is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                event, self.event = self.event, None
                event()

    def names(self, directory: str) -> list[str]:
        self.step()
        return super().names(directory)

    def stat(self, path: str) -> FileStat:
        self.step()
        return super().stat(path)

    def open(self, path: str) -> RealOpenFile:
        self.step()
        return StrickenFile(os.open(path, os.O_RDONLY), self)


class StrickenFile(RealOpenFile):
    """A file of that disk."""

    def __init__(self, descriptor: int, disk: StrickenDisk) -> None:
        super().__init__(descriptor)
        self._disk = disk

    def stat(self) -> FileStat:
        self._disk.step()
        return super().stat()

    def read_at(self, offset: int, length: int) -> bytes:
        self._disk.step()
        return super().read_at(offset, length)


def follow(log: LogFile, lines: list[str]) -> None:
    while (some := log.read()) or log.busy:
        lines += some


@pytest.mark.parametrize("way", ["first reading", "followed", "resumed"])
@pytest.mark.parametrize(("long", "before"), [(0, "new\n"), (60, "")])
@pytest.mark.parametrize("event", EVENTS)
def test_no_line_is_lost(event: Event, long: int, before: str, way: str, tmp_path: Path) -> None:
    for steps in itertools.count():
        folder = tmp_path / str(steps)
        folder.mkdir()
        path = folder / "mail.log"
        append(folder / "mail.log.2", "oldest\n")
        append(folder / "mail.log.1", "older\n")
        append(path, "".join(f"{number} {'x' * number}\n" for number in range(long + 1)))
        disk = StrickenDisk()
        log = LogFile(disk, str(path), None)
        lines: list[str] = []
        if way != "first reading":
            follow(log, lines)
        append(path, before)
        if way == "resumed":
            place = log.place()
            assert place is not None
            log = LogFile(disk, str(path), Place.from_state(place.to_state()))

        def strike(path: Path = path) -> None:
            event(path)
            append(path, "behind\n")

        disk.arm(steps, strike)
        # Rotated once, before or while the log is looked at a few times.
        for _ in range(2):
            follow(log, lines)
        struck, disk.event = disk.event is None, None
        follow(log, lines)

        expected = ["oldest", "older", *(f"{n} {'x' * n}" for n in range(long + 1))]
        expected += before.split()
        if struck:
            expected += [*EVENTS[event], "behind"]
        # In order, and none missing; lines that come a second time are known by their keys.
        assert list(dict.fromkeys(lines)) == expected, steps
        certain = [hole for hole in log.take_holes() if hole.certain]
        assert certain == [], steps
        log.close()
        if not struck:
            break
    assert steps > 10
