"""The periodic jobs: what is done, how often, and what each says that it did.

Gives     ``jobs_of``: the jobs of a configuration for a timetable (timetable.py). Jobs that one
          kind of database has alone, such as making partitions, are given as ``more``.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from peewee import SqliteDatabase

from mailtally_collector.config import Config
from mailtally_collector.durations import DAY_US, HOUR_US, MINUTE_US
from mailtally_collector.store.name_uses import (
    USES,
    begin_sweep,
    delete_unused,
    end_sweep,
    mark_uses,
    open_marks,
    unmarked,
)
from mailtally_collector.store.recount import recount, span_of_rows
from mailtally_collector.store.retention import RollupRetention, RowRetention, delete_quarantine
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.stale import SILENT, refresh_stale
from mailtally_collector.store.transact import Transact
from mailtally_collector.timetable import Job, Turn

logger = logging.getLogger(__name__)

MINUTE, HOUR, DAY = 60, 3_600, 86_400
HOURS_CHECKED = 3
RECENT_HOURS = 7 * 24
NAMES = ("retention", "unused-names", "stale-servers", "roll-up-check")


def jobs_of(
    config: Config,
    transact: Transact,
    reader: SqliteDatabase,
    random: Random,
    more: Sequence[Job] = (),
) -> list[Job]:
    """List the jobs; they write by ``transact`` and read long on ``reader``."""
    periods = (HOUR, DAY, MINUTE, HOUR)
    works: tuple[Callable[[Turn], str], ...] = (
        lambda turn: retain(config, transact, turn),
        lambda turn: sweep_names(transact, reader, turn),
        lambda turn: watch_servers(config, transact, turn),
        lambda turn: check_rollups(reader, random, turn),
    )
    return [*map(Job, NAMES, periods, works), *more]


def retain(config: Config, transact: Transact, turn: Turn) -> str:
    """Delete what is older than the configuration wants it to be kept."""
    keep = config.retention
    done = []
    if keep.rows_days is not None:
        rows = RowRetention(_horizon_us(turn.now_us, keep.rows_days, HOUR_US))
        while turn.go_on() and transact(rows.step):
            pass
        done.append(f"{rows.messages} messages")
    if keep.rollups_days is not None:
        rollups = RollupRetention(_horizon_us(turn.now_us, keep.rollups_days, DAY_US))
        while turn.go_on() and transact(rollups.step):
            pass
        done.append(f"{rollups.rows} rows of roll-ups")
    if keep.quarantine_days is not None:
        before_us = _horizon_us(turn.now_us, keep.quarantine_days, HOUR_US)
        count = 0
        while turn.go_on() and (some := transact(lambda sql: delete_quarantine(sql, before_us))):
            count += some
        done.append(f"{count} quarantined records")
    return f"deleted {', '.join(done)}" if done else "everything is kept"


def sweep_names(transact: Transact, reader: SqliteDatabase, turn: Turn) -> str:
    """Delete addresses, domains, hosts and replies that nothing uses any more."""
    counts = dict.fromkeys(USES, 0)
    transact(begin_sweep)
    try:
        with reader.connection_context():
            sql = Sql(reader)
            for table in USES:
                marks = open_marks(sql, table)
                for column in USES[table]:
                    mark_uses(sql, marks, column)
                    if not turn.go_on():
                        return "stopped before its end"
                for idle in unmarked(sql, marks):
                    if not turn.go_on():
                        return "stopped before its end"
                    counts[table] += transact(partial(delete_unused, table=table, name_ids=idle))
    finally:
        transact(end_sweep)
    found = [f"{count} of {table}" for table, count in counts.items() if count]
    return f"deleted {', '.join(found)}" if found else "every name is in use"


def watch_servers(config: Config, transact: Transact, turn: Turn) -> str:
    """Note and log which servers became stale or well."""
    silent_us = config.watch.silent_minutes * MINUTE_US
    lag_us = config.watch.lag_minutes * MINUTE_US
    changes = transact(lambda sql: refresh_stale(sql, turn.now_us, silent_us, lag_us))
    for change in changes:
        minutes = (turn.now_us - change.newest_us) // MINUTE_US
        if change.reason == SILENT:
            logger.warning("server is silent server=%s minutes=%d", change.server, minutes)
        elif change.reason:
            logger.warning("server lags server=%s minutes=%d", change.server, minutes)
        else:
            logger.info("server is well again server=%s", change.server)
    words = [f"{change.server} {change.reason or 'well again'}" for change in changes]
    return ", ".join(words) or "no change"


def check_rollups(reader: SqliteDatabase, random: Random, turn: Turn) -> str:
    """Count some hours again from the rows. Raises RollupsDifferError when they differ."""
    now_hour = turn.now_us // HOUR_US
    with reader.connection_context(), reader.atomic():
        sql = Sql(reader)
        first, end = span_of_rows(sql)
        hours = range(max(first, now_hour - RECENT_HOURS), min(end, now_hour + 1))
        chosen = sorted(random.sample(hours, min(HOURS_CHECKED, len(hours))))
        wrong = {hour: recount(sql, hour, hour + 1, repair=False) for hour in chosen}
    found = [
        f"{count} rows of {table} in hour {hour}"
        for hour, counts in wrong.items()
        for table, count in sorted(counts.items())
    ]
    if found:
        raise RollupsDifferError(f"{', '.join(found)} differ; use check --deep --repair")
    return f"{len(chosen)} hours counted again, all equal to the rows"


class RollupsDifferError(Exception):
    """Roll-ups are not what their rows say; the message names the hours (since 1970, UTC)."""


def _horizon_us(now_us: int, days: int, unit_us: int) -> int:
    horizon_us = now_us - days * DAY_US
    return horizon_us - horizon_us % unit_us
