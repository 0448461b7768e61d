"""A copy of the database beside a writer: whole, private, and never in another file's place."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.progress import Progress

from mailtally_collector import backup as backup_module
from mailtally_collector.backup import BackupError, backup
from mailtally_collector.store.location import PostgresDatabase
from mailtally_collector.store.schema_version import NewerDatabaseError
from tests.integration.collector.reports import accepted, ref, story
from tests.integration.collector.tables import Tables

COLLECTOR = Path(sys.executable).parent / "mailtally-collector"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "direct.db"


@pytest.fixture
def tables(path: Path) -> Iterator[Tables]:
    with closing(Tables(path)) as opened:
        yield opened


def test_a_copy_is_of_one_moment_and_ends_while_others_write(
    tables: Tables, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each page another batch is stored: a message with its roll-up."""
    lines = iter(range(1_000, 100_000, 2))

    def write(*_: object, **__: object) -> None:
        line = next(lines)
        message = ref(f"4BK{line:05}", line / 100, line)
        tables.store([accepted(message, line / 100, line + 1)])

    tables.store(story())
    monkeypatch.setattr(backup_module, "PAGES_AT_ONCE", 1)
    monkeypatch.setattr(Progress, "update", write)
    target = tmp_path / "copy.db"
    size = backup(path, target, quiet=True)
    assert size == target.stat().st_size
    with closing(sqlite3.connect(target)) as copy:
        (messages,) = copy.execute("SELECT COUNT(*) FROM message").fetchone()
        (counted,) = copy.execute(
            "SELECT SUM(messages_00 + messages_15 + messages_30 + messages_45) FROM traffic_hour"
        ).fetchone()
    assert messages == counted == len({record.message.queue_id for record in story()})
    assert tables.column("SELECT COUNT(*) > 50 FROM message") == [1]


@pytest.mark.usefixtures("tables")
def test_the_copy_is_private_and_overwrites_nothing(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    (tmp_path / "copy.db.part").write_text("left by a backup that was killed")
    command: list[str | Path] = [COLLECTOR, "backup", target, "--database", path]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(2)
    )
    assert (first.returncode, first.stdout) == (
        0,
        f"{target}: {target.stat().st_size} bytes, checked\n",
    )
    assert target.stat().st_mode & 0o777 == 0o600
    assert (second.returncode, second.stderr) == (
        1,
        f"{target} exists already and is not overwritten; name another file\n",
    )
    assert sorted(os.listdir(tmp_path)) == [
        "copy.db",
        *sorted(one.name for one in tmp_path.glob("direct*")),
    ]


def test_what_cannot_be_copied_leaves_nothing_behind(
    tables: Tables, path: Path, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match="is no database of mailtally-collector, or not there"):
        backup(tmp_path / "none.db", tmp_path / "copy.db", quiet=True)
    with pytest.raises(BackupError, match="use pg_dump, or pg_basebackup"):
        backup(PostgresDatabase("postgresql://db/mailtally"), tmp_path / "copy.db", quiet=True)
    with pytest.raises(BackupError, match="could not be written from"):
        backup(path, tmp_path / "no folder" / "copy.db", quiet=True)
    tables.close()
    content = bytearray(path.read_bytes())
    content[-8192:] = b"\x55" * 8192
    path.write_bytes(content)
    with pytest.raises(BackupError, match="is damaged, as the file itself may be"):
        backup(path, tmp_path / "copy.db", quiet=True)
    assert list(tmp_path.glob("copy*")) == []


@pytest.mark.usefixtures("tables")
def test_a_newer_database_is_not_copied(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999', '2030')")
    with pytest.raises(NewerDatabaseError):
        backup(path, tmp_path / "copy.db", quiet=True)
