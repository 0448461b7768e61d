"""What depends on the kind of database: how statements are run, and how transactions begin."""

from contextlib import AbstractContextManager
from typing import Any

from peewee import Database, PostgresqlDatabase

from mailtally_collector.store.distributed_sql import DistributedDatabase, DistributedSql
from mailtally_collector.store.postgres_sql import ServerSql
from mailtally_collector.store.sql import Sql


def is_postgres(database: Database) -> bool:
    """Whether several collectors may write to the database at once."""
    return isinstance(database, PostgresqlDatabase)


def sql_for(database: Database) -> Sql:
    """Return what runs statements on the database."""
    if isinstance(database, DistributedDatabase):
        return DistributedSql(database)
    return ServerSql(database) if is_postgres(database) else Sql(database)


def one_moment(database: Database) -> AbstractContextManager[Any]:
    """Return a transaction whose statements all see the same moment, whoever writes meanwhile.

    Where it changes what others changed since, PostgreSQL gives it up (failures.is_conflict).
    """
    how = ("REPEATABLE READ",) if is_postgres(database) else ()
    transaction: AbstractContextManager[Any] = database.atomic(*how)
    return transaction


def writing(database: Database) -> AbstractContextManager[Any]:
    """Return a transaction that is going to write."""
    # A SQLite transaction that reads first could not be sure that it may write later.
    how = () if is_postgres(database) else ("IMMEDIATE",)
    transaction: AbstractContextManager[Any] = database.atomic(*how)
    return transaction
