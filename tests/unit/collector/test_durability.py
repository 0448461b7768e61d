"""A commit is on disk when it returns: what the writer's connection is set to."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailtally_collector.store.database import applied_migrations, migrate, open_for_writing
from mailtally_collector.store.schema_version import known_migrations

# Ends in the middle of a transaction whose pages are in the file already, and their old content in
# a journal beside it: as when a new file is about to be given its write-ahead log.
KILLED = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = DELETE")
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("CREATE TABLE half (one)")
connection.executemany("INSERT INTO half VALUES (?)", [("x" * 900,)] * 900)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("pragma", "value"), [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1)]
)
def test_writer_is_durable(pragma: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "collector.db"
    migrate(path)
    database = open_for_writing(path)

    with database.connection_context():
        assert getattr(database, pragma) == value


def test_database_is_for_the_collector_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "collector.db"
    migrate(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("was_migrated", [True, False])
def test_what_a_killed_process_left_is_undone_at_the_next_start(
    tmp_path: Path, *, was_migrated: bool
) -> None:
    path = tmp_path / "collector.db"
    if was_migrated:
        migrate(path)
    killed = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.with_name("collector.db-journal").stat().st_size > 0

    assert applied_migrations(path) == (known_migrations() if was_migrated else [])
    migrate(path)
    assert applied_migrations(path) == known_migrations()
