"""Rotated and compressed: a log is read in order, at little cost, and damage is a hole."""

import bz2
import gzip
import lzma
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from mailtally_agent.source.disk import RealDisk, RealOpenFile
from mailtally_agent.source.log_file import LogFile
from mailtally_agent.source.place import Place
from tests.unit.agent.test_log_file import append, holes, open_log, read_all

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def numbered(first: int, end: int) -> str:
    return "".join(f"line {number} of many {'x' * (number % 50)}\n" for number in range(first, end))


def pack(path: Path, ending: str = "gz", content: bytes | None = None) -> Path:
    """Compress a file as logrotate does: its date is kept, and the plain one goes."""
    packed = path.with_name(f"{path.name}.{ending}")
    packed.write_bytes(PACK[ending](path.read_bytes()) if content is None else content)
    os.utime(packed, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    path.unlink()
    return packed


class CountingDisk(RealDisk):
    """Counts how often each file was opened, and the bytes that were read of it."""

    def __init__(self) -> None:
        self.opened: Counter[str] = Counter()
        self.bytes_read: Counter[str] = Counter()

    def open(self, path: str) -> RealOpenFile:
        name = os.path.basename(path)
        self.opened[name] += 1
        return CountedFile(os.open(path, os.O_RDONLY), name, self.bytes_read)


class CountedFile(RealOpenFile):
    """Counts the bytes read."""

    def __init__(self, descriptor: int, name: str, bytes_read: Counter[str]) -> None:
        super().__init__(descriptor)
        self._name = name
        self._bytes_read = bytes_read

    def read_at(self, offset: int, length: int) -> bytes:
        data = super().read_at(offset, length)
        self._bytes_read[self._name] += len(data)
        return data


@pytest.mark.parametrize("ending", PACK)
def test_first_start_reads_compressed_siblings_in_order(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    for number in (3, 2, 1):
        append(tmp_path / f"mail.log.{number}", f"{number}\n")
    pack(tmp_path / "mail.log.3", ending)
    pack(tmp_path / "mail.log.2", ending)
    append(path, "0\n")
    log = open_log(path)

    assert read_all(log) == ["3", "2", "1", "0"]
    assert holes(log) == []


@pytest.mark.parametrize("rotations", [1, 2, 3])
@pytest.mark.parametrize("ending", PACK)
def test_place_is_found_in_the_compressed_file_after_an_outage(
    ending: str, rotations: int, tmp_path: Path
) -> None:
    path = tmp_path / "mail.log"
    append(path, numbered(0, 30_000))
    log = open_log(path)
    while not (place := log.place()) or place.offset < 600_000:
        log.read()
    append(path, "last of the first\n")
    for number in range(rotations):
        for older in range(number, 0, -1):
            (tmp_path / f"mail.log.{older}.{ending}").rename(
                tmp_path / f"mail.log.{older + 1}.{ending}"
            )
        path.rename(tmp_path / "mail.log.1")
        pack(tmp_path / "mail.log.1", ending)
        append(path, f"{number}\n")
    resumed = open_log(path, place)

    lines = read_all(resumed)

    expected = numbered(0, 30_000).encode()[place.offset :].decode().splitlines()
    assert lines == [*expected, "last of the first", *map(str, range(rotations))]
    assert holes(resumed) == []


def test_files_with_dates_in_their_names(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    for date in ("20260301", "20260302", "20260303"):
        append(tmp_path / f"mail.log-{date}", f"{date}\n")
    pack(tmp_path / "mail.log-20260301", "xz")
    pack(tmp_path / "mail.log-20260302", "zst")
    append(path, "now\n")

    assert read_all(open_log(path)) == ["20260301", "20260302", "20260303", "now"]


def test_log_that_is_rotated_and_compressed_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)
    append(path, "two\n")
    path.rename(tmp_path / "mail.log.1")
    pack(tmp_path / "mail.log.1")
    append(path, "three\n")

    assert read_all(log) == ["two", "three"]
    assert holes(log) == []


def test_file_that_is_there_plain_and_half_compressed(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(tmp_path / "mail.log.1", "one\ntwo\n")
    (tmp_path / "mail.log.1.gz").write_bytes(gzip.compress(b"one\ntwo\n")[:20])
    append(path, "three\n")
    log = open_log(path)

    assert read_all(log) == ["one", "two", "three"]
    assert holes(log) == []


def test_delayed_compression_moves_the_place_from_plain_to_packed(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(tmp_path / "mail.log.1", "one\ntwo\n")
    log = open_log(path)
    assert read_all(log) == ["one", "two"]
    place = log.place()
    append(path, "three\n")
    pack(tmp_path / "mail.log.1").rename(tmp_path / "mail.log.2.gz")
    path.rename(tmp_path / "mail.log.1")
    append(path, "four\n")

    assert read_all(open_log(path, place)) == ["three", "four"]
    assert read_all(log) == ["three", "four"]
    assert holes(log) == []


def test_no_compressed_file_is_opened_while_nothing_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    for number in range(2, 9):
        append(tmp_path / f"mail.log.{number}", f"{number}\n")
        pack(tmp_path / f"mail.log.{number}")
    append(path, "one\n")
    disk = CountingDisk()
    log = LogFile(disk, str(path), None)
    read_all(log)
    disk.opened.clear()

    for number in range(50):
        if number % 10 == 0:
            append(path, "more\n")
        log.read()
        log.backlog_bytes()
    assert disk.opened == {}

    # The log is quiet behind a rotation that compressed what was read.
    path.rename(tmp_path / "mail.log.1")
    pack(tmp_path / "mail.log.1")
    path.touch()
    for _ in range(50):
        log.read()
        log.backlog_bytes()
    assert disk.opened == {"mail.log.1.gz": 1}
    append(path, "two\n")
    assert read_all(log) == ["two"]


def test_of_a_file_that_cannot_hold_the_place_the_head_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, numbered(0, 20_000))
    log = open_log(path)
    read_all(log)
    place = log.place()
    path.rename(tmp_path / "mail.log.3")
    pack(tmp_path / "mail.log.3")
    for number in (2, 1):
        append(tmp_path / f"mail.log.{number}", numbered(90_000 * number, 90_000 * number + 80_000))
        pack(tmp_path / f"mail.log.{number}")
    append(path, "now\n")
    disk = CountingDisk()

    resumed = LogFile(disk, str(path), place)
    assert read_all(resumed)[-1] == "now"
    assert [disk.opened[f"mail.log.{number}.gz"] for number in (1, 2, 3)] == [2, 2, 1]
    for name in ("mail.log.1.gz", "mail.log.2.gz"):
        size = (tmp_path / name).stat().st_size
        assert size > 200_000
        assert disk.bytes_read[name] < size + 40_000


@pytest.mark.parametrize("ending", PACK)
def test_damaged_file_is_read_as_far_as_it_goes_and_the_next_follows(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / "mail.log"
    text = numbered(0, 200_000)
    append(tmp_path / "mail.log.1", text)
    content = PACK[ending](text.encode())
    pack(tmp_path / "mail.log.1", ending, content[: len(content) * 2 // 3])
    append(path, "next\n")
    log = open_log(path)

    lines = read_all(log)

    assert lines[-1] == "next"
    assert lines[:-1] == text.splitlines()[: len(lines) - 1]
    assert len(lines) > 10_000
    assert holes(log) == [("unreadable", True)]


def test_hole_of_a_damaged_file_comes_behind_the_lines_before_it(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    text = numbered(0, 50_000)
    append(tmp_path / "mail.log.1", text)
    content = gzip.compress(text.encode())
    pack(tmp_path / "mail.log.1", "gz", content[: len(content) // 2])
    append(path, "next\n")
    log = open_log(path)

    while lines := log.read():
        assert holes(log) == ([("unreadable", True)] if lines == ["next"] else [])


def test_packing_that_is_not_read_is_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    (tmp_path / "mail.log.1.gz").write_bytes(b"PK\x03\x04 is a zip")
    append(path, "next\n")
    log = open_log(path)

    assert read_all(log) == ["next"]
    assert holes(log) == [("unreadable", True)]


def test_line_without_end_in_a_compressed_file_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(tmp_path / "mail.log.1", "one\ntw")
    pack(tmp_path / "mail.log.1")
    append(path, "three\n")
    log = open_log(path)

    assert read_all(log) == ["one", "three"]
    assert log.counts.torn == 1
    assert holes(log) == [("truncated", False)]


def test_backlog_counts_compressed_siblings_as_they_lie_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)
    path.rename(tmp_path / "mail.log.2")
    append(tmp_path / "mail.log.1", numbered(0, 1_000))
    size = pack(tmp_path / "mail.log.1").stat().st_size
    append(path, "three\n")

    assert log.backlog_bytes() == size + len("three\n")


@pytest.mark.parametrize("ending", PACK)
def test_each_read_of_a_bomb_unpacks_little(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    (tmp_path / f"mail.log.1.{ending}").write_bytes(PACK[ending](b"\0" * 100_000_000))
    append(path, "next\n")
    log = open_log(path)
    reads = 0
    while not (lines := log.read()):
        assert log.busy
        reads += 1

    assert lines == ["next"]
    assert reads > 10
    assert log.counts.oversize == 0


def test_looking_for_a_place_in_a_long_file_is_done_in_steps(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, numbered(0, 600_000))
    log = open_log(path)
    read_all(log)
    place = log.place()
    path.rename(tmp_path / "mail.log.1")
    pack(tmp_path / "mail.log.1")
    append(path, "next\n")
    resumed = open_log(path, place)
    reads = 0
    while not (lines := resumed.read()):
        assert resumed.busy
        assert not resumed.caught_up()
        assert resumed.place() == place
        reads += 1

    assert lines == ["next"]
    assert reads > 3


def test_copied_truncated_and_compressed_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, numbered(0, 100))
    log = open_log(path)
    read_all(log)
    append(path, "behind\n")
    (tmp_path / "mail.log.1").write_bytes(path.read_bytes())
    pack(tmp_path / "mail.log.1")
    path.write_text("next\n")

    assert read_all(log) == ["behind", "next"]
    assert holes(log) == [("truncated", False)]


def test_copied_and_truncated_while_nobody_reads_is_suspected(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)
    place = log.place()
    append(path, "two\n")
    (tmp_path / "mail.log.1").write_bytes(path.read_bytes())
    path.write_text("three\n")
    resumed = open_log(path, place)

    assert read_all(resumed) == ["two", "three"]
    assert holes(resumed) == [("truncated", False)]


def test_that_a_file_is_a_copy_is_known_behind_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)
    append(path, "two\n")
    (tmp_path / "mail.log.1").write_bytes(path.read_bytes())
    path.write_text("")
    assert read_all(log) == ["two"]
    place = log.place()
    assert place is not None
    resumed = open_log(path, Place.from_state(place.to_state()))
    append(path, "three\n")

    assert read_all(resumed) == ["three"]
    assert holes(resumed) == [("truncated", False)]


def test_file_whose_end_was_lost_is_read_again_and_suspected(tmp_path: Path) -> None:
    """As after a power cut: what was not on the disk yet is gone, and other lines follow."""
    path = tmp_path / "mail.log"
    append(tmp_path / "mail.log.1", numbered(0, 100))
    append(path, numbered(100, 200))
    log = open_log(path)
    read_all(log)
    place = log.place()
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:90]) + "other\n" * 100)
    resumed = open_log(path, place)

    assert read_all(resumed)[89:91] == [whole[89][:-1], "other"]
    assert holes(resumed) == [("truncated", False)]


def test_copy_that_is_shorter_than_what_was_read_of_the_log(tmp_path: Path) -> None:
    """The lines between copy and cut were read in time, some of them at least."""
    path = tmp_path / "mail.log"
    append(tmp_path / "mail.log.1", numbered(0, 100))
    append(path, numbered(100, 200))
    copy = path.read_bytes()
    append(path, "between\n")
    log = open_log(path)
    assert read_all(log)[-1] == "between"
    (tmp_path / "mail.log.1").rename(tmp_path / "mail.log.2")
    (tmp_path / "mail.log.1").write_bytes(copy)
    path.write_text("next\n")

    assert read_all(log) == [*numbered(100, 200).splitlines(), "next"]
    assert holes(log) == [("truncated", False)]


def test_log_that_was_restored_is_no_copy_made_by_rotation(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)
    place = log.place()
    content = path.read_bytes()
    path.rename(tmp_path / "away")
    path.write_bytes(content)
    resumed = open_log(path, place)
    assert read_all(resumed) == []
    path.rename(tmp_path / "mail.log.1")
    append(path, "two\n")

    assert read_all(resumed) == ["two"]
    assert holes(resumed) == []
