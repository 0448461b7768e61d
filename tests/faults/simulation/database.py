"""The collector's database in memory: it survives the collector, can be set back, and fails.

Gives     ``Storage``, what lies on the medium: ``keep`` and ``set_back`` are a backup and its
          restoration; ``fail`` plans a fault of the next statements. ``VirtualDatabase``, what one
          collector opens of it.
"""

import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from peewee import OperationalError, SqliteDatabase

from mailtally_collector.store.database import migrate
from tests.faults.simulation.killed import Killed

# What a statement or a commit may meet.
FULL = "the database or disk is full"
LOCKED = "the database is locked"
KILL = "kill"
# The commit succeeds, and the connection breaks before the answer.
UNKNOWN = "unknown"


@cache
def migrated() -> bytes:
    """A database without rows, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.db"
        migrate(path)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = delete")
        connection.close()
        return path.read_bytes()


class Storage:
    """A database file."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.deserialize(migrated())
        self._kept = migrated()
        self._after = 0
        self._fault = ""

    def keep(self) -> None:
        """Make a backup."""
        self._kept = self.connection.serialize()

    def set_back(self) -> None:
        """Restore it."""
        self.connection.deserialize(self._kept)

    def fail(self, fault: str, after: int) -> None:
        """Let the statement after so many have the fault; UNKNOWN waits for the next commit."""
        self._fault, self._after = fault, after

    def abandon(self) -> None:
        """Whoever used it is gone; what was not committed is undone."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def heal(self) -> None:
        """Plan nothing."""
        self._fault = ""

    def statement(self) -> None:
        """A statement is run."""
        if not self._fault or self._fault == UNKNOWN:
            return
        self._after -= 1
        if self._after < 0:
            fault, self._fault = self._fault, ""
            if fault == KILL:
                raise Killed
            raise OperationalError(fault)

    def committed(self) -> None:
        """A commit is done."""
        if self._fault == UNKNOWN:
            self._fault = ""
            raise _connection_lost()


def _connection_lost() -> OperationalError:
    """The error of a driver in peewee's, as a broken connection gives it."""
    lost = OperationalError("server closed the connection unexpectedly")
    lost.__context__ = psycopg.OperationalError(str(lost))
    return lost


class VirtualDatabase(SqliteDatabase):
    """A connection to the storage."""

    def __init__(self, storage: Storage, *, may_fail: bool = True) -> None:
        super().__init__(":memory:", pragmas={"foreign_keys": 1})
        self._storage = storage
        self._may_fail = may_fail

    def _connect(self) -> sqlite3.Connection:
        self._storage.abandon()
        hooks: Any = self._add_conn_hooks  # type: ignore[attr-defined]
        hooks(self._storage.connection)
        return self._storage.connection

    def _close(self, conn: sqlite3.Connection) -> None:
        """The storage stays."""

    def cursor(self, named_cursor: Any = None) -> Any:
        """Every statement needs one."""
        if self._may_fail:
            self._storage.statement()
        return super().cursor(named_cursor)  # type: ignore[no-untyped-call]

    def commit(self) -> Any:
        """Commit."""
        super().commit()
        self._storage.committed()

    def rollback(self) -> Any:
        """Roll back what the fault left open."""
        if self._storage.connection.in_transaction:
            super().rollback()
