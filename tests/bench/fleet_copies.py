"""Multiplying a stored fleet: copies of its messages at other moments, in the order of time.

Shape     Time is cut into slices. In each, every message of the base that arrived in it is copied
          so many times, to random moments of the slice: all its moments are shifted alike, its
          hashes salted, its queue id and Message-ID made its own. Rows are appended in the order of
          their ids, as a collector does, with all indexes in place.
Names     Copies share the recipients of the base and some variants of these, so that there are
          about as many addresses as a fleet that really sent so much mail would know.
Same      The plan of a slice follows from the base and a seed; both databases get the same rows.
"""
# ruff: noqa: S608 — names are constants

import math
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mailtally_collector.durations import DAY_US
from mailtally_collector.store.dialect import is_postgres, writing
from mailtally_collector.store.ids import COUNTER_MASK, first_id
from mailtally_collector.store.message_row import message_id_key
from mailtally_collector.store.models import TABLES
from mailtally_collector.store.sql import Row, Sql
from tests.bench.fleet_records import BEGIN_US, END_US, HASH_BITS

SLICE_MESSAGES = 200_000
VARIANTS_MAX = 14
NAMES = (
    *("server", "instance", "ack_token", "provider", "domain", "address"),
    *("relay", "client", "transport", "reply_template"),
)
PLAN = ("id", "source", "copy", "shift_us", "salt", "queue_id", "message_id", "message_id_key")
PLAN_TABLE = (
    "CREATE TEMP TABLE plan AS SELECT id, id AS source, recipient_count AS copy,"
    " arrival_us AS shift_us, arrival_us AS salt, queue_id, message_id, message_id_key"
    " FROM message WHERE 1 = 0"
)
MOMENTS = (
    *("first_us", "arrival_us", "accepted_us", "completed_us", "ended_us", "time_us"),
    *("first_try_us", "last_try_us", "deciding_us"),
)
HASHES = ("first_hash", "accepted_hash", "completed_hash", "deciding_hash", "line_hash")
SHORT_HASHES = 2**31 - 1
# Tables with the rows of messages, and the column that says of which. Failures follow from these.
OF_MESSAGES = {
    "message": "id",
    "message_event": "message_id",
    "message_link": "parent_id",
    "delivery": "message_id",
    "attempt": "message_id",
}
COLUMNS = {
    model._meta.table_name: tuple(model._meta.columns)  # noqa: SLF001 - how peewee tells
    for model in TABLES
}


@dataclass(frozen=True, slots=True)
class Copies:
    """How often the base is copied, and how many deliveries that makes."""

    count: int
    base_deliveries: int

    @property
    def variants(self) -> int:
        """How many sets of recipients there are; in the end, everybody has been written to."""
        return min(round(math.pow(self.count, 0.7)), VARIANTS_MAX)

    @property
    def deliveries(self) -> int:
        """All of them, but for what the last message of the base adds."""
        return self.count * self.base_deliveries


def open_base(path: Path) -> sqlite3.Connection:
    """Open a base for reading."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def load(sql: Sql, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows, in the fastest way that the database has."""
    names = ", ".join(columns)
    cursor = sql.database.cursor()  # type: ignore[no-untyped-call]
    if is_postgres(sql.database):
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        cursor.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows
        )


def attach(sql: Sql, path: Path, base: sqlite3.Connection) -> None:
    """Make the base's rows of messages readable as ``base.<table>``."""
    sql.run(PLAN_TABLE)
    if not is_postgres(sql.database):
        sql.run("ATTACH ? AS base", (str(path),))
        return
    with writing(sql.database):
        sql.run("CREATE SCHEMA base")
        for table, column in OF_MESSAGES.items():
            sql.run(f"CREATE UNLOGGED TABLE base.{table} (LIKE {table})")
            load(sql, f"base.{table}", COLUMNS[table], base.execute(_all(table)))
            sql.run(f"CREATE INDEX ON base.{table} ({column})")
            sql.run(f"ANALYZE base.{table}")


def detach(sql: Sql) -> None:
    """Forget the base."""
    sql.run("DROP TABLE plan")
    sql.run("DROP SCHEMA base CASCADE" if is_postgres(sql.database) else "DETACH base")


