"""Counting roll-ups and the list of failures again from the rows, and putting right what differs.

Gives     ``recount`` for a span of days: how many rows of which table were wrong.
Theory    It is SQL over the rows, apart from what counts while batches are stored, so that each
          checks the other. What differs is added or taken away, which is right beside a writer too:
          that one adds differences as well.
Limits    Days before the oldest message and before the horizon of retention are left alone: their
          roll-ups are all that is left.
"""
# ruff: noqa: S608 — names are constants

from collections import Counter

from mailtally_collector.durations import DAY_US, HOUR_US, QUARTER_US
from mailtally_collector.store.rollup import DIRECTIONS, FAILING, STATES
from mailtally_collector.store.rollup_tables import HOURS_A_DAY, Growth, Rollup
from mailtally_collector.store.sql import Row, Sql
from mailtally_collector.terms import DeliveryState, Direction

PLACE = (
    f"m.arrival_us / {HOUR_US} AS hour, m.arrival_us % {HOUR_US} / {QUARTER_US} AS quarter,"
    " m.server_id, m.traffic_class, COALESCE(m.sender_domain_id, 0) AS domain_id,"
    " COALESCE(m.sender_id, 0) AS sender_id"
)
IN_SPAN = "m.arrival_us >= ? AND m.arrival_us < ?"
# One row for each recipient that is counted, and one for the untried ones of a message.
COUNTED = (
    f"SELECT m.id, {PLACE}, CASE WHEN d.direction < {DIRECTIONS} THEN d.direction ELSE 0 END"
    f" * {STATES} + d.state - 1 AS bit, COALESCE(d.reply_template_id, 0) AS template_id,"
    " d.provider_id, 1 AS recipients FROM message m JOIN delivery d ON d.message_id = m.id"
    " AND d.server_id = m.server_id"
    f" WHERE d.state <> {int(DeliveryState.REQUEUED)} AND {IN_SPAN}"
    f" UNION ALL SELECT m.id, {PLACE}, {int(Direction.OUTBOUND) * STATES} + m.untried_state - 1, 0,"
    f" 0, m.untried FROM message m WHERE m.untried > 0 AND {IN_SPAN}"
)
PLACES = "hour, quarter, server_id, traffic_class, domain_id, sender_id"
RECIPIENTS = (
    f"SELECT {PLACES}, bit, template_id, provider_id, SUM(recipients) FROM ({COUNTED}) AS counted"
    f" GROUP BY {PLACES}, bit, template_id, provider_id"
)
MESSAGES = f"SELECT DISTINCT id, {PLACES}, bit FROM ({COUNTED}) AS counted"
FAILURE = ", ".join(("message_id", "number", *FAILING))
FAILED = (
    "SELECT d.message_id, d.number, m.server_id, m.sender_id, m.sender_domain_id,"
    " d.recipient_domain_id, d.reply_template_id, d.state, d.direction, m.traffic_class,"
    " m.arrival_us, d.last_try_us FROM message m JOIN delivery d ON d.message_id = m.id"
    " AND d.server_id = m.server_id"
    f" WHERE d.state <> {int(DeliveryState.DELIVERED)} AND {IN_SPAN}"
)
LISTED = f"SELECT {FAILURE} FROM failure m WHERE {IN_SPAN}"


def span_of_rows(sql: Sql) -> tuple[int, int]:
    """Return the days that have all their rows, to after all that is counted; (0, 0) for none."""
    # One at a time: SQLite would look through the whole index for both.
    (first_us,) = sql.run("SELECT MIN(arrival_us) FROM message").fetchone()
    (last_us,) = sql.run("SELECT MAX(arrival_us) FROM message").fetchone()
    if first_us is None:
        return (0, 0)
    (kept_us,) = sql.run("SELECT rows_us FROM retention WHERE id = 1").fetchone()
    (counted,) = sql.run("SELECT MAX(hour) FROM traffic_hour").fetchone()
    last_day = max(last_us // DAY_US, (counted or 0) // HOURS_A_DAY)
    return (min(max(first_us // DAY_US, -(-kept_us // DAY_US)), last_day + 1), last_day + 1)


def recount(sql: Sql, first_day: int, end_day: int, *, repair: bool) -> Counter[str]:
    """Count wrong rows by table in the days (UTC) from ``first_day`` to before ``end_day``.

    With ``repair`` they are put right, in the transaction that is open.
    """
    span = (first_day * DAY_US, end_day * DAY_US)
    wrong: Counter[str] = Counter()
    for rollup, rows in _grown(sql, span).rows.items():
        less = _stored(sql, rollup, first_day, end_day)
        for key, counts in less.items():
            now = rows.setdefault(key, [0] * len(counts))
            rows[key] = [one - other for one, other in zip(now, counts, strict=True)]
        wrong[rollup.table] = sum(any(counts) for counts in rows.values())
        if repair:
            rollup.add(sql, rows)
    wrong["failure"] = _recount_failures(sql, span, repair=repair)
    return +wrong


def _grown(sql: Sql, span: tuple[int, int]) -> Growth:
    growth = Growth()
    for *place, domain, sender, bit, template, provider, count in sql.run(
        RECIPIENTS, span + span
    ).fetchall():
        hour, quarter, server, kind = place
        figure = (hour, quarter, server, kind, 1 << bit, domain, sender, template, provider)
        growth.recipients(figure, int(count))
    masks: dict[Row, int] = {}
    for *place, bit in sql.run(MESSAGES, span + span).fetchall():
        masks[tuple(place)] = masks.get(tuple(place), 0) | 1 << bit
    for (_, hour, quarter, server, kind, domain, sender), mask in masks.items():
        growth.messages((hour, quarter, server, kind, mask, domain, sender, 0, 0), 1)
    return growth


def _stored(sql: Sql, rollup: Rollup, first_day: int, end_day: int) -> dict[Row, list[int]]:
    columns = ", ".join(rollup.key + rollup.counts)
    rows = sql.run(
        f"SELECT {columns} FROM {rollup.table} WHERE {rollup.period} >= ? AND {rollup.period} < ?",
        (first_day * HOURS_A_DAY // rollup.hours, end_day * HOURS_A_DAY // rollup.hours),
    ).fetchall()
    size = len(rollup.key)
    return {tuple(row[:size]): list(row[size:]) for row in rows}


def _recount_failures(sql: Sql, span: tuple[int, int], *, repair: bool) -> int:
    expected = set(map(tuple, sql.run(FAILED, span).fetchall()))
    listed = set(map(tuple, sql.run(LISTED, span).fetchall()))
    if repair:
        keys = {row[:2] for row in expected ^ listed}
        sql.delete_many("failure", ("message_id", "number"), sorted(keys))
        sql.insert_many("failure", FAILURE.split(", "), sorted(expected - listed, key=_key))
    return len({row[:2] for row in expected ^ listed})


def _key(row: Row) -> Row:
    return row[:2]
