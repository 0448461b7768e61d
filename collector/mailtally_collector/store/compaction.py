"""Hours into days: roll-ups of long ago keep their sums, not their hours.

Gives     ``compact`` for one day (UTC) of all roll-ups by hour: everything is counted in the first
          quarter of the day. Run again it finds nothing left to do.
Theory    Rows are deleted and what they held is added again, so that what others add at the same
          time is neither lost nor counted twice.
Limits    Only for days whose rows are gone: from then on charts of other time zones put the whole
          day where its midnight in UTC lies.
"""
# ruff: noqa: S608 — names are constants

from mailtally_collector.store.rollup_tables import HOURS_A_DAY, ROLLUPS, Rollup, Rows
from mailtally_collector.store.sql import Sql


def compact(sql: Sql, day: int) -> int:
    """Fold the hours of a day since 1970; how many rows there are less. In the open transaction."""
    return sum(_compact(sql, rollup, day) for rollup in ROLLUPS if rollup.hours == 1)


def _compact(sql: Sql, rollup: Rollup, day: int) -> int:
    first, end = day * HOURS_A_DAY, (day + 1) * HOURS_A_DAY
    later = " OR ".join(f"{name} <> 0" for name in rollup.counts if not name.endswith("_00"))
    names = ", ".join((*rollup.key, *rollup.counts))
    taken = sql.run(
        f"DELETE FROM {rollup.table} WHERE hour >= ? AND hour < ? AND (hour <> ? OR {later})"
        f" RETURNING {names}",
        (first, end, first),
    ).fetchall()
    at = rollup.key.index("hour")
    size = len(rollup.key)
    rows: Rows = {}
    for row in taken:
        key = (*row[:at], first, *row[at + 1 : size])
        folded = rows.setdefault(key, [0] * len(rollup.counts))
        for place, count in enumerate(row[size:]):
            folded[place // 4 * 4] += count
    rollup.add(sql, rows)
    return len(taken) - len(rows)
