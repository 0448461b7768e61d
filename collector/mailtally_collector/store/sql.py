"""Statements on peewee's own connection, typed; its ORM is too slow for what every record does.

Gives     Single statements, and the same for many rows at once: ``find``, ``insert_many``,
          ``update_many``, ``delete_many``, ``add_many``. As SQLite wants them; postgres_sql.py does
          the same for PostgreSQL, and dialect.py chooses.
Limits    Statements are written with ``?`` and in SQL that SQLite and PostgreSQL share. Names of
          tables and columns are the caller's constants. Errors are peewee's, whatever the driver.
"""
# ruff: noqa: S608 — names are constants of the callers

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain, islice
from typing import Any, Protocol

import peewee
from peewee import Database

# SQLite takes 32,766 values in one statement.
VALUES_MAX = 8_000

Row = tuple[Any, ...]
# Turns the errors of drivers into those of peewee.
as_peewee: AbstractContextManager[None] = peewee.__exception_wrapper__  # type: ignore[attr-defined]


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

    def run_many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run one statement with many sets of values, in their order."""
        self._many(statement, rows)

    def insert(self, table: str, values: Mapping[str, object]) -> int:
        """Insert one row and return its id."""
        row = self.run(
            f"{_insert(table, list(values))} RETURNING id", tuple(values.values())
        ).fetchone()
        return int(row[0])

    def update(self, table: str, row_id: int, columns: Mapping[str, object]) -> None:
        """Set columns of the row with this id."""
        marks = ", ".join(f"{name} = ?" for name in columns)
        self.run(f"UPDATE {table} SET {marks} WHERE id = ?", (*columns.values(), row_id))

    def find(
        self,
        table: str,
        columns: Sequence[str],
        key: Sequence[str],
        wanted: Collection[Sequence[object]],
    ) -> list[Row]:
        """Rows whose ``key`` columns are among ``wanted``, in no order.

        Keys of several columns are joined from the left: SQLite would look up ``(a, b) IN`` by its
        first column alone.
        """
        statement = f"SELECT {', '.join(columns)} FROM {table} WHERE {key[0]} IN ({{}})"
        mark = "?"
        if len(key) > 1:
            names = [f"wanted_{name}" for name in key]
            equal = " AND ".join(f"{name} = wanted_{name}" for name in key)
            statement = (
                f"WITH wanted ({', '.join(names)}) AS (VALUES {{}}) SELECT {', '.join(columns)}"
                f" FROM wanted CROSS JOIN {table} WHERE {equal}"
            )
            mark = f"({', '.join('?' * len(key))})"
        return self._in_parts(statement, mark, len(key), wanted)

    def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows. Raises IntegrityError when one is there already."""
        self._many(_insert(table, columns), rows)

    def insert_missing(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> list[Row]:
        """Insert rows, but for those that are there already; (id, *columns) of the new ones."""
        mark = f"({', '.join('?' * len(columns))})"
        names = ", ".join(columns)
        returned = f"ON CONFLICT DO NOTHING RETURNING id, {names}"
        statement = f"INSERT INTO {table} ({names}) VALUES {{}} {returned}"
        return self._in_parts(statement, mark, len(columns), rows)

    def update_many(
        self, table: str, columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Set ``columns`` of the rows with these keys; each row is (*columns, *key)."""
        marks = ", ".join(f"{name} = ?" for name in columns)
        self._many(f"UPDATE {table} SET {marks} WHERE {_equal(key)}", rows)

    def delete_many(self, table: str, key: Sequence[str], rows: Sequence[Row]) -> None:
        """Delete the rows with these keys."""
        self._many(f"DELETE FROM {table} WHERE {_equal(key)}", rows)

    def add_many(
        self, table: str, key: Sequence[str], counts: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Add to ``counts`` of the rows with these keys, which are made when missing."""
        sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in counts)
        statement = _insert(table, [*key, *counts])
        self._many(f"{statement} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}", rows)

    def lock_servers(self, server_ids: Collection[int]) -> None:
        """Let no other collector store for these servers until the transaction ends.

        One process writes to a SQLite file at a time anyway.
        """

    def _in_parts(
        self, statement: str, mark: str, width: int, rows: Collection[Sequence[object]]
    ) -> list[Row]:
        """Run a statement with a ``mark`` for each row, for as many rows at once as it takes."""
        found: list[Row] = []
        for part in _parts(rows, VALUES_MAX // width):
            marks = ", ".join([mark] * len(part))
            values = tuple(chain.from_iterable(part))
            found += self.run(statement.format(marks), values).fetchall()
        return found

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        with as_peewee:
            self.database.cursor().executemany(statement, rows)  # type: ignore[no-untyped-call]


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _equal(key: Sequence[str]) -> str:
    return " AND ".join(f"{name} = ?" for name in key)


def _parts(wanted: Iterable[Sequence[object]], size: int) -> Iterator[list[Sequence[object]]]:
    rest = iter(wanted)
    while part := list(islice(rest, size)):
        yield part
