"""Gaps of logs: what agents could not read, kept once for each place in a log.

Same      A gap whose hash is known is the same place read again: its bounds only widen, so that a
          replay in any chunking and order leaves the same row.
Bounds    0 stands for a moment that the agent does not know. A new gap without a beginning begins
          at the last line that was stored of its server, when that lies before its end; one without
          either moment ends when it was reported. A side that is still open reaches no further than
          the other: ``begin_us`` to ``end_us`` is what is certain to be touched.
Many      GAPS_AN_HOUR of one server begin in one hour and are alike certain; further ones widen the
          last of these, which then no longer says how many lines were lost. Hours stay the same.
Limits    What lies wholly before the roll-ups that retention left is not taken.
"""

import logging
from collections.abc import Sequence

from mailtally_collector.durations import HOUR_US
from mailtally_collector.records import Gap
from mailtally_collector.store.sql import Row, Sql
from mailtally_collector.terms import GapCause

logger = logging.getLogger(__name__)

GAPS_AN_HOUR = 12
ROWS_AT_ONCE = 2_000
# In the place of a number of lines: the row stands for others too.
SHARED = -1
KEPT = "SELECT id, from_us, to_us, certain, lost_lines FROM gap WHERE server_id = ?"


def store_gaps(sql: Sql, server: str, server_id: int, gaps: Sequence[Gap], now_us: int) -> None:
    """Store gaps in the transaction of their batch, before the server's counters move on."""
    if not gaps:
        return
    (rollups_us,) = sql.run("SELECT rollups_us FROM retention WHERE id = 1").fetchone()
    (stored_us,) = sql.run(
        "SELECT stored_until_us FROM server WHERE id = ?", (server_id,)
    ).fetchone()
    for gap in gaps:
        known = sql.run(f"{KEPT} AND gap_hash = ?", (server_id, gap.gap_hash)).fetchone()
        if known is not None:
            is_shared = known[4] == SHARED
            _widen(sql, known, gap, SHARED if is_shared else max(known[4], gap.lost_lines))
            continue
        dated = _dated(gap, stored_us, now_us)
        if _span(dated.from_us, dated.to_us)[1] >= rollups_us:
            _add(sql, server, server_id, dated, now_us)


def delete_gaps(sql: Sql, before_us: int) -> int:
    """Delete some of the gaps that end before; how many."""
    gone = sql.run(
        "DELETE FROM gap WHERE id IN"
        " (SELECT id FROM gap WHERE end_us < ? ORDER BY end_us LIMIT ?) RETURNING 1",
        (before_us, ROWS_AT_ONCE),
    ).fetchall()
    return len(gone)


def _dated(gap: Gap, stored_us: int, now_us: int) -> Gap:
    """Fill in bounds that follow from when the gap was reported."""
    to_us = gap.to_us or (0 if gap.from_us else now_us)
    from_us = gap.from_us or (stored_us if stored_us < to_us else 0)
    return gap._replace(from_us=from_us, to_us=to_us)


def _add(sql: Sql, server: str, server_id: int, gap: Gap, now_us: int) -> None:
    begin_us, end_us = _span(gap.from_us, gap.to_us)
    hour_us = begin_us - begin_us % HOUR_US
    alike = sql.run(
        f"{KEPT} AND begin_us >= ? AND begin_us < ? AND certain = ? ORDER BY id",
        (server_id, hour_us, hour_us + HOUR_US, gap.certain),
    ).fetchall()
    if len(alike) >= GAPS_AN_HOUR:
        _widen(sql, alike[-1], gap, SHARED)
        return
    columns = {**gap._asdict(), "server_id": server_id, "stored_us": now_us}
    sql.insert("gap", columns | {"begin_us": begin_us, "end_us": end_us})
    logger.warning(
        "log has a gap server=%s from_us=%d to_us=%d cause=%s certain=%s",
        *(server, gap.from_us, gap.to_us, _cause(gap.cause), gap.certain),
    )


def _widen(sql: Sql, kept: Row, gap: Gap, lost_lines: int) -> None:
    """Let a row cover the gap too."""
    row_id, from_us, to_us, certain, _ = kept
    from_us = min(filter(None, (from_us, gap.from_us)), default=0)
    to_us = max(to_us, gap.to_us)
    begin_us, end_us = _span(from_us, to_us)
    columns = {"from_us": from_us, "to_us": to_us, "begin_us": begin_us, "end_us": end_us}
    certain = bool(certain) or gap.certain
    sql.update("gap", row_id, columns | {"certain": certain, "lost_lines": lost_lines})


def _span(from_us: int, to_us: int) -> tuple[int, int]:
    return (from_us or to_us, to_us or from_us)


def _cause(cause: int) -> str:
    return GapCause(cause).name.lower() if cause in set(GapCause) else str(cause)
