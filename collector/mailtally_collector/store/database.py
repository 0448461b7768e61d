"""Opening the tables, wherever they lie: a SQLite file or a PostgreSQL server.

Gives     ``migrate`` (once at start), ``open_for_writing`` (the connection of one thread that
          writes) and ``open_for_reading`` (a connection for each thread that asks questions).
Raises    DatabaseRefusedError, in words for an operator, whenever the database cannot be used.
"""

from pathlib import Path

from peewee import Database
from playhouse.pool import PooledDatabase  # type: ignore[import-untyped]

from mailtally_collector.store import postgres_server, sqlite_file
from mailtally_collector.store.location import Location

READERS = 8


def applied_migrations(location: Location) -> list[str]:
    """Names of the migrations that the database has seen, in order. Nothing is changed.

    Raises NewerDatabaseError when it has seen one that this version does not know, and
    DatabaseRefusedError when it is not a database of this program.
    """
    if isinstance(location, Path):
        return sqlite_file.applied_migrations(location)
    return postgres_server.applied_migrations(location)


def migrate(location: Location) -> list[str]:
    """Bring the database to this version; the names of what was applied."""
    if isinstance(location, Path):
        return sqlite_file.migrate(location)
    return postgres_server.migrate(location)


def open_for_writing(location: Location) -> Database:
    """Return the database for one thread that writes."""
    if isinstance(location, Path):
        return sqlite_file.open_for_writing(location)
    return postgres_server.open_for_writing(location)


def open_for_reading(location: Location) -> Database:
    """Return the database for threads that ask questions, READERS of them at once at most."""
    if isinstance(location, Path):
        return sqlite_file.open_for_reading(location)
    return postgres_server.open_for_reading(location, READERS)


def close_reading(database: Database) -> None:
    """Close the connections of all threads that asked questions; none is under way."""
    if isinstance(database, PooledDatabase):
        database.close_all()
    else:
        database.close()


def partitioned_at(location: Location) -> Database | None:
    """Return one more connection for who makes and drops partitions, where there are any."""
    return None if isinstance(location, Path) else postgres_server.open_for_writing(location)
