"""The agent that follows a server's log: whether it is there, and what it told last.

Gives     ``note_connected`` and ``note_left`` for streams, ``store_report`` for what came on them.
Limits    Lists are kept as JSON, one value each: they are shown as a whole or not at all.
          Bytes of log lines survive it as lone surrogates.
"""

import json
from collections.abc import Sequence

from mailtally_collector.records import AgentReport, OpenMessage, Sample, SourceReport
from mailtally_collector.store.servers import server_id_of
from mailtally_collector.store.sql import Sql

EMPTY = b"[]"
NOTHING = {
    "stream": 0,
    "connected_us": 0,
    "left_us": 0,
    "reported_us": 0,
    "clock_skew_us": 0,
    "oldest_line_us": 0,
    "settings_revision": 0,
    "next_collection_us": 0,
    "samples": EMPTY,
    "open_messages": EMPTY,
    "sources": EMPTY,
}


def note_connected(sql: Sql, server: str, stream: int, now_us: int) -> None:
    """Note that the server's agent opened a stream; an older one of it does not count any more."""
    server_id = _row_of(sql, server, now_us)
    sql.run(
        "UPDATE agent_report SET stream = ?, connected_us = ?, left_us = 0 WHERE server_id = ?",
        (stream, now_us, server_id),
    )


def note_left(sql: Sql, server: str, stream: int, now_us: int) -> None:
    """Note that the stream ended, unless a newer one began meanwhile."""
    sql.run(
        "UPDATE agent_report SET left_us = ? WHERE stream = ?"
        " AND server_id = (SELECT id FROM server WHERE name = ?)",
        (now_us, stream, server),
    )


def store_report(sql: Sql, server: str, report: AgentReport, now_us: int) -> None:
    """Keep what the agent told, in the place of what it told before."""
    sql.run(
        "UPDATE agent_report SET reported_us = ?, clock_skew_us = ?, oldest_line_us = ?,"
        " settings_revision = ?, next_collection_us = ?, samples = ?, open_messages = ?,"
        " sources = ? WHERE server_id = ?",
        (
            now_us,
            report.clock_skew_us,
            report.oldest_line_us,
            report.settings_revision,
            report.next_collection_us,
            _packed([(one.daemon, _text(one.line)) for one in report.samples]),
            _packed(report.open_messages),
            _packed(report.sources),
            _row_of(sql, server, now_us),
        ),
    )


def samples_of(packed: bytes) -> list[Sample]:
    """Read the column ``samples``."""
    return [Sample(daemon, _bytes(line)) for daemon, line in json.loads(bytes(packed))]


def open_messages_of(packed: bytes) -> list[OpenMessage]:
    """Read the column ``open_messages``."""
    return [OpenMessage(*one) for one in json.loads(bytes(packed))]


def sources_of(packed: bytes) -> list[SourceReport]:
    """Read the column ``sources``."""
    return [SourceReport(*one) for one in json.loads(bytes(packed))]


def _row_of(sql: Sql, server: str, now_us: int) -> int:
    server_id = server_id_of(sql, server, now_us)
    row = {"server_id": server_id} | NOTHING
    sql.insert_missing("agent_report", tuple(row), [tuple(row.values())])
    return server_id


def _packed(values: Sequence[object]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode("ascii")


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


def _bytes(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape")
