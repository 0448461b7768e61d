"""Following a log: rotation, truncation, lines that are not whole, and places."""

import os
from pathlib import Path

import pytest

from mailtally_agent.source.disk import RealDisk, RealOpenFile
from mailtally_agent.source.lines import MAX_LINE_BYTES
from mailtally_agent.source.log_file import LogFile
from mailtally_agent.source.place import Place


def open_log(path: Path, place: Place | None = None) -> LogFile:
    return LogFile(RealDisk(), str(path), place)


def read_all(log: LogFile) -> list[str]:
    lines: list[str] = []
    while (chunk := log.read()) or log.busy:
        lines += chunk
    return lines


def holes(log: LogFile) -> list[tuple[str, bool]]:
    """Cause and certainty of the holes found since this was asked last."""
    return [(hole.cause.value, hole.certain) for hole in log.take_holes()]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_missing_log_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    log = open_log(path)

    with pytest.raises(FileNotFoundError, match="no such log"):
        log.read()
    append(path, "one\n")
    assert read_all(log) == ["one"]


def test_08_unfinished_line_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\ntw")
    log = open_log(path)

    assert read_all(log) == ["one"]
    append(path, "o\n")
    assert read_all(log) == ["two"]


def test_07_renamed_log_is_read_to_its_end_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)

    path.rename(tmp_path / "mail.log.1")
    append(tmp_path / "mail.log.1", "two\n")
    append(path, "three\n")

    assert read_all(log) == ["two", "three"]


def test_two_rotations_between_reads(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)

    path.rename(tmp_path / "mail.log.2")
    append(tmp_path / "mail.log.1", "two\n")
    append(path, "three\n")

    assert read_all(log) == ["two", "three"]
    assert holes(log) == []


def test_08_copied_and_truncated_log(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\ntwo\n")
    log = open_log(path)
    read_all(log)

    append(path, "three\n")
    (tmp_path / "mail.log.1").write_bytes(path.read_bytes())
    path.write_text("four\n")

    assert read_all(log) == ["three", "four"]
    assert holes(log) == [("truncated", False)]


def test_08_truncated_log_that_grew_past_the_place(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)

    (tmp_path / "mail.log.1").write_bytes(path.read_bytes())
    path.write_text("four and five and six\n")

    assert read_all(log) == ["four and five and six"]


def test_lines_that_no_file_holds_any_more_are_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)

    path.write_text("two, longer than before\n")

    assert read_all(log) == ["two, longer than before"]
    assert holes(log) == [("truncated", False)]


def test_07_place_is_found_in_the_rotated_file_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)
    place = log.place()
    append(path, "two\n")
    path.rename(tmp_path / "mail.log.1")
    append(path, "three\n")

    assert read_all(open_log(path, place)) == ["two", "three"]


def test_place_survives_a_rotation_to_a_file_without_lines(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)
    path.rename(tmp_path / "mail.log.1")
    append(path, "tw")
    assert read_all(log) == []
    place = log.place()
    assert place is not None
    append(path, "o\n")

    assert read_all(open_log(path, place)) == ["two"]


def test_log_written_anew_up_to_the_same_offset_is_not_taken_for_the_old_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mail.log"
    append(path, "aaa\nbbb\n")
    log = open_log(path)
    read_all(log)
    place = log.place()

    path.write_text("aaa\nccc\nddd\n")

    resumed = open_log(path, place)
    assert read_all(resumed) == ["aaa", "ccc", "ddd"]
    assert holes(resumed) == [("rotated_away", True)]


def test_unfinished_line_of_a_rotated_file_is_not_glued_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\nhal")
    log = open_log(path)
    read_all(log)
    path.rename(tmp_path / "mail.log.1")
    append(path, "two\n")

    assert read_all(log) == ["two"]
    assert log.counts.torn == 1
    assert holes(log) == [("truncated", False)]


def test_line_of_ten_megabytes_is_counted_and_what_follows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n" + "x" * 10_000_000)
    log = open_log(path)
    assert read_all(log) == ["one"]
    place = log.place()
    assert place is not None
    assert place.offset == 4

    append(path, "x\ntwo\n" + "y" * (MAX_LINE_BYTES + 1) + "\nthree\n")

    assert read_all(log) == ["two", "three"]
    assert log.counts.oversize == 2


def test_24_every_byte_survives(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    content = bytes(byte for byte in range(256) if byte != 10) + "\u2028\u202e\x85".encode()
    path.write_bytes(content + b"\n")

    (line,) = read_all(open_log(path))

    assert line.encode("utf-8", "surrogateescape") == content


def test_pipe_in_the_place_of_the_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    os.mkfifo(path)

    with pytest.raises(OSError, match="not a regular file"):
        open_log(path).read()


class RotatingDisk(RealDisk):
    """Rotates the log once more just before it is opened a second time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = 0

    def open(self, path: str) -> RealOpenFile:
        self._opened += 1
        if self._opened == 2:
            self._path.with_name("mail.log.1").rename(self._path.with_name("mail.log.2"))
            self._path.rename(self._path.with_name("mail.log.1"))
            append(self._path, "three\n")
        return super().open(path)


def test_rotation_between_looking_and_opening_skips_no_file(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = LogFile(RotatingDisk(path), str(path), None)
    assert log.read() == ["one"]
    path.rename(tmp_path / "mail.log.1")
    append(path, "two\n")

    assert read_all(log) == ["two", "three"]


def test_what_follows_a_file_that_was_deleted_may_not_be_all(tmp_path: Path) -> None:
    """Rotated twice where one old file is kept: of the file in between nothing is known."""
    path = tmp_path / "mail.log"
    append(path, "one\n")
    log = open_log(path)
    read_all(log)

    path.unlink()
    append(path, "three\n")

    assert read_all(log) == ["three"]
    assert holes(log) == [("rotated_away", False)]


class DiskThatRefuses(RealDisk):
    """Lists no names for a while."""

    def __init__(self) -> None:
        self.refuses = False

    def names(self, directory: str) -> list[str]:
        if self.refuses:
            raise PermissionError(directory)
        return super().names(directory)


def test_first_lines_are_not_lost_when_names_cannot_be_listed(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    append(path, "")
    disk = DiskThatRefuses()
    log = LogFile(disk, str(path), None)
    read_all(log)
    append(path, "one\n")
    disk.refuses = True
    with pytest.raises(PermissionError):
        log.read()
    disk.refuses = False

    assert read_all(log) == ["one"]
