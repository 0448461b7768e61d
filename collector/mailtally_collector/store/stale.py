"""Mail hosts that are silent, or whose log is read too late: found, noted once, and cleared.

Silent    Nothing came from the agent for so long, not even that it is there.
Lags      The agent has lines that it has not reported, and the newest reported one is so old. A
          quiet server, whose log is read to its end, does not lag; one whose log is read at an
          interval may be older by that, and one whose log is not collected never lags.
"""

from dataclasses import dataclass

from mailtally_collector.durations import SECOND_US
from mailtally_collector.store.settings import in_force, read_settings
from mailtally_collector.store.sql import Sql

SILENT = "silent"
LAGS = "lags"


@dataclass(frozen=True, slots=True)
class Change:
    """A server that is stale in another way than before; ``reason`` "" when it is well again."""

    server: str
    reason: str
    newest_us: int


def refresh_stale(sql: Sql, now_us: int, silent_us: int, lag_us: int) -> list[Change]:
    """Note which servers are stale now; what changed, by name."""
    rows = sql.run(
        "SELECT s.id, s.name, s.last_seen_us, s.newest_line_us, s.backlog_bytes,"
        " COALESCE(t.reason, '') FROM server s LEFT JOIN stale_server t ON t.server_id = s.id"
        " ORDER BY s.name"
    ).fetchall()
    settings = read_settings(sql)
    changes = []
    for server_id, name, last_seen_us, newest_us, backlog, was in rows:
        collecting = in_force(settings, server_id)
        late_us = now_us - lag_us - collecting.interval_seconds * SECOND_US
        reason = ""
        if last_seen_us < now_us - silent_us:
            reason = SILENT
        elif backlog and collecting.enabled and newest_us < late_us:
            reason = LAGS
        if reason == was:
            continue
        sql.run("DELETE FROM stale_server WHERE server_id = ?", (server_id,))
        if reason:
            sql.run(
                "INSERT INTO stale_server (server_id, since_us, reason) VALUES (?, ?, ?)",
                (server_id, now_us, reason),
            )
        changes.append(Change(name, reason, last_seen_us if reason == SILENT else newest_us))
    return changes
