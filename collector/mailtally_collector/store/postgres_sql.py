"""What sql.py does, as PostgreSQL does it fast: many rows as arrays, new rows by binary COPY.

Limits    Tables and their columns must be models: arrays and COPY need the types. Statements that
          change rows of a partitioned table name the range of its key, so that other partitions are
          left alone.
"""
# ruff: noqa: S608 — names are constants of the callers

from collections.abc import Collection, Sequence
from functools import lru_cache

from peewee import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    DoubleField,
    Field,
    IntegerField,
    SmallIntegerField,
    TextField,
)

from mailtally_collector.store.array_literal import array_literal
from mailtally_collector.store.models import TABLES
from mailtally_collector.store.sql import Cursor, Row, Sql, as_peewee

TYPES: dict[type[Field], str] = {
    AutoField: "int4",
    IntegerField: "int4",
    SmallIntegerField: "int2",
    BigAutoField: "int8",
    BigIntegerField: "int8",
    BlobField: "bytea",
    BooleanField: "bool",
    DoubleField: "float8",
    TextField: "text",
}
COLUMN_TYPES: dict[str, dict[str, str]] = {
    model._meta.table_name: {  # noqa: SLF001 - how peewee tells
        name: TYPES[type(field)]
        for name, field in model._meta.columns.items()  # noqa: SLF001
    }
    for model in TABLES
}
# Fewer rows than this are not worth a COPY.
COPY_MIN = 8


class ServerSql(Sql):
    """Runs statements in the transaction that is open on the database."""

    def run(self, statement: str, values: Sequence[object] = ()) -> Cursor:
        """Run one statement. Raises peewee.PeeweeException."""
        return super().run(_translated(statement), values)

    def run_many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run one statement with many sets of values, in their order."""
        self._many(_translated(statement), rows)

    def find(
        self,
        table: str,
        columns: Sequence[str],
        key: Sequence[str],
        wanted: Collection[Sequence[object]],
    ) -> list[Row]:
        """Rows whose ``key`` columns are among ``wanted``, in no order."""
        if not wanted:
            return []
        arrays = _arrays(table, key)
        if len(key) == 1:
            where = f"{key[0]} = ANY({arrays}){self._of_server(table)}"
            statement = f"SELECT {', '.join(columns)} FROM {table} WHERE {where}"
        else:
            named = ", ".join(f"wanted_{name}" for name in key)
            equal = " AND ".join(f"{table}.{name} = wanted_{name}" for name in key)
            statement = (
                f"SELECT {', '.join(columns)} FROM unnest({arrays}) AS wanted ({named})"
                f" JOIN {table} ON {equal}{self._of_server(table)}"
            )
        return self._execute(statement, _columns(table, key, wanted)).fetchall()

    def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows. Raises IntegrityError when one is there already."""
        if len(rows) < COPY_MIN:
            self._insert_arrays(table, columns, rows, "")
            return
        with (
            as_peewee,
            self.database.cursor().copy(  # type: ignore[no-untyped-call]
                f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
            ) as copy,
        ):
            copy.set_types([COLUMN_TYPES[table][name] for name in columns])
            for row in rows:
                copy.write_row(row)

    def insert_missing(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows, but for those that are there already."""
        self._insert_arrays(table, columns, rows, "ON CONFLICT DO NOTHING")

    def insert_named(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> list[Row]:
        """Insert rows, but for those that are there already; (id, *columns) of the new ones."""
        if not rows:
            return []
        names = ", ".join(columns)
        return self._execute(
            f"INSERT INTO {table} ({names}) SELECT * FROM unnest({_arrays(table, columns)})"
            f" ON CONFLICT DO NOTHING RETURNING id, {names}",
            _columns(table, columns, rows),
        ).fetchall()

    def update_many(
        self, table: str, columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Set ``columns`` of the rows with these keys; each row is (*columns, *key)."""
        if not rows:
            return
        names = [*columns, *key]
        sets = ", ".join(f"{name} = given.{name}" for name in columns)
        equal = " AND ".join(f"{table}.{name} = given.{name}" for name in key)
        self._execute(
            f"UPDATE {table} SET {sets} FROM unnest({_arrays(table, names)})"
            f" AS given ({', '.join(names)}) WHERE {equal} AND {_between(table, key[0])}"
            f"{self._of_server(table)}",
            [*_columns(table, names, rows), *_range(rows, len(columns))],
        )

    def delete_many(self, table: str, key: Sequence[str], rows: Sequence[Row]) -> None:
        """Delete the rows with these keys."""
        if not rows:
            return
        equal = " AND ".join(f"{table}.{name} = given.{name}" for name in key)
        self._execute(
            f"DELETE FROM {table} USING unnest({_arrays(table, key)})"
            f" AS given ({', '.join(key)}) WHERE {equal} AND {_between(table, key[0])}"
            f"{self._of_server(table)}",
            [*_columns(table, key, rows), *_range(rows, 0)],
        )

    def add_many(
        self, table: str, key: Sequence[str], counts: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Add to ``counts`` of the rows with these keys, which are made when missing."""
        sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in counts)
        conflict = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}"
        self._insert_arrays(table, [*key, *counts], rows, conflict)

    def shared(self, select: str) -> str:
        """Return the statement so that what it reads is not changed until the transaction ends."""
        return f"{select} FOR SHARE"

    def exclusive(self, select: str) -> str:
        """Return the statement so that others who share or change what it reads wait."""
        return f"{select} FOR UPDATE"

    def lock_servers(self, server_ids: Collection[int]) -> None:
        """Let no other collector store for these servers until the transaction ends.

        In order of their ids, so that two never wait for each other.
        """
        self._execute(
            "SELECT id FROM server WHERE id = ANY(%s::int4[]) ORDER BY id FOR UPDATE",
            [list(server_ids)],
        ).fetchall()

    def _of_server(self, table: str) -> str:
        """The condition that names the one mail host that statements are about; none here."""
        del table
        return ""

    def _insert_arrays(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], conflict: str
    ) -> None:
        if rows:
            self._execute(
                f"INSERT INTO {table} ({', '.join(columns)})"
                f" SELECT * FROM unnest({_arrays(table, columns)}) {conflict}",
                _columns(table, columns, rows),
            )

    def _execute(self, statement: str, values: Sequence[object]) -> Cursor:
        return super().run(statement, values)


@lru_cache(maxsize=1_024)
def _translated(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")


def _arrays(table: str, columns: Sequence[str]) -> str:
    types = COLUMN_TYPES[table]
    return ", ".join(f"%s::{types[name]}[]" for name in columns)


def _columns(table: str, names: Sequence[str], rows: Collection[Sequence[object]]) -> list[str]:
    types = COLUMN_TYPES[table]
    columns = zip(*rows, strict=True)
    return [array_literal(types[name], column) for name, column in zip(names, columns, strict=True)]


def _between(table: str, column: str) -> str:
    return f"{table}.{column} BETWEEN %s AND %s"


def _range(rows: Sequence[Row], at: int) -> tuple[object, object]:
    values = [row[at] for row in rows]
    return min(values), max(values)
