"""A look at logs before they are imported: their order, their years, and what is none."""

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailtally_agent.old_logs import Survey, shown, survey
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.syslog import epoch_us, last_moment_us

NOW_US = epoch_us(datetime(2026, 11, 25, tzinfo=UTC))
LINE = "{} 10:00:00 mx1 postfix/qmgr[7]: A1B2C3D4: removed\n"

Look = Callable[..., Survey]


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Look]:
    """Survey files of the test's folder."""
    with ExitStack() as opened:

        def run(*names: str, year: int | None = None) -> Survey:
            def latest_us(changed_us: int | None) -> int:
                return NOW_US if changed_us is None else changed_us

            def of_year(_: int | None) -> int:
                return last_moment_us(year or 0, UTC)

            paths = [str(tmp_path / name) for name in names]
            return survey(RealDisk(), paths, UTC, of_year if year else latest_us, opened)

        yield run


def write(path: Path, content: bytes | str, changed: str = "2026-11-25") -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    moment = datetime.fromisoformat(changed).replace(tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))


def days(found: Survey) -> list[tuple[str, str]]:
    return [
        (
            Path(log.path).name,
            datetime.fromtimestamp((log.first_us or 0) / 1e6, UTC).date().isoformat(),
        )
        for log in found.logs
    ]


def test_logs_come_in_the_order_of_their_first_lines(tmp_path: Path, look: Look) -> None:
    write(tmp_path / "mail.log", LINE.format("Nov 22"))
    write(tmp_path / "mail.log.1", LINE.format("Nov 15"), "2026-11-22")
    packed = gzip.compress(LINE.format("Dec 28").encode(), mtime=0)
    write(tmp_path / "mail.log.2.gz", packed, "2026-01-04")

    found = look("mail.log", "mail.log.1", "mail.log.2.gz")

    assert days(found) == [
        ("mail.log.2.gz", "2025-12-28"),
        ("mail.log.1", "2026-11-15"),
        ("mail.log", "2026-11-22"),
    ]
    assert (found.problems, found.skipped) == ([], [])


def test_logs_that_begin_in_one_second_come_as_they_were_changed(
    tmp_path: Path, look: Look
) -> None:
    write(tmp_path / "a", LINE.format("Nov 22") * 3, "2026-11-24")
    write(tmp_path / "b", LINE.format("Nov 22") * 9, "2026-11-23")

    assert [name for name, _ in days(look("a", "b"))] == ["b", "a"]


def test_year_of_a_packed_log_is_that_of_its_packing(tmp_path: Path, look: Look) -> None:
    """The file itself was copied this year, without its date."""
    packed_at = int(datetime(2023, 3, 2, tzinfo=UTC).timestamp())
    write(tmp_path / "a", gzip.compress(LINE.format("Mar  1").encode(), mtime=packed_at))
    write(tmp_path / "b", gzip.compress(LINE.format("Mar  1").encode(), mtime=0), "2024-03-02")

    assert days(look("b", "a")) == [("a", "2023-03-01"), ("b", "2024-03-01")]


@pytest.mark.parametrize("date", ["1970-01-01", "1980-01-01"])
def test_date_that_was_not_kept_says_nothing(date: str, tmp_path: Path, look: Look) -> None:
    write(tmp_path / "a", LINE.format("Mar  1"), date)

    assert days(look("a")) == [("a", "2026-03-01")]


def test_year_that_is_given(tmp_path: Path, look: Look) -> None:
    write(tmp_path / "a", LINE.format("Dec 31"))
    write(tmp_path / "b", LINE.format("Jan  1"))

    assert days(look("a", "b", year=2019)) == [("b", "2019-01-01"), ("a", "2019-12-31")]


@pytest.mark.parametrize(
    "line",
    [
        "2025-05-06T10:00:00+00:00 mx1 postfix/qmgr[7]: A1: removed\n",
        "<22>1 2025-05-06T10:00:00Z mx1 postfix/qmgr 7 - - A1: removed\n",
        '{"__REALTIME_TIMESTAMP": "1746525600000000", "MESSAGE": "A1: removed"}\n',
        "2025-05-06T10:00:00+00:00 mx1 kernel: a line without pid\n",
        "the rest of a line\n2025-05-06T10:00:00+00:00 mx1 postfix/qmgr[7]: A1: removed\n",
    ],
)
def test_every_form_of_line_has_its_moment(line: str, tmp_path: Path, look: Look) -> None:
    write(tmp_path / "a", line)

    assert days(look("a")) == [("a", "2025-05-06")]


def test_what_cannot_be_imported_is_told_all_at_once(tmp_path: Path, look: Look) -> None:
    write(tmp_path / "good", LINE.format("Nov 22"))
    write(tmp_path / "picture", bytes(range(256)) * 10)
    write(tmp_path / "z.lz4", b"\x04\x22\x4d\x18 rest")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    found = look("good", "missing", "picture", "z.lz4", "folder", "pipe")

    assert [problem.removeprefix(f"{tmp_path}/") for problem in found.problems] == [
        "missing: No such file or directory",
        "picture: no line with a time stamp at its beginning; is it a mail log?",
        "z.lz4: it is packed by lz4; unpack it first: lz4 -d FILE",
        "folder: not a regular file",
        "pipe: not a regular file",
    ]


def test_empty_logs_and_logs_named_twice_are_left_out(tmp_path: Path, look: Look) -> None:
    write(tmp_path / "a", LINE.format("Nov 22"))
    write(tmp_path / "empty", "")
    write(tmp_path / "empty.gz", gzip.compress(b""))
    (tmp_path / "link").symlink_to("a")

    found = look("a", "empty", "link", "empty.gz")

    assert days(found) == [("a", "2026-11-22")]
    assert [text.rpartition("/")[2] for text in found.skipped] == [
        "empty: empty",
        "link: named twice",
        "empty.gz: empty",
    ]


def test_damaged_log_is_for_the_reading_to_tell(tmp_path: Path, look: Look) -> None:
    packed = gzip.compress(LINE.format("Nov 22").encode())
    write(tmp_path / "good", LINE.format("Nov 23"))
    write(tmp_path / "damaged", packed[:12])

    found = look("damaged", "good")

    assert [Path(log.path).name for log in found.logs] == ["good", "damaged"]
    assert found.problems == []


def test_path_with_control_characters_is_escaped() -> None:
    assert shown("/a b/ü") == "/a b/ü"
    assert shown("/a\x1b]0;x") == "'/a\\x1b]0;x'"
