"""Ids of messages: the hour of arrival above a counter, so that rows lie in the order of time.

Limits    The counter has 28 bits and begins anew after that: two messages would share an id only if
          268 million arrived within one hour.
"""

from mailtally_collector.durations import HOUR_US
from mailtally_collector.store.sql import Sql

COUNTER_BITS = 28
COUNTER_MASK = (1 << COUNTER_BITS) - 1
BLOCK = 4_096


def first_id(time_us: int) -> int:
    """Return the lowest id that a message of this moment's hour can have."""
    return time_us // HOUR_US << COUNTER_BITS


class Ids:
    """Takes numbers in blocks from the database; ``forget`` after a rollback."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._next = 0
        self._left = 0

    def forget(self) -> None:
        """Drop the rest of the block: others may be given it."""
        self._left = 0

    def make_sure(self, count: int) -> None:
        """Have at least so many numbers at hand."""
        if self._left >= count:
            return
        size = max(BLOCK, count)
        row = self._sql.run(
            "UPDATE allotment SET next_number = next_number + ? RETURNING next_number", (size,)
        ).fetchone()
        self._next, self._left = row[0] - size, size

    def take(self, arrival_us: int) -> int:
        """Return a new id for a message that arrived then; make_sure() has counted it."""
        number = self._next
        self._next += 1
        self._left -= 1
        return first_id(arrival_us) | number & COUNTER_MASK
