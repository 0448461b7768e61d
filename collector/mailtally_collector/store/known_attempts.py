"""Which attempts of a batch are stored already: nothing is counted twice, whatever is sent again.

Limits    An agent reads its log in order, so that what it sends is mostly newer than anything that
          is stored, and nothing is looked up. Else all keys of the server in that time are read.
"""

from collections.abc import Iterable, Iterator

from mailtally_collector.store.sql import Sql

GAP_US = 60_000_000
SELECT_ATTEMPTS = (
    "SELECT time_us, line_hash FROM attempt WHERE server_id = ? AND time_us BETWEEN ? AND ?"
)
# The success that decides lies in the delivery; its moment is null when it is that of the last try.
SELECT_DELIVERIES = (
    "SELECT last_try_us, deciding_hash FROM delivery WHERE server_id = ?"
    " AND last_try_us BETWEEN ? AND ? AND deciding_us IS NULL AND told_direction IS NOT NULL"
)
SELECT_OUTRANKING = (
    "SELECT deciding_us, deciding_hash FROM delivery WHERE server_id = ?"
    " AND deciding_us BETWEEN ? AND ? AND told_direction IS NOT NULL"
)

Key = tuple[int, int]


def known_attempts(sql: Sql, server_id: int, keys: Iterable[Key], newest_key_us: int) -> set[Key]:
    """Return stored keys ``(time_us, line_hash)``, among them all of ``keys`` that are stored."""
    known: set[Key] = set()
    for first_us, last_us in _runs(sorted({at for at, _ in keys if at <= newest_key_us})):
        for statement in (SELECT_ATTEMPTS, SELECT_DELIVERIES, SELECT_OUTRANKING):
            known.update(sql.run(statement, (server_id, first_us, last_us)).fetchall())
    return known


def _runs(moments: list[int]) -> Iterator[tuple[int, int]]:
    """Cut sorted moments where more than GAP_US lie between two."""
    first = last = None
    for moment in moments:
        if first is None or last is None:
            first = moment
        elif moment - last > GAP_US:
            yield first, last
            first = moment
        last = moment
    if first is not None and last is not None:
        yield first, last
