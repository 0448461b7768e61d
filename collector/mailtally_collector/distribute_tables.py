"""``mailtally-collector migrate --distribute``: spread the tables over servers with Citus.

Limits    One transaction: interrupted or refused, all lies where it lay. Tables that a later
          version adds are put there when it is run again. Collectors are stopped meanwhile.
"""

from dataclasses import dataclass
from pathlib import Path

from peewee import PeeweeException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.distribution import (
    NOTHING,
    first_line,
    make_extension,
    nodes,
    put,
    refuse_undistributable,
    waiting,
)
from mailtally_collector.store.location import Location
from mailtally_collector.store.postgres_server import MIGRATION_LOCK
from mailtally_collector.store.schema_version import DatabaseRefusedError


@dataclass(frozen=True, slots=True)
class Distributed:
    """What was done: migrations applied, tables that were put in their place, and the nodes."""

    applied: list[str]
    tables: list[str]
    nodes: list[str]


def distribute_tables(location: Location, *, quiet: bool) -> Distributed:
    """Migrate and distribute. Raises DatabaseRefusedError, in words for an operator."""
    if isinstance(location, Path):
        raise DatabaseRefusedError(
            f"{location} is a SQLite file; only tables of PostgreSQL can be distributed. {NOTHING}"
        )
    database = open_for_writing(location)
    sql = sql_for(database)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with database.connection_context():
            refuse_undistributable(sql, location)
            applied = migrate(location)
            with database.atomic():
                sql.run("SELECT pg_advisory_xact_lock(?)", (MIGRATION_LOCK,))
                make_extension(sql, location)
                tables = waiting(sql)
                with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
                    for table in bar.track(tables, description="tables"):
                        put(sql, table)
                found = nodes(sql)
    except PeeweeException as error:
        raise DatabaseRefusedError(
            f"{location} cannot be distributed: {first_line(error)}. Tables are where they were."
        ) from error
    return Distributed(applied, tables, found)
