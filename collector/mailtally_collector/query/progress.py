"""How far requests to collect now are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailtally_collector.collecting import NOT_CONNECTED, TIMED_OUT, UNDER_WAY
from mailtally_collector.query.connection import gone_since
from mailtally_collector.store.sql import Sql

# An agent whose collector was restarted is back by then.
GRACE_US = 10_000_000


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one server; ``state`` as collecting.py numbers them."""

    request_id: int
    server: str
    state: int
    records: int
    backlog_bytes: int
    error: str


def progress_of(
    sql: Sql, request_ids: Sequence[int], present: Collection[str], now_us: int
) -> list[Progress]:
    """Look at requests, by name of the server.

    One whose agent is away, or for which nobody waits any more, has that for its state, although
    its row has not.
    """
    columns = ("id", "server_id", "state", "records", "error", "until_us")
    rows = sql.find("collection_request", columns, ("id",), [(one,) for one in request_ids])
    by_id = {row[1]: row for row in rows}
    agents = sql.run(
        "SELECT s.id, s.name, s.backlog_bytes, s.last_seen_us, r.connected_us, r.left_us"
        " FROM server s LEFT JOIN agent_report r ON r.server_id = s.id ORDER BY s.name"
    ).fetchall()
    found = []
    for server_id, name, backlog_bytes, *moments in agents:
        if server_id not in by_id:
            continue
        request_id, _, state, records, error, until_us = by_id[server_id]
        if state in UNDER_WAY:
            if name not in present and gone_since(*moments) <= now_us - GRACE_US:
                state = NOT_CONNECTED
            elif until_us <= now_us:
                state = TIMED_OUT
        found.append(Progress(request_id, name, state, records, backlog_bytes, error))
    return found


def under_way(sql: Sql, names: Collection[str], now_us: int) -> dict[str, int]:
    """Requests that somebody waits for: the newest of each of these servers, by its name."""
    rows = sql.run(
        "SELECT s.name, MAX(r.id) FROM collection_request r JOIN server s ON s.id = r.server_id"
        " WHERE r.until_us > ? AND r.state IN (?, ?) GROUP BY s.name",
        (now_us, *UNDER_WAY),
    ).fetchall()
    return {name: int(one) for name, one in rows if name in names}
