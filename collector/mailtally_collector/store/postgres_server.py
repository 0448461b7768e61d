"""A database of a PostgreSQL server: connections, version check, migration.

Limits    Commits wait for the disk, and for the standbys that the server was told to wait for
          (synchronous_standby_names), unless ``options`` in the URI say something else.
          With several hosts in the URI and target_session_attrs=read-write, libpq finds the one
          that leads after a failover.
Raises    DatabaseRefusedError, in words for an operator, whenever the database cannot be used.
"""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from peewee import PeeweeException, PostgresqlDatabase
from playhouse.migrations import Runner  # type: ignore[import-untyped]
from playhouse.pool import PooledPostgresqlDatabase  # type: ignore[import-untyped]
from psycopg import ClientCursor

from mailtally_collector.store.distributed_sql import DistributedDatabase
from mailtally_collector.store.distribution import is_distributed
from mailtally_collector.store.failures import sentence
from mailtally_collector.store.location import PostgresDatabase
from mailtally_collector.store.postgres_fitness import refuse_unusable
from mailtally_collector.store.postgres_sql import ServerSql
from mailtally_collector.store.schema_version import (
    HISTORY_TABLE,
    MIGRATIONS,
    DatabaseRefusedError,
    refuse_newer,
)
from mailtally_collector.store.sql import Sql

CONNECT_SECONDS = 10
# A server that is gone without a word is noticed after so long.
SILENCE_MS = 30_000
IDLE_SECONDS = 300
QUERY_MS = 60_000
# The number of the lock that migrations take; any number that nobody else uses.
MIGRATION_LOCK = 0x6D61696C
WRITING = "-c synchronous_commit=on"
READING = f"-c default_transaction_read_only=on -c statement_timeout={QUERY_MS}"
# Values of this moment decide which partitions and indexes are used.
PLANNING = "-c plan_cache_mode=force_custom_plan"
# Families reach over mail hosts, whose rows may lie on several nodes; nothing where there are none.
SPREAD = "-c citus.enable_repartition_joins=on"


def applied_migrations(location: PostgresDatabase) -> list[str]:
    """Names of the migrations that the database has seen, in order; [] for one without tables.

    Raises NewerDatabaseError, or DatabaseRefusedError when it cannot be reached or is not ours.
    """
    database = PostgresqlDatabase(location.uri, **_options(location, WRITING))
    try:
        with database.connection_context():
            refuse_unusable(location, database)
            applied = _applied(location, database)
    except PeeweeException as error:
        raise DatabaseRefusedError(f"{location} cannot be read: {sentence(error)}") from error
    refuse_newer(location, applied)
    return applied


def migrate(location: PostgresDatabase) -> list[str]:
    """Bring the database to this version; the names of what was applied.

    A lock lets only one of several collectors do it; the others find nothing left to do.
    """
    database = PostgresqlDatabase(location.uri, **_options(location, WRITING))
    try:
        with database.connection_context():
            refuse_unusable(location, database)
            Sql(database).run("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
            refuse_newer(location, _applied(location, database))
            with database.atomic():
                applied: list[str] = Runner(database, str(MIGRATIONS), HISTORY_TABLE).up()
    except PeeweeException as error:
        raise DatabaseRefusedError(f"{location} cannot be opened: {sentence(error)}") from error
    return applied


def open_for_writing(location: PostgresDatabase) -> PostgresqlDatabase:
    """The database for one thread that writes; connects when that thread first uses it.

    Raises DatabaseRefusedError when it cannot be reached to ask where its tables lie.
    """
    kind = DistributedDatabase if _is_distributed(location) else PostgresqlDatabase
    return kind(location.uri, **_options(location, f"{WRITING} {PLANNING}"))


def open_for_reading(location: PostgresDatabase, connections: int) -> PostgresqlDatabase:
    """The database for threads that ask questions; transactions see one moment throughout."""
    database: PostgresqlDatabase = PooledPostgresqlDatabase(
        location.uri,
        max_connections=connections,
        stale_timeout=IDLE_SECONDS,
        isolation_level="REPEATABLE READ",
        # Values stand in the statement: an expression in GROUP BY is then the one that is selected.
        cursor_factory=ClientCursor,
        **_options(location, f"{READING} {PLANNING} {SPREAD}"),
    )
    return database


def _is_distributed(location: PostgresDatabase) -> bool:
    database = PostgresqlDatabase(location.uri, **_options(location, READING))
    try:
        with database.connection_context():
            return is_distributed(ServerSql(database))
    except PeeweeException as error:
        raise DatabaseRefusedError(f"{location} cannot be opened: {sentence(error)}") from error


def _options(location: PostgresDatabase, options: str) -> dict[str, Any]:
    """Return what is added to the URI; what the operator put there holds."""
    ours: dict[str, Any] = {
        "application_name": "mailtally-collector",
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": SILENCE_MS,
    }
    given = dict(parse_qsl(urlsplit(location.uri).query))
    kept = {name: value for name, value in ours.items() if name not in given}
    if options.startswith(READING) and given.get("target_session_attrs") == "read-write":
        # Our sessions that read may not write anywhere; what is meant is the server that leads.
        kept["target_session_attrs"] = "primary"
    settings = f"{options} {given.get('options', '')}".strip()
    return kept | {"options": settings, "prefer_psycopg3": True}


def _applied(location: PostgresDatabase, database: PostgresqlDatabase) -> list[str]:
    tables = database.get_tables()
    if not tables:
        return []
    if HISTORY_TABLE not in tables:
        raise DatabaseRefusedError(f"{location} has tables of another program; give it its own")
    rows = Sql(database).run(f"SELECT name FROM {HISTORY_TABLE}")  # noqa: S608 - a constant
    return sorted(name for (name,) in rows.fetchall())
