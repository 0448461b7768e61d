"""The periodic jobs: what is done, how often, and what each says that it did.

Gives     ``jobs_of``: the jobs of a configuration for a timetable (timetable.py); with PostgreSQL
          also those for its partitions.
"""

import logging
from collections.abc import Callable
from functools import partial
from random import Random

from peewee import Database

from mailtally_collector.config import Config
from mailtally_collector.durations import DAY_US, MINUTE_US
from mailtally_collector.store.audit import delete_audit
from mailtally_collector.store.compaction import compact, span_of_hours
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.gaps import delete_gaps
from mailtally_collector.store.name_uses import (
    USES,
    begin_sweep,
    delete_unused,
    end_sweep,
    mark_uses,
    open_marks,
    unmarked,
)
from mailtally_collector.store.partition_retention import drop_weeks
from mailtally_collector.store.partitions import Partitions
from mailtally_collector.store.recount import recount, span_of_rows
from mailtally_collector.store.requests import delete_requests
from mailtally_collector.store.retention import RollupRetention, RowRetention, delete_quarantine
from mailtally_collector.store.sign_ins import delete_ended
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.stale import SILENT, refresh_stale
from mailtally_collector.store.transact import Transact
from mailtally_collector.timetable import Job, Turn

logger = logging.getLogger(__name__)

MINUTE, HOUR, DAY = 60, 3_600, 86_400
DAYS_CHECKED = 2
RECENT_DAYS = 14
NAMES = ("retention", "unused-names", "stale-servers", "roll-up-check", "compaction")
PARTITIONS = "partitions"
LINKS = "links"
SWEEP_SECONDS = 10


def jobs_of(
    config: Config,
    transact: Transact,
    reader: Database,
    random: Random,
    *,
    partitioned: Database | None = None,
    sweep: Callable[[], int] | None = None,
) -> list[Job]:
    """List the jobs; they write by ``transact`` and read long on ``reader``.

    ``partitioned``  a connection of their own where tables are cut into partitions; there
    collectors that were killed may leave something, which ``sweep`` settles.
    """
    periods = (HOUR, DAY, MINUTE, HOUR, DAY)
    works: tuple[Callable[[Turn], str], ...] = (
        lambda turn: retain(config, transact, partitioned, turn),
        lambda turn: sweep_names(transact, reader, turn),
        lambda turn: watch_servers(config, transact, turn),
        lambda turn: check_rollups(reader, random, turn),
        lambda turn: compact_rollups(transact, turn),
    )
    jobs = [*map(Job, NAMES, periods, works)]
    if partitioned is not None:
        jobs.append(Job(PARTITIONS, DAY, lambda turn: make_partitions(partitioned, turn)))
    if partitioned is not None and sweep is not None:
        jobs.append(Job(LINKS, SWEEP_SECONDS, lambda _: f"{sweep()} batches of others settled"))
    return jobs


def make_partitions(database: Database, turn: Turn) -> str:
    """Have the partitions of the weeks to come before anything is stored in them."""
    with database.connection_context():
        made = Partitions(sql_for(database)).make_ahead(turn.now_us)
    return f"{made} partitions made"


def retain(config: Config, transact: Transact, partitioned: Database | None, turn: Turn) -> str:
    """Delete what is older than the configuration wants it to be kept."""
    keep = config.retention
    done = []
    if keep.rows_days is not None:
        horizon_us = _horizon_us(turn.now_us, keep.rows_days)
        if partitioned is not None:
            with partitioned.connection_context():
                done.append(f"{drop_weeks(partitioned, horizon_us)} messages by the week")
        rows = RowRetention(horizon_us)
        while turn.go_on() and transact(rows.step):
            pass
        done.append(f"{rows.messages} messages")
    if keep.rollups_days is not None:
        rollups = RollupRetention(_horizon_us(turn.now_us, keep.rollups_days))
        while turn.go_on() and transact(rollups.step):
            pass
        gaps = delete_all(transact, turn, partial(delete_gaps, before_us=rollups.horizon_us))
        done.append(f"{rollups.rows} rows of roll-ups, {gaps} gaps")
    if keep.quarantine_days is not None:
        before_us = _horizon_us(turn.now_us, keep.quarantine_days)
        count = delete_all(transact, turn, partial(delete_quarantine, before_us=before_us))
        done.append(f"{count} quarantined records")
    if keep.audit_days is not None:
        before_us = _horizon_us(turn.now_us, keep.audit_days)
        if count := delete_all(transact, turn, partial(delete_audit, before_us=before_us)):
            done.append(f"{count} audit entries")
    transact(lambda sql: delete_requests(sql, turn.now_us - DAY_US))
    transact(lambda sql: delete_ended(sql, turn.now_us))
    return f"deleted {', '.join(done)}" if done else "everything is kept"


def delete_all(transact: Transact, turn: Turn, some: Callable[[Sql], int]) -> int:
    """Delete some again and again until none is left; how many."""
    count = 0
    while turn.go_on() and (gone := transact(some)):
        count += gone
    return count


def sweep_names(transact: Transact, reader: Database, turn: Turn) -> str:
    """Delete addresses, domains, hosts and replies that nothing uses any more."""
    counts = dict.fromkeys(USES, 0)
    transact(begin_sweep)
    try:
        with reader.connection_context():
            sql = sql_for(reader)
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


def check_rollups(reader: Database, random: Random, turn: Turn) -> str:
    """Count some days again from the rows. Raises RollupsDifferError when they differ."""
    today = turn.now_us // DAY_US
    with reader.connection_context(), reader.atomic():
        sql = sql_for(reader)
        first, end = span_of_rows(sql)
        days = range(max(first, today - RECENT_DAYS), min(end, today + 1))
        chosen = sorted(random.sample(days, min(DAYS_CHECKED, len(days))))
        wrong = {day: recount(sql, day, day + 1, repair=False) for day in chosen}
    found = [
        f"{count} rows of {table} on day {day}"
        for day, counts in wrong.items()
        for table, count in sorted(counts.items())
    ]
    if found:
        raise RollupsDifferError(f"{', '.join(found)} differ; use check --deep --repair")
    return f"{len(chosen)} days counted again, all equal to the rows"


def compact_rollups(transact: Transact, turn: Turn) -> str:
    """Fold hours into days where the rows are gone; each step is one day."""
    first, end = transact(span_of_hours)
    less = 0
    for day in range(first, end):
        if not turn.go_on():
            break
        less += transact(partial(compact, day=day))
    return f"{end - first} days without rows, {less} rows of roll-ups less"


class RollupsDifferError(Exception):
    """Roll-ups are not what their rows say; the message names the days (since 1970, UTC)."""


def _horizon_us(now_us: int, days: int) -> int:
    horizon_us = now_us - days * DAY_US
    return horizon_us - horizon_us % DAY_US
