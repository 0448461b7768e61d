"""Requests to collect now: made by whoever asks, seen by the collector that the agent reports to.

Limits    A request that nobody waits for any more is left as it is; ``delete_requests`` drops it.
"""

from collections.abc import Sequence

from mailtally_collector.collecting import DONE, FAILED, READING, UNDER_WAY, WAITING
from mailtally_collector.store.settings import next_changes
from mailtally_collector.store.sql import Sql

ERROR_MAX = 500


def request_collection(
    sql: Sql, server_ids: Sequence[int], now_us: int, until_us: int
) -> dict[int, int]:
    """Ask for the logs of these servers; the id of each server's request."""
    last = next_changes(sql, len(server_ids))
    ids = dict(zip(server_ids, range(last - len(server_ids) + 1, last + 1), strict=True))
    sql.insert_many(
        "collection_request",
        ("id", "server_id", "requested_us", "until_us", "state", "records", "error"),
        [(ids[one], one, now_us, until_us, WAITING, 0, "") for one in server_ids],
    )
    return ids


def note_result(
    sql: Sql, server: str, request_id: int, *, done: bool, error: str, records: int
) -> None:
    """Note what the agent of that server says of a request of its own that is under way."""
    state = DONE if done else FAILED if error else READING
    sql.run(
        "UPDATE collection_request SET state = ?, records = ?, error = ? WHERE id = ?"
        " AND state IN (?, ?) AND server_id = (SELECT id FROM server WHERE name = ?)",
        (state, records, error[:ERROR_MAX], request_id, *UNDER_WAY, server),
    )


def end_requests(sql: Sql, request_ids: Sequence[int], state: int) -> None:
    """End requests that are still under way."""
    sql.run_many(
        "UPDATE collection_request SET state = ? WHERE id = ? AND state IN (?, ?)",
        [(state, one, *UNDER_WAY) for one in request_ids],
    )


def delete_requests(sql: Sql, before_us: int) -> None:
    """Drop requests that nobody has waited for since then."""
    sql.run("DELETE FROM collection_request WHERE until_us < ?", (before_us,))