def copy_names(sql: Sql, base: sqlite3.Connection, copies: Copies) -> int:
    """Store all names, and the addresses of the copies' recipients; how far apart their ids are."""
    with writing(sql.database):
        for table in NAMES:
            load(sql, table, COLUMNS[table], base.execute(_all(table)))
        (apart,) = base.execute("SELECT MAX(id) FROM address").fetchone()
        recipients = base.execute(
            "SELECT id, domain_id, local_part FROM address"
            " WHERE id IN (SELECT recipient_id FROM delivery) ORDER BY id"
        ).fetchall()
        for variant in range(1, copies.variants):
            more = (
                (number + variant * apart, domain, b"%s.%d" % (local_part, variant))
                for number, domain, local_part in recipients
            )
            load(sql, "address", ("id", "domain_id", "local_part"), more)
        if is_postgres(sql.database):
            for table in NAMES:
                sequence = f"pg_get_serial_sequence('{table}', 'id')"
                sql.run(f"SELECT setval({sequence}, MAX(id)) FROM {table}").fetchall()
    return int(apart)


def copy_messages(
    sql: Sql, base: sqlite3.Connection, copies: Copies, apart: int, progress: Callable[[int], None]
) -> int:
    """Store all rows of messages; the number from which ids go on.

    ``progress`` is told how many messages each slice had.
    """
    statements = _statements(copies, apart)
    number = 0
    for plan in plans(base, copies):
        number += len(plan)
        with writing(sql.database):
            sql.run("DELETE FROM plan")
            load(sql, "plan", PLAN, plan)
            if is_postgres(sql.database):
                sql.run("ANALYZE plan")
            for statement in statements:
                sql.run(statement)
        progress(len(plan))
    return number


def plans(base: sqlite3.Connection, copies: Copies) -> Iterator[list[Row]]:
    """Give rows of PLAN for each slice, in the order of ids."""
    (messages,) = base.execute("SELECT COUNT(*) FROM message").fetchone()
    slices = -(-messages * copies.count // SLICE_MESSAGES)
    length_us = -(-(END_US - BEGIN_US) // slices)
    chance = random.Random(copies.count)  # noqa: S311 - chance that can be repeated
    rows = base.execute("SELECT arrival_us, id, message_id FROM message ORDER BY arrival_us, id")
    number = 0
    for at, in_slice in groupby(rows, key=lambda row: (row[0] - BEGIN_US) // length_us):
        begin_us = BEGIN_US + at * length_us
        width_us = min(length_us, END_US - begin_us)
        drawn = sorted(
            (begin_us + int(width_us * chance.random()), source, copy, was_us, message_id)
            for was_us, source, message_id in in_slice
            for copy in range(copies.count)
        )
        plan: list[Row] = []
        for arrival_us, source, copy, was_us, message_id in drawn:
            own = b"<%d.%s" % (copy, message_id[1:])
            plan.append(
                (
                    first_id(arrival_us) | number & COUNTER_MASK,
                    source,
                    copy,
                    arrival_us - was_us,
                    chance.getrandbits(HASH_BITS),
                    f"4{arrival_us // 1_000:X}{number % 1_000:03d}",
                    own,
                    message_id_key(own, arrival_us // DAY_US),
                )
            )
            number += 1
        yield plan


def _statements(copies: Copies, apart: int) -> list[str]:
    """Statements that copy what the plan says, one for each table."""
    planned = {name: f"p.{name}" for name in PLAN if name not in ("source", "copy", "shift_us")}
    planned |= {name: f"t.{name} + p.shift_us" for name in MOMENTS}
    planned["child_queue_id"] = "t.child_queue_id || 'G' || p.copy"
    planned["recipient_id"] = f"t.recipient_id + p.copy % {copies.variants} * {apart}"
    statements = []
    for table, column in OF_MESSAGES.items():
        if table in ("message", "message_event"):
            planned |= {name: f"t.{name} + p.salt & {SHORT_HASHES}" for name in HASHES}
        else:
            planned |= {name: f"t.{name} + p.salt" for name in HASHES}
        ids = {} if table == "message" else {column: "p.id"}
        values = ", ".join((planned | ids).get(name, f"t.{name}") for name in COLUMNS[table])
        order = ", t.number" if "number" in COLUMNS[table] else ""
        statements.append(
            f"INSERT INTO {table} ({', '.join(COLUMNS[table])}) SELECT {values} FROM plan p"
            f" JOIN base.{table} t ON t.{column} = p.source ORDER BY p.id{order}"
        )
    return statements


def _all(table: str) -> str:
    return f"SELECT {', '.join(COLUMNS[table])} FROM {table}"
