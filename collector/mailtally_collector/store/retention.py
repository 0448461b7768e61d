"""Deleting what is older than it has to be kept, a few thousand rows at a time.

Gives     ``RowRetention`` for messages with all that belongs to them, ``RollupRetention`` and
          ``delete_quarantine``; each step for a transaction of its own.
Rules     1. Of a message all goes or nothing: when it arrived before the horizon, all its lines are
             older too, and it has left the queue. One that never left goes QUEUE_DAYS later:
             Postfix gives up after five days, so that its end was lost, or it is held.
          2. A message goes with its whole family (families.py), when all of it may go.
          3. Roll-ups stay as they are: they count what was, in the state in which it went.
          4. In the same transaction the horizon moves, behind which records are refused.
Limits    The horizon is a whole day (UTC), so that roll-ups from there on can be counted again.
"""
# ruff: noqa: S608 — names are constants

from collections.abc import Collection
from dataclasses import dataclass

from mailtally_collector.durations import DAY_US
from mailtally_collector.lineage import HOP_BEFORE_US
from mailtally_collector.store.families import families
from mailtally_collector.store.ids import first_id
from mailtally_collector.store.rollup_tables import HOURS_A_DAY, ROLLUPS, Rollup
from mailtally_collector.store.sql import Row, Sql

QUEUE_DAYS = 30
# The daemons of a message log its last lines in no strict order, and a link from a line that is
# young enough may lead to a message that began so much earlier (lineage.py).
SETTLED_US = HOP_BEFORE_US
MESSAGES_AT_ONCE = 1_000
ROWS_AT_ONCE = 2_000
KEYS_AT_ONCE = 100
# Where the rows of a message are, by the column that names it.
PARTS = (
    ("delivery", "message_id"),
    ("attempt", "message_id"),
    ("failure", "message_id"),
    ("message_event", "message_id"),
    ("message_score", "message_id"),
    ("message_link", "parent_id"),
    ("message", "id"),
)
# Messages of which every line is old enough: before when, of those still queued and of the others.
OLD = (
    "SELECT id, known_recipients FROM (SELECT id, first_us, accepted_us, ended_us, arrival_us,"
    " known_recipients, CASE WHEN ended_us IS NULL THEN ? ELSE ? END AS before_us FROM message"
    " WHERE {}) m"
    " WHERE arrival_us < ? AND first_us < before_us AND COALESCE(accepted_us, 0) < before_us"
    " AND COALESCE(ended_us, 0) < before_us"
    " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.message_id = m.id"
    " AND d.last_try_us >= before_us)"
    " AND NOT EXISTS (SELECT 1 FROM message_event e WHERE e.message_id = m.id"
    " AND e.time_us >= before_us)"
    " AND NOT EXISTS (SELECT 1 FROM message_link l WHERE l.parent_id = m.id"
    " AND l.time_us >= before_us)"
    " ORDER BY id"
)


@dataclass(slots=True)
class RowRetention:
    """One pass over the messages that arrived before the horizon, in the order of their ids."""

    horizon_us: int
    messages: int = 0
    _after_id: int = -1

    def step(self, sql: Sql) -> bool:
        """Look at some, and delete those that may go; False when there were no more."""
        hold_batches(sql)
        (last_id,) = sql.run(
            "SELECT MAX(id) FROM (SELECT id FROM message WHERE id > ? AND id < ?"
            " ORDER BY id LIMIT ?) AS few",
            (self._after_id, first_id(self.horizon_us), MESSAGES_AT_ONCE),
        ).fetchone()
        if last_id is None:
            return False
        old: list[int] = []
        rows = 0
        for message_id, recipients in self._old(sql, "id > ? AND id <= ?", self._after_id, last_id):
            old.append(message_id)
            rows += recipients + 1
            if rows >= ROWS_AT_ONCE:
                last_id = message_id
                break
        whole = [one for one in families(sql, old) if self._may_go(sql, one.difference(old))]
        gone = sorted({one for family in whole for one in family})
        if gone:
            self._delete(sql, gone)
        self._after_id = last_id
        self.messages += len(gone)
        return True

    def _may_go(self, sql: Sql, others: set[int]) -> bool:
        """Whether these members of a family may go too."""
        return all(self._old(sql, "id = ?", one) for one in others)

    def _old(self, sql: Sql, where: str, *values: int) -> list[tuple[int, int]]:
        """Return (id, recipients) of messages that may go by themselves."""
        asked = (*limits(self.horizon_us), *values, self.horizon_us)
        return sql.run(OLD.format(where), asked).fetchall()

    def _delete(self, sql: Sql, message_ids: list[int]) -> None:
        keys = [(one,) for one in message_ids]
        servers = sorted({one for (one,) in sql.find("message", ("server_id",), ("id",), keys)})
        move_horizon(sql, servers, self.horizon_us)
        for table, column in PARTS:
            sql.delete_many(table, (column,), keys)


