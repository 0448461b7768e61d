"""Old files are read in order and to their ends, and a place is found again by what it holds."""

import gzip
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.lines import MAX_LINE_BYTES
from mailtally_agent.source.old_files import OldFiles, OldLog, PlaceLostError
from mailtally_agent.source.place import Place
from mailtally_agent.source.unpack import DamagedError


class Folder:
    """Files to import, and what was told of damage."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: list[tuple[str, int]] = []

    def log(self, name: str, content: bytes, first_us: int | None = None) -> OldLog:
        path = self.path / name
        path.write_bytes(content)
        return OldLog(name, RealDisk().open(str(path)), len(content), 0, b"", first_us)

    def files(self, logs: Sequence[OldLog], place: Place | None = None) -> OldFiles:
        return OldFiles(logs, place, self.note)

    def note(self, log: OldLog, error: DamagedError) -> None:
        self.damaged.append((log.path, error.byte))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def read(files: OldFiles) -> list[str]:
    lines: list[str] = []
    while some := files.read():
        lines += some
    return lines


def numbered(first: int, end: int) -> list[str]:
    return [f"line {number} {'x' * (number % 50)}" for number in range(first, end)]


def text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def test_files_one_after_the_other(folder: Folder) -> None:
    logs = [
        folder.log("a", gzip.compress(text(numbered(0, 20_000))), 7),
        folder.log("b", b""),
        folder.log("c", text(numbered(20_000, 20_100)), 9),
    ]
    files = folder.files(logs)

    assert files.backlog_bytes() == sum(log.size for log in logs)
    lines, nears = [], []
    while some := files.read():
        lines += some
        nears.append(files.near_us)
    assert lines == numbered(0, 20_100)
    assert [near for near in nears if near] == [7, 9]
    assert nears[-1] == 9
    assert files.backlog_bytes() == 0
    assert folder.damaged == []


def test_line_without_end_is_left_out_and_counted(folder: Folder) -> None:
    logs = [folder.log("a", b"one\ntw"), folder.log("b", b"three\n"), folder.log("c", b"four")]
    files = folder.files(logs)

    assert read(files) == ["one", "three"]
    assert files.counts.torn == 2


def test_endless_line_is_left_out_and_counted(folder: Folder) -> None:
    long = b"y" * (5 * MAX_LINE_BYTES)
    files = folder.files([folder.log("a", gzip.compress(b"one\n" + long + b"\ntwo\n" + long))])

    assert read(files) == ["one", "two"]
    assert (files.counts.oversize, files.counts.torn) == (1, 1)


def test_damage_ends_its_file_and_no_other(folder: Folder) -> None:
    packed = gzip.compress(text(numbered(0, 200_000)))
    cut = len(packed) // 2
    logs = [folder.log("a", packed[:cut]), folder.log("b", b"last\n")]

    lines = read(folder.files(logs))

    assert lines[-1] == "last"
    assert lines[:-1] == numbered(0, len(lines) - 1)
    assert len(lines) > 10_000
    assert folder.damaged == [("a", cut)]


def test_going_on_at_any_place_reads_the_rest(folder: Folder) -> None:
    # Small enough that one chunk holds several files, and large enough for several chunks.
    cuts = [0, 3, 9_000, 9_001, 30_000]
    logs = []
    for number, (first, end) in enumerate(itertools.pairwise(cuts)):
        content = text(numbered(first, end))
        packed = gzip.compress(content) if number % 2 else content
        logs.append(folder.log(f"{number}", packed, number + 1))
    files = folder.files(logs)
    everything = numbered(0, 30_000)
    count = 0
    while lines := files.read():
        count += len(lines)
        place = files.place()
        assert place is not None
        resumed = folder.files(logs, place)
        assert resumed.backlog_bytes() <= files.backlog_bytes() + 300_000
        assert resumed.place() == place
        rest = resumed.read()
        # The reader's state tells the year in the middle of a file.
        begins = rest and count in cuts
        assert resumed.near_us == (cuts.index(count) + 1 if begins else None)
        assert rest + read(resumed) == everything[count:]
    assert count == 30_000


def test_place_behind_everything_stays_when_nothing_more_comes(folder: Folder) -> None:
    logs = [folder.log("a", b"one\n"), folder.log("b", b"tw"), folder.log("c", b"")]
    files = folder.files(logs)
    read(files)
    place = files.place()

    assert place is not None
    assert place.offset == 4
    assert read(folder.files(logs, place)) == []


def test_place_that_no_file_holds(folder: Folder) -> None:
    files = folder.files([folder.log("a", text(numbered(0, 100)))])
    read(files)
    place = files.place()

    for other in (
        text(numbered(0, 99)),
        text(numbered(1, 101)),
        text(numbered(0, 99)) + b"new" * 9,
    ):
        with pytest.raises(PlaceLostError):
            folder.files([folder.log("b", other)], place)


def test_place_in_a_copy_that_is_shorter_loses_nothing(folder: Folder) -> None:
    """A log and the copy that was made of it earlier hold the same places."""
    logs = [
        folder.log("copy", text(numbered(0, 10_000))),
        folder.log("log", text(numbered(0, 50_000))),
    ]
    files = folder.files(logs)
    while files.read():
        rest = read(folder.files(logs, files.place()))
        assert rest[-1:] == numbered(49_999, 50_000) or files.backlog_bytes() == 0


def test_live_file_that_grows_is_read_to_its_present_end(folder: Folder) -> None:
    log = folder.log("a", b"one\n")
    files = folder.files([log])
    with (folder.path / "a").open("ab") as file:
        file.write(b"two\n")

    assert read(files) == ["one", "two"]
    assert files.backlog_bytes() == 0
