"""Deleting whole partitions: a week of which everything may go costs a moment.

Gives     ``drop_weeks`` for weeks before the horizon. A week of which some message has to stay, or
          is linked to one outside of it that has to, is left to retention.py, message by message;
          what is empty afterwards is dropped here the next time.
Locks     The tables are locked in one order, and not for long: who waits too long gives up, and the
          job tries again at its next turn.
"""
# ruff: noqa: S608 — names are constants

from peewee import Database

from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.ids import first_id
from mailtally_collector.store.partitions import PARTITIONED, WEEK_US, Partitions, partition_name
from mailtally_collector.store.retention import OLD, hold_batches, limits, move_horizon
from mailtally_collector.store.sql import Sql

LOCK_WAIT = "SET LOCAL lock_timeout = '5s'"


def drop_weeks(database: Database, horizon_us: int) -> int:
    """Drop the partitions of weeks that end before the horizon and may go; how many messages.

    In transactions of its own, one a week.
    """
    sql = sql_for(database)
    gone = 0
    for week in Partitions(sql).weeks():
        if (week + 1) * WEEK_US <= horizon_us:
            with database.atomic():
                gone += _drop(sql, week, horizon_us)
    return gone


def _drop(sql: Sql, week: int, horizon_us: int) -> int:
    inside = (first_id(week * WEEK_US), first_id((week + 1) * WEEK_US))
    hold_batches(sql)
    if _stays(sql, inside, horizon_us):
        return 0
    rows = sql.run(
        "SELECT server_id, COUNT(*) FROM message WHERE id >= ? AND id < ? GROUP BY server_id",
        inside,
    ).fetchall()
    if rows:
        move_horizon(sql, sorted(server_id for server_id, _ in rows), horizon_us)
        sql.run("DELETE FROM message_link WHERE parent_id >= ? AND parent_id < ?", inside)
    sql.run(LOCK_WAIT)
    sql.run(f"LOCK TABLE {', '.join(PARTITIONED)} IN ACCESS EXCLUSIVE MODE")
    for table in PARTITIONED:
        sql.run(f"DROP TABLE IF EXISTS {partition_name(table, week)}")
    return sum(count for _, count in rows)


def _stays(sql: Sql, inside: tuple[int, int], horizon_us: int) -> bool:
    """Whether something of the week has to stay, or hangs together with another week."""
    old = OLD.format("id >= ? AND id < ?")
    (kept,) = sql.run(
        "SELECT (SELECT COUNT(*) FROM message WHERE id >= ? AND id < ?)"
        f" - (SELECT COUNT(*) FROM ({old}) AS may_go)",
        (*inside, *limits(horizon_us), *inside, horizon_us),
    ).fetchone()
    if kept:
        return True
    crossing = sql.run(
        "SELECT 1 FROM message_link WHERE child_id IS NOT NULL"
        " AND ((parent_id >= ? AND parent_id < ? AND NOT (child_id >= ? AND child_id < ?))"
        " OR (child_id >= ? AND child_id < ? AND NOT (parent_id >= ? AND parent_id < ?))) LIMIT 1",
        inside * 4,
    ).fetchone()
    return crossing is not None
