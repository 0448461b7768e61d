"""Statements on peewee's own connection, typed; its ORM is too slow for what every record does.

Limits    Statements are written with ``?`` and in SQL that SQLite and PostgreSQL share. Errors are
          peewee's, whatever the driver.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from peewee import Database


class Cursor(Protocol):
    """What is used of a driver's cursor."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""


class Sql:
    """Runs statements in the transaction that is open on the database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def run(self, statement: str, values: Sequence[object] = ()) -> Cursor:
        """Run one statement. Raises peewee.PeeweeException."""
        cursor: Cursor = self.database.execute_sql(statement, values)  # type: ignore[no-untyped-call]
        return cursor

    def insert(self, table: str, values: Mapping[str, object]) -> int:
        """Insert one row and return its id. Table and column names are the caller's constants."""
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        row = self.run(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id",  # noqa: S608
            tuple(values.values()),
        ).fetchone()
        return int(row[0])

    def has(self, table: str, server_id: int, time_us: int, line_hash: int) -> bool:
        """Whether a record with this key is in the table, a constant of the caller."""
        row = self.run(
            f"SELECT 1 FROM {table} WHERE server_id = ? AND time_us = ? AND line_hash = ?",  # noqa: S608
            (server_id, time_us, line_hash),
        ).fetchone()
        return row is not None