def limits(horizon_us: int) -> tuple[int, int]:
    """Return the first values of OLD: before when all lines are, of the still queued and others."""
    return (horizon_us - QUEUE_DAYS * DAY_US, horizon_us - SETTLED_US)


def hold_batches(sql: Sql) -> None:
    """Let no batch be stored until the transaction ends, wherever several collectors write."""
    sql.run(sql.exclusive("SELECT 1 FROM retention WHERE id = 1"))


def move_horizon(sql: Sql, server_ids: Collection[int], horizon_us: int) -> None:
    """Note that rows of these servers from before the horizon go; it never moves back."""
    sql.run(
        "UPDATE retention SET deletions = deletions + 1,"
        " rows_us = CASE WHEN rows_us > ? THEN rows_us ELSE ? END WHERE id = 1",
        (horizon_us, horizon_us),
    )
    columns = ("server_id", "rows_us", "refused")
    there = {one for one, _ in _horizons(sql, server_ids)}
    missing = [(one, 0, 0) for one in server_ids if one not in there]
    sql.insert_many("horizon", columns, missing)
    sql.update_many(
        "horizon",
        ("rows_us",),
        ("server_id",),
        [(horizon_us, one) for one in _behind(sql, server_ids, horizon_us)],
    )


def _behind(sql: Sql, server_ids: Collection[int], horizon_us: int) -> list[int]:
    found = _horizons(sql, server_ids)
    return sorted(server_id for server_id, rows_us in found if rows_us < horizon_us)


def _horizons(sql: Sql, server_ids: Collection[int]) -> list[Row]:
    wanted = [(one,) for one in server_ids]
    return sql.find("horizon", ("server_id", "rows_us"), ("server_id",), wanted)


@dataclass(slots=True)
class RollupRetention:
    """One pass over roll-ups of days before the horizon; never of a day that has rows."""

    horizon_us: int
    rows: int = 0
    _table: int = 0
    _after: int = -1

    def step(self, sql: Sql) -> bool:
        """Delete some; False when there are no more."""
        (first_us,) = sql.run("SELECT MIN(arrival_us) FROM message").fetchone()
        if first_us is not None:
            self.horizon_us = min(self.horizon_us, first_us)
        day = self.horizon_us // DAY_US
        if self._table == len(ROLLUPS):
            sql.run("UPDATE retention SET rollups_us = ? WHERE id = 1", (day * DAY_US,))
            return False
        rollup = ROLLUPS[self._table]
        end = day * HOURS_A_DAY // rollup.hours
        keys = _next_keys(sql, rollup, self._after)
        if not keys or (rollup.key[0] == rollup.period and keys[0] >= end):
            self._table, self._after = self._table + 1, -1
            return True
        marks = ", ".join("?" * len(keys))
        gone = sql.run(
            f"DELETE FROM {rollup.table} WHERE {rollup.key[0]} IN ({marks})"
            f" AND {rollup.period} < ? RETURNING 1",
            (*keys, end),
        ).fetchall()
        self.rows += len(gone)
        self._after = keys[-1]
        return True


def _next_keys(sql: Sql, rollup: Rollup, after: int) -> list[int]:
    """Return some of the first columns of the key, each found by the index."""
    keys: list[int] = []
    first = rollup.key[0]
    statement = f"SELECT MIN({first}) FROM {rollup.table} WHERE {first} > ?"
    while len(keys) < KEYS_AT_ONCE:
        (after_next,) = sql.run(statement, (keys[-1] if keys else after,)).fetchone()
        if after_next is None:
            break
        keys.append(after_next)
    return keys


def delete_quarantine(sql: Sql, before_us: int) -> int:
    """Delete some of the records that were set aside before; how many."""
    gone = sql.run(
        "DELETE FROM quarantine WHERE id IN"
        " (SELECT id FROM quarantine WHERE stored_us < ? ORDER BY id LIMIT ?) RETURNING 1",
        (before_us, ROWS_AT_ONCE),
    ).fetchall()
    return len(gone)
