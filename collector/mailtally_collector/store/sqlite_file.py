"""A SQLite file: durability, version check, migration (database.py says which functions when).

Limits    WAL with synchronous=FULL: a commit is on disk when it returns. WAL needs a file system
          with shared memory, so the file must not lie on a network mount.
Raises    DatabaseRefusedError, in words for an operator, whenever the file cannot be used.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from peewee import DatabaseError, SqliteDatabase
from playhouse.migrations import Runner  # type: ignore[import-untyped]

from mailtally_collector.store.schema_version import (
    HISTORY_TABLE,
    MIGRATIONS,
    DatabaseRefusedError,
    refuse_newer,
)

BUSY_TIMEOUT_SECONDS = 10


def applied_migrations(path: Path) -> list[str]:
    """Names of the migrations that the file has seen, in order; [] for a file without tables.

    The file is opened read-only, unless a process that was killed left a transaction in it: SQLite
    has to undo that before anything can be read. Raises NewerDatabaseError when it has seen one
    that this version does not know, and DatabaseRefusedError when it is not a database of this
    program.
    """
    if not path.exists():
        return []
    try:
        try:
            applied = _applied(path, "ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            applied = _applied(path, "rw")
    except sqlite3.Error as error:
        raise DatabaseRefusedError(f"{path} cannot be read: {error}") from error
    refuse_newer(path, applied)
    return applied


def _applied(path: Path, mode: str) -> list[str]:
    """Read the names in a connection of that mode. Raises sqlite3.Error."""
    address = f"{path.absolute().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if tables and HISTORY_TABLE not in tables:
            raise DatabaseRefusedError(f"{path} is a database of another program")
        if not tables:
            return []
        rows = connection.execute(f"SELECT name FROM {HISTORY_TABLE}")  # noqa: S608 - a constant
        return sorted(name for (name,) in rows)


def migrate(path: Path) -> list[str]:
    """Make the file if need be and bring it to this version; the names of what was applied.

    1. Refuse a file from a newer version before anything is written to it.
    2. Make the directory (mode 0700) and the file (mode 0600): they hold addresses of people.
    3. Take the write lock, so that of two processes that start together one waits, and sees then
       that there is nothing left to do.
    """
    applied_migrations(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        database = SqliteDatabase(
            str(path), pragmas={"journal_mode": "wal", "synchronous": "full"}, timeout=60
        )
        with database.connection_context(), database.atomic("EXCLUSIVE"):
            applied: list[str] = Runner(database, str(MIGRATIONS), HISTORY_TABLE).up()
    except (OSError, DatabaseError, sqlite3.Error) as error:
        raise DatabaseRefusedError(f"{path} cannot be opened: {error}") from error
    return applied


def open_for_writing(path: Path) -> SqliteDatabase:
    """The database for the one thread that writes; connects when that thread first uses it."""
    return SqliteDatabase(
        str(path),
        pragmas={
            "journal_mode": "wal",
            "synchronous": "full",
            "foreign_keys": 1,
            "cache_size": -65_536,
            # The default of 4 MiB would copy the log into the file after every large batch.
            "wal_autocheckpoint": 8_192,
        },
        timeout=BUSY_TIMEOUT_SECONDS,
    )


def open_for_reading(path: Path) -> SqliteDatabase:
    """The database for threads that ask questions; each thread gets a connection of its own.

    A file that was deleted is not made anew by a question.
    """
    return SqliteDatabase(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        pragmas={"query_only": 1, "cache_size": -16_384},
        timeout=BUSY_TIMEOUT_SECONDS,
    )
