"""Partitions of PostgreSQL's tables: a week of arrival each, by the time in the ids.

Limits    Weeks are counted from 1970, so they begin on Thursdays (UTC). What lies far from today is
          in the default partition: a log from another decade shall not make hundreds of tables.
Locks     A partition is made in a transaction of its own, one table at a time: whoever waits for a
          table then holds no other.
"""
# ruff: noqa: S608 — names are constants

from collections.abc import Iterable

from mailtally_collector.durations import DAY_US
from mailtally_collector.store.ids import first_id
from mailtally_collector.store.sql import Sql

WEEK_US = 7 * DAY_US
WEEKS_BACK = 120
WEEKS_AHEAD = 2
# The column that says when, by table.
PARTITIONED = {
    "message": "id",
    "message_score": "message_id",
    "message_event": "message_id",
    "delivery": "message_id",
    "attempt": "message_id",
    "failure": "message_id",
}
# The number of the lock; any number that nobody else uses.
PARTITION_LOCK = 0x6D61696E


class Partitions:
    """Makes partitions. Used by one thread only, outside of transactions."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._known: set[int] = set()

    def make_sure(self, arrivals_us: Iterable[int], now_us: int) -> int:
        """Have a partition for each of these moments that is not too far; how many were made."""
        this_week = now_us // WEEK_US
        weeks = {moment_us // WEEK_US for moment_us in arrivals_us} - self._known
        made = 0
        for week in sorted(weeks):
            if this_week - WEEKS_BACK <= week <= this_week + WEEKS_AHEAD:
                made += sum(self._make(table, week) for table in PARTITIONED)
                self._known.add(week)
        return made

    def make_ahead(self, now_us: int) -> int:
        """Have the partitions of this week and the next ones; how many were made."""
        self._known.clear()
        return self.make_sure((now_us + week * WEEK_US for week in range(WEEKS_AHEAD + 1)), now_us)

    def weeks(self) -> list[int]:
        """Weeks since 1970 that have a partition of messages, ascending."""
        rows = self._sql.run(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = CAST('message' AS regclass)"
        ).fetchall()
        ends = (name.rpartition("_w")[2] for (name,) in rows)
        return sorted(int(end) for end in ends if end.isdigit())

    def _make(self, table: str, week: int) -> bool:
        """Make and attach a partition; rows that the default one has of its time move into it."""
        name, column = partition_name(table, week), PARTITIONED[table]
        first, end = first_id(week * WEEK_US), first_id((week + 1) * WEEK_US)
        inside = f"{column} >= {first} AND {column} < {end}"
        with self._sql.database.atomic():
            self._sql.run("SELECT pg_advisory_xact_lock(?)", (PARTITION_LOCK,))
            (there,) = self._sql.run("SELECT to_regclass(?)", (name,)).fetchone()
            if there:
                return False
            self._sql.run(f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE")
            self._sql.run(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)")
            self._sql.run(f"INSERT INTO {name} SELECT * FROM {table}_default WHERE {inside}")
            self._sql.run(f"DELETE FROM {table}_default WHERE {inside}")
            self._sql.run(
                f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})"
            )
        return True


def partition_name(table: str, week: int) -> str:
    """Return the name of a week's part of a table."""
    return f"{table}_w{week}"
