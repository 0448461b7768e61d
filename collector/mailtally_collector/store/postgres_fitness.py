"""Whether a database of a PostgreSQL server can be used at all, before anything is written to it.

Raises    DatabaseRefusedError with what is wrong and what the operator can do.
"""

from peewee import PostgresqlDatabase

from mailtally_collector.store.location import PostgresDatabase
from mailtally_collector.store.schema_version import DatabaseRefusedError
from mailtally_collector.store.sql import Sql

OLDEST_VERSION = 140_000
# Whose tables are in the schema, if we may not act as they.
OWNERS = (
    "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = current_schema()"
    " AND NOT pg_has_role(tableowner, 'USAGE')"
)
MAY_CREATE = "SELECT current_user, has_schema_privilege(current_schema(), 'CREATE')"


def refuse_unusable(location: PostgresDatabase, database: PostgresqlDatabase) -> None:
    """Look at the server, the database and the rights of our role there."""
    reason = _reason(Sql(database), database.server_version or 0)
    if reason:
        raise DatabaseRefusedError(f"{location} {reason}")


def _reason(sql: Sql, version: int) -> str:
    if version < OLDEST_VERSION:
        return f"is PostgreSQL {version // 10_000}; 14 or newer is needed"
    (is_utf8,) = sql.run("SELECT getdatabaseencoding() = 'UTF8'").fetchone()
    if not is_utf8:
        return "is not encoded in UTF8: make the database with ENCODING 'UTF8'"
    (follows,) = sql.run("SELECT pg_is_in_recovery()").fetchone()
    if follows:
        return (
            "is a standby, which takes no data: name the server that leads, or all of them with"
            " target_session_attrs=read-write"
        )
    if sql.run("SHOW default_transaction_read_only").fetchone() == ("on",):
        return "is read-only: default_transaction_read_only is on"
    owners = sql.run(OWNERS).fetchall()
    if owners:
        names = ", ".join(sorted(name for (name,) in owners))
        return f"has tables of the role {names}: connect as that role, or make ours a member of it"
    role, may_create = sql.run(MAY_CREATE).fetchone()
    if not may_create:
        return f"lets the role {role} make no tables: let it own the database, or its schema"
    return ""
