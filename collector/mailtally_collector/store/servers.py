"""Mail hosts: when they were seen, how their agents are doing, what was acknowledged to them."""
# ruff: noqa: S608 — what is put in is a constant

from collections.abc import Collection
from dataclasses import dataclass

from mailtally_collector.records import AgentState
from mailtally_collector.store.sql import Sql

TOKENS_KEPT = 256
COUNTERS = (
    *("newest_line_us", "oldest_line_us", "stored_until_us", "newest_key_us", "batches"),
    *("lines_read", "lines_unparsed", "lines_oversize", "backlog_bytes", "open_messages", "gaps"),
    *("records_stored", "records_quarantined"),
)
# The older of what is known and a moment that is given three times; 0 stands for none.
OLDEST = (
    "CASE WHEN ? > 0 AND (oldest_line_us = 0 OR oldest_line_us > ?) THEN ? ELSE oldest_line_us END"
)
# Newer than any record: whatever is asked for may be stored already.
NEVER_NEW_US = 2**63 - 1


@dataclass(frozen=True, slots=True)
class OpenServer:
    """A server whose records are being stored; all that is stored of it is not newer than this."""

    id: int
    newest_key_us: int
    batches: int


def open_servers(sql: Sql, server_ids: Collection[int]) -> list[OpenServer]:
    """Lock the rows of servers for the transaction of their batches, and read them."""
    sql.lock_servers(server_ids)
    columns = ("id", "newest_key_us", "batches")
    rows = sql.find("server", columns, ("id",), [(one,) for one in server_ids])
    return [OpenServer(*row) for row in rows]


def server_id_of(sql: Sql, name: str, now_us: int) -> int:
    """Return the id of the server; a new row when it reports for the first time.

    A former name finds the server that has another now: a stream may not know of it yet.
    """
    row = sql.run("SELECT id FROM server WHERE name = ?", (name,)).fetchone()
    if row is not None:
        return int(row[0])
    former = sql.run("SELECT server FROM former_name WHERE name = ?", (name,)).fetchone()
    if former is not None:
        return server_id_of(sql, former[0], now_us)
    values = {
        "name": name,
        "agent_version": "",
        "first_seen_us": now_us,
        "last_seen_us": now_us,
    } | dict.fromkeys(COUNTERS, 0)
    sql.insert_missing("server", tuple(values), [tuple(values.values())])
    row = sql.run("SELECT id FROM server WHERE name = ?", (name,)).fetchone()
    return int(row[0])


@dataclass(frozen=True, slots=True)
class Greeting:
    """Whether an agent must read its log again, and up to when what it reported is stored.

    Of a host whose clock is always ahead of ours, that is a moment ahead, too.
    """

    resync: bool
    stored_until_us: int


def greet(sql: Sql, name: str, agent_version: str, token: bytes, now_us: int) -> Greeting:
    """Note that the agent connected; its last token may be unknown, so that it must resync.

    An agent without a token has nothing acknowledged yet, and no reason to read again.
    """
    server_id = server_id_of(sql, name, now_us)
    sql.run(
        "UPDATE server SET agent_version = ?, last_seen_us = ? WHERE id = ?",
        (agent_version, now_us, server_id),
    )
    row = sql.run(
        "SELECT CASE WHEN stored_until_us > 0 THEN stored_until_us ELSE newest_key_us END,"
        " EXISTS (SELECT 1 FROM ack_token"
        " WHERE server_id = server.id AND token = ?) FROM server WHERE id = ?",
        (token, server_id),
    ).fetchone()
    return Greeting(resync=bool(token) and not row[1], stored_until_us=row[0])


def knows_token(sql: Sql, server_id: int, token: bytes) -> bool:
    """Whether this acknowledgement is among those that are kept."""
    row = sql.run(
        "SELECT 1 FROM ack_token WHERE server_id = ? AND token = ?", (server_id, token)
    ).fetchone()
    return row is not None


def store_agent_state(sql: Sql, name: str, state: AgentState, now_us: int) -> None:
    """Note how the agent says that it is doing."""
    sql.run(
        "UPDATE server SET last_seen_us = ?, newest_line_us = CASE WHEN newest_line_us > ?"
        " THEN newest_line_us ELSE ? END,"
        f" oldest_line_us = {OLDEST}, lines_read = ?, lines_unparsed = ?,"
        " lines_oversize = ?, backlog_bytes = ?, open_messages = ?, gaps = ? WHERE id = ?",
        (
            now_us,
            state.newest_line_us,
            state.newest_line_us,
            *[state.oldest_line_us] * 3,
            state.lines_read,
            state.lines_unparsed,
            state.lines_oversize,
            state.backlog_bytes,
            state.open_messages,
            state.gaps,
            server_id_of(sql, name, now_us),
        ),
    )


def note_rewritten(sql: Sql, server_ids: Collection[int]) -> None:
    """Let those who keep rows of these servers in memory see that others wrote."""
    rows = [(one,) for one in sorted(server_ids)]
    sql.run_many("UPDATE server SET batches = batches + 1 WHERE id = ?", rows)


def store_token(sql: Sql, server_id: int, token: bytes, now_us: int) -> None:
    """Note an acknowledgement in the transaction of its batch, and drop those that are old.

    Of each length of token the newest are kept: a long import does not push out the token at which
    the agent of that server goes on, nor the agent that of an import. It is there already when the
    connection broke at the commit and the batch is tried again.
    """
    sql.insert_missing(
        "ack_token", ("server_id", "token", "stored_us"), [(server_id, token, now_us)]
    )
    sql.run(
        "DELETE FROM ack_token WHERE server_id = ? AND LENGTH(token) = ? AND id <="
        " (SELECT id FROM ack_token WHERE server_id = ? AND LENGTH(token) = ?"
        " ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (server_id, len(token), server_id, len(token), TOKENS_KEPT),
    )


def count_batch(
    sql: Sql,
    server_id: int,
    *,
    newest_key_us: int,
    newest_line_us: int,
    oldest_line_us: int,
    stored: int,
    quarantined: int,
    now_us: int,
) -> None:
    """Add a batch to the server's counters; moments are those of its lines, 0 for none."""
    sql.run(
        "UPDATE server SET last_seen_us = ?,"
        " newest_key_us = CASE WHEN newest_key_us > ? THEN newest_key_us ELSE ? END,"
        " newest_line_us = CASE WHEN newest_line_us > ? THEN newest_line_us ELSE ? END,"
        " stored_until_us = CASE WHEN stored_until_us > ? THEN stored_until_us ELSE ? END,"
        f" oldest_line_us = {OLDEST},"
        " batches = batches + 1, records_stored = records_stored + ?,"
        " records_quarantined = records_quarantined + ? WHERE id = ?",
        (
            *(now_us, newest_key_us, newest_key_us, *[newest_line_us] * 4, *[oldest_line_us] * 3),
            *(stored, quarantined, server_id),
        ),
    )
