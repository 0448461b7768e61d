"""Writing what a batch changed: rows, the list of failures, and what roll-ups grew or shrank by."""

from collections.abc import Iterable

from mailtally_collector.store.mail import NOTHING_TOLD, TOLD, DeliveryRow, Mail
from mailtally_collector.store.mails import DELIVERY, EVENT, SCORE
from mailtally_collector.store.message_row import (
    COLUMNS,
    INDEXED,
    PLAIN,
    indexed_of,
    plain_of,
    values_of,
)
from mailtally_collector.store.rollup import FAILING, failing, figures
from mailtally_collector.store.rollup_tables import Growth
from mailtally_collector.store.sql import Row, Sql

KEY = ("message_id", "number")
DELIVERY_INSERT = ("server_id", *DELIVERY)
DELIVERY_UPDATE = DELIVERY[5:]
ATTEMPT = (
    *("message_id", "number", "time_us", "line_hash", "server_id"),
    *("outcome", "reply_code", "enhanced_status"),
    *TOLD,
)
FAILURE = (*KEY, *FAILING)


def flush(sql: Sql, mails: Iterable[Mail]) -> None:
    """Write the messages, which must be derived anew; the caller notes then that they are written.

    Rows are written in the order of their ids, so that two who write the same do not wait for one
    another.
    """
    ordered = sorted(mails, key=lambda mail: mail.row.id)
    for mail in ordered:
        mail.row.derive()
    for part, some in sql.by_server(ordered, lambda mail: mail.row.server_id):
        _flush_messages(part, some)
        _flush_deliveries(part, some)
        _flush_failures(part, some)
        _flush_rollups(part, some)


def _flush_messages(sql: Sql, mails: list[Mail]) -> None:
    rows = [mail.row for mail in mails if mail.written is None]
    sql.insert_many("message", COLUMNS, [values_of(row) for row in rows])
    stored = [mail for mail in mails if mail.written is not None]
    sql.update_many("message", PLAIN, ("id",), [(*plain_of(m.row), m.row.id) for m in stored])
    moved = [mail.row for mail in stored if mail.written != indexed_of(mail.row)]
    sql.update_many("message", INDEXED, ("id",), [(*indexed_of(row), row.id) for row in moved])
    changes = [
        (mail.row.id, mail.row.server_id, *change) for mail in mails for change in mail.new_changes
    ]
    sql.insert_many("message_event", EVENT, changes)
    scored = [mail for mail in mails if mail.score_changed]
    again = [(mail.row.id,) for mail in scored if mail.score_stored]
    sql.delete_many("message_score", ("message_id",), again)
    sql.insert_many("message_score", SCORE, [_score(mail) for mail in scored])


def _score(mail: Mail) -> Row:
    if mail.score is None:
        raise ValueError("a message without a score has none to write")
    key, what = mail.score
    told = (what.scanner, what.score, what.required, what.verdict)
    return (mail.row.id, mail.row.server_id, key.time_us, key.line_hash, *told)


def _flush_deliveries(sql: Sql, mails: list[Mail]) -> None:
    new: list[Row] = []
    changed: list[Row] = []
    for mail in mails:
        message_id = mail.row.id
        for delivery in mail.deliveries.values():
            if not delivery.is_stored:
                new.append((mail.row.server_id, message_id, *_values(delivery)))
            elif delivery.is_changed:
                changed.append((*_values(delivery)[4:], message_id, delivery.number))
    sql.insert_many("delivery", DELIVERY_INSERT, new)
    sql.update_many("delivery", DELIVERY_UPDATE, KEY, changed)
    attempts = [attempt for mail in mails for attempt in mail.new_attempts]
    sql.insert_many("attempt", ATTEMPT, attempts)


def _values(delivery: DeliveryRow) -> Row:
    """The columns of DELIVERY after the message's id."""
    last_us = delivery.last_try_us
    return (
        delivery.number,
        delivery.recipient_id,
        delivery.original_recipient_id,
        delivery.recipient_domain_id,
        delivery.provider_id,
        delivery.state,
        delivery.direction,
        delivery.attempts,
        None if delivery.first_try_us == last_us else delivery.first_try_us,
        last_us,
        None if delivery.deciding_us == last_us else delivery.deciding_us,
        delivery.deciding_hash,
        delivery.outcome,
        delivery.reply_code,
        delivery.enhanced_status,
        delivery.reply_template_id,
        *(NOTHING_TOLD if delivery.told is None else delivery.told),
    )


def _flush_failures(sql: Sql, mails: list[Mail]) -> None:
    gone: list[Row] = []
    come: list[Row] = []
    for mail in mails:
        for delivery in mail.deliveries.values():
            now = failing(mail, delivery)
            if now == delivery.failing:
                continue
            key = (mail.row.id, delivery.number)
            if delivery.failing is not None:
                gone.append(key)
            if now is not None:
                come.append((*key, *now))
            delivery.failing = now
    sql.delete_many("failure", KEY, gone)
    sql.insert_many("failure", FAILURE, come)


def _flush_rollups(sql: Sql, mails: list[Mail]) -> None:
    """Add what is counted now less what was counted before."""
    growth = Growth()
    for mail in mails:
        now = figures(mail)
        if now == mail.counted:
            continue
        for sign, counted in ((1, now), (-1, mail.counted)):
            for figure, count in counted.recipients.items():
                growth.recipients(figure, sign * count)
            if counted.message:
                growth.messages(counted.message, sign)
        mail.counted = now
    for rollup, rows in growth.rows.items():
        rollup.add(sql, rows)
