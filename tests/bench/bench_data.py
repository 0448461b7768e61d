"""A database of many deliveries, the same rows for the same number: ``make bench-data``.

Base      Up to a quarter of a million deliveries go through the collector's own code. What is more
          is copies of these (fleet_copies.py), with roll-ups and failures counted from the rows by
          the collector's repair, a day at a time.
End       The last step notes how many ids were taken. A database without that is half made.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from peewee import Database
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from mailtally_collector.durations import DAY_US
from mailtally_collector.store.database import applied_migrations, migrate, open_for_writing
from mailtally_collector.store.dialect import is_postgres, sql_for, writing
from mailtally_collector.store.location import Location, location_of
from mailtally_collector.store.partitions import Partitions
from mailtally_collector.store.recount import recount, span_of_rows
from mailtally_collector.store.sql import Sql
from tests.bench.cluster import cluster
from tests.bench.fleet_base import store_base
from tests.bench.fleet_copies import Copies, attach, copy_messages, copy_names, detach, open_base
from tests.bench.fleet_records import BEGIN_US, END_US

BASE_DELIVERIES = 250_000
# Of a delivery, about.
RECORDS, MESSAGES = 2.8, 0.83
FAST_SQLITE = ("synchronous = off", "journal_mode = off", "cache_size = -2000000", "temp_store = 2")
FAST_POSTGRES = ("synchronous_commit = off", "work_mem = '256MB'", "maintenance_work_mem = '1GB'")


class HalfMadeError(Exception):
    """The database holds rows that did not come from a finished run."""


@contextmanager
def steps() -> Iterator[Progress]:
    """Show steps with their bars on stderr, as lines where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<34}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        started = time.perf_counter()
        yield bars
        if not console.is_terminal:
            for task in bars.tasks:
                print(f"{task.description}: {task.finished_time or 0:.0f} s", file=sys.stderr)
            print(f"in all: {time.perf_counter() - started:.0f} s", file=sys.stderr)


def is_made(location: Location) -> bool:
    """Whether the database is there. Raises HalfMadeError for one that was not finished."""
    if not applied_migrations(location):
        return False
    database = open_for_writing(location)
    with database.connection_context():
        sql = sql_for(database)
        (taken,) = sql.run("SELECT MAX(next_number) FROM allotment").fetchone()
        (rows,) = sql.run("SELECT COUNT(*) FROM server").fetchone()
    if rows and not taken:
        raise HalfMadeError(f"{location} is half made or in use; drop it and begin again")
    return bool(taken)


def make_data(location: Location, deliveries: int) -> None:
    """Make the database. Raises HalfMadeError when it holds something else."""
    if is_made(location):
        return
    count = -(-deliveries // BASE_DELIVERIES)
    copies = Copies(count, deliveries // count)
    with tempfile.TemporaryDirectory() as folder, steps() as bars:
        path = Path(folder, "base.db")
        task = bars.add_task("base through the collector", total=copies.base_deliveries * RECORDS)
        store_base(path, copies.base_deliveries, lambda more: bars.advance(task, more))
        _done(bars, task)
        migrate(location)
        database = open_for_writing(location)
        with closing(open_base(path)) as base, database.connection_context():
            sql = sql_for(database)
            _speed_up(database, sql)
            task = bars.add_task("names", total=None)
            apart = copy_names(sql, base, copies)
            attach(sql, path, base)
            _done(bars, task)
            task = bars.add_task("messages", total=copies.deliveries * MESSAGES)
            taken = copy_messages(sql, base, copies, apart, lambda more: bars.advance(task, more))
            detach(sql)
            _done(bars, task)
            _roll_up(sql, bars)
            _finish(database, sql, taken, bars)


def _speed_up(database: Database, sql: Sql) -> None:
    if is_postgres(database):
        Partitions(sql).make_sure(range(BEGIN_US, END_US + DAY_US, DAY_US), END_US)
        for setting in FAST_POSTGRES:
            sql.run(f"SET {setting}")
    else:
        for setting in FAST_SQLITE:
            sql.run(f"PRAGMA {setting}")


def _roll_up(sql: Sql, bars: Progress) -> None:
    """Count roll-ups and failures day by day, and one day again as a check."""
    if is_postgres(sql.database):
        sql.run("ANALYZE")
    first, end = span_of_rows(sql)
    task = bars.add_task("roll-ups and failures by recount", total=end - first)
    for day in range(first, end):
        with writing(sql.database):
            recount(sql, day, day + 1, repair=True)
        bars.advance(task)
    middle = (first + end) // 2
    wrong = recount(sql, middle, middle + 1, repair=False)
    if wrong:
        raise AssertionError(f"a recount finds wrong rows: {wrong}")
    _done(bars, task)


def _finish(database: Database, sql: Sql, taken: int, bars: Progress) -> None:
    """Leave the database as a collector's that has run for a while."""
    task = bars.add_task("statistics", total=None)
    if is_postgres(database):
        sql.run("VACUUM (ANALYZE)")
        sql.run("CHECKPOINT")
    else:
        sql.run("PRAGMA journal_mode = wal")
    with writing(database):
        sql.run("UPDATE allotment SET next_number = ?", (taken,))
    _done(bars, task)


def _done(bars: Progress, task: TaskID) -> None:
    bars.update(task, total=1, completed=1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which database."""
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N", help="deliveries")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--database", help="a SQLite file, or postgresql://USER@HOST/DATABASE")
    where.add_argument(
        "--cluster",
        type=Path,
        metavar="FOLDER",
        help="a PostgreSQL server of our own with its data there; it is kept",
    )


@contextmanager
def chosen_database(options: argparse.Namespace, rows: int) -> Iterator[Location]:
    """Give the database that the options name; a server of our own runs meanwhile."""
    if options.cluster is None:
        yield location_of(options.database)
        return
    with cluster(options.cluster) as server:
        yield location_of(server.database(f"bench{rows}"))


def main() -> None:
    """Make it, unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    options = parser.parse_args()
    with chosen_database(options, options.rows) as location:
        try:
            make_data(location, options.rows)
        except HalfMadeError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
