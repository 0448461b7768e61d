"""Which table lies where in a cluster of PostgreSQL servers with Citus, and putting them there.

Theory    All rows of a mail host lie on one node, by ``server_id``: a batch writes to one node, and
          rows of a message are joined where they lie. Names are copied to every node. A key that is
          to hold within one node only must name the mail host, so primary keys gain it.
Limits    Nothing is taken back: from the moment of the commit the database needs Citus.
"""

from typing import Any

from peewee import InternalError, OperationalError, ProgrammingError

from mailtally_collector.store.schema_version import DatabaseRefusedError
from mailtally_collector.store.sql import Sql

EXTENSION = "citus"
# By mail host, with the primary key that each has then; the first decides where all of them go.
DISTRIBUTED = {
    "message": ("id", "server_id"),
    "message_score": ("message_id", "server_id"),
    "message_event": ("message_id", "time_us", "line_hash", "server_id"),
    "message_link": ("parent_id", "time_us", "line_hash", "server_id"),
    "delivery": ("message_id", "number", "server_id"),
    "attempt": ("message_id", "number", "time_us", "line_hash", "server_id"),
    "failure": ("message_id", "number", "server_id"),
    "traffic_hour": None,
    "domain_hour": None,
    "reason_hour": None,
    "provider_hour": None,
    "domain_reason_day": None,
    "domain_provider_day": None,
    "mailbox_day": None,
}
# Copied to every node, because rows of messages are joined with them.
COPIED = (
    *("instance", "provider", "domain", "address", "relay", "client", "transport"),
    "reply_template",
)
# Of the coordinator alone: every batch writes to them, and whoever writes to a copied table holds
# up all others.
KEPT = (
    *("server", "ack_token", "allotment", "quarantine", "gap", "unsettled"),
    *("job", "retention", "horizon", "name_use", "stale_server"),
    *("control", "settings", "collection_request", "agent_report", "audit"),
    *("invitation", "agent_certificate", "former_name"),
    *("person", "setup_link", "web_session", "api_token"),
)
NOTHING = "Nothing was changed."


def refuse_undistributable(sql: Sql, place: object) -> None:
    """Raise DatabaseRefusedError, before anything is changed, when tables cannot be distributed."""
    (available,) = _one(
        sql, "SELECT count(*) FROM pg_available_extensions WHERE name = ?", EXTENSION
    )
    if not available:
        raise DatabaseRefusedError(
            f"{place}: the PostgreSQL server has no extension {EXTENSION}. Install Citus for its"
            " version there and on all that are to share the tables, add it to"
            f" shared_preload_libraries and restart them. {NOTHING}"
        )
    (others,) = _one(
        sql,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()",
    )
    if others and waiting(sql):
        raise DatabaseRefusedError(
            f"{place}: {others} connections of running collectors are open; stop these first,"
            f" their agents wait. {NOTHING}"
        )


def make_extension(sql: Sql, place: object) -> None:
    """Make sure that the database has the extension. Raises DatabaseRefusedError."""
    if _has_extension(sql):
        return
    try:
        sql.run(f"CREATE EXTENSION {EXTENSION}")
    except (InternalError, OperationalError, ProgrammingError) as error:
        raise DatabaseRefusedError(
            f"{place}: the extension {EXTENSION} cannot be made: {first_line(error)}. Add it to"
            " shared_preload_libraries and restart the server, then have a superuser run"
            f" CREATE EXTENSION {EXTENSION} in this database. No table was changed."
        ) from error


def waiting(sql: Sql) -> list[str]:
    """Tables that do not lie where they should yet, in the order in which they go there."""
    placed = _placed(sql)
    return [table for table in (*COPIED, *DISTRIBUTED) if table not in placed]


def is_distributed(sql: Sql) -> bool:
    """Whether rows lie where their mail host is kept."""
    return not _placed(sql).isdisjoint(DISTRIBUTED)


def put(sql: Sql, table: str) -> None:
    """Put a table where it should lie, with its rows; in the transaction that is open."""
    if table in COPIED:
        sql.run("SELECT create_reference_table(?)", (table,))
    else:
        key = DISTRIBUTED[table]
        if key:
            sql.run(
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey,"
                f" ADD PRIMARY KEY ({', '.join(key)})"
            )
        leader = next(iter(DISTRIBUTED))
        beside = "none" if table == leader else leader
        sql.run(
            "SELECT create_distributed_table(?, 'server_id', colocate_with => ?)", (table, beside)
        )
    sql.run("SELECT truncate_local_data_after_distributing_table(CAST(? AS regclass))", (table,))


def nodes(sql: Sql) -> list[str]:
    """The nodes that hold rows of messages, ``host:port`` each."""
    rows = sql.run(
        "SELECT nodename, nodeport FROM pg_dist_node WHERE isactive AND shouldhaveshards"
        " ORDER BY nodename, nodeport"
    ).fetchall()
    return [f"{host}:{port}" for host, port in rows]


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _placed(sql: Sql) -> set[str]:
    if not _has_extension(sql):
        return set()
    rows = sql.run("SELECT CAST(logicalrelid AS text) FROM pg_dist_partition").fetchall()
    return {name for (name,) in rows}


def _has_extension(sql: Sql) -> bool:
    (count,) = _one(sql, "SELECT count(*) FROM pg_extension WHERE extname = ?", EXTENSION)
    return bool(count)


def _one(sql: Sql, statement: str, *values: object) -> Any:
    return sql.run(statement, values).fetchone()
