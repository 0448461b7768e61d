"""Recipients whose mail was refused, gave up or still waits after a failed try; newest first."""

from dataclasses import dataclass, replace
from typing import Any

from peewee import JOIN, Database, Tuple, fn

from mailtally_collector.classify.classify import Judged
from mailtally_collector.query.cursor import Cursor, decode, encode
from mailtally_collector.query.filters import Filter, recipient_conditions, recipients_of, select
from mailtally_collector.query.verdicts import VERDICT_COLUMNS, judged
from mailtally_collector.store.models import (
    Address,
    Attempt,
    Delivery,
    Domain,
    Instance,
    Message,
    Relay,
    ReplyTemplate,
    Server,
)
from mailtally_collector.store.names import join_address
from mailtally_collector.terms import DeliveryState

# Rows of a message lie where those of its server do (store/distribution.py).
BELONGS = (Delivery.message_id == Message.id) & (Delivery.server_id == Message.server_id)
# The attempt that decides, when it is not the success that the delivery itself keeps.
DECIDES = (
    (Attempt.server_id == Delivery.server_id)
    & (Attempt.message_id == Delivery.message_id)
    & (Attempt.number == Delivery.number)
    & (Attempt.time_us == fn.COALESCE(Delivery.deciding_us, Delivery.last_try_us))
    & (Attempt.line_hash == Delivery.deciding_hash)
)
FAILING = (int(DeliveryState.BOUNCED), int(DeliveryState.EXPIRED), int(DeliveryState.PENDING))


@dataclass(frozen=True, slots=True)
class Event:
    """One recipient, with the attempt that decides its state."""

    message_id: int
    number: int
    server: str
    instance: str
    queue_id: str
    state: int
    arrival_us: int
    last_try_us: int
    envelope_sender: bytes
    recipient: bytes
    original_recipient: bytes
    reply_code: int
    enhanced_status: str
    reply_text: bytes
    relay_host: bytes
    relay_address: str
    relay_port: int
    size_bytes: int
    attempts: int
    traffic_class: int
    direction: int
    judged: Judged | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, and the token of the next page; empty on the last one."""

    events: list[Event]
    next_token: str


def list_events(database: Database, asked: Filter, *, token: str, size: int, now_us: int) -> Page:
    """List one page. Pages after the first keep its range. Raises QueryError for a bad token."""
    cursor = decode(token, asked) if token else None
    if cursor is None:
        selection = select(asked, now_us)
    else:
        selection = select(replace(asked, start_us=cursor.start_us, end_us=cursor.end_us), now_us)
    selection = selection.with_default_states(FAILING)
    rows = recipients_of(selection)
    conditions = recipient_conditions(selection, rows)
    if cursor is not None:
        conditions.append(
            Tuple(rows.last_try_us, rows.message_id, rows.number)
            < Tuple(cursor.time_us, cursor.message_id, cursor.number)
        )
    with database.atomic():
        found = list(
            rows.select(rows.message_id, rows.number, rows.last_try_us)
            .where(*conditions)
            .order_by(rows.last_try_us.desc(), rows.message_id.desc(), rows.number.desc())
            .limit(size + 1)
            .tuples()
            .execute(database)
        )
        events = _read(database, [(message_id, number) for message_id, number, _ in found[:size]])
    if len(found) <= size:
        return Page(events, "")
    message_id, number, last_try_us = found[size - 1]
    following = Cursor(last_try_us, message_id, number, selection.start_us, selection.end_us)
    return Page(events, encode(following, asked))


def _read(database: Database, keys: list[tuple[int, int]]) -> list[Event]:
    """Read recipients by (message id, number), in this order."""
    if not keys:
        return []
    recipient, original, sender = Address.alias(), Address.alias(), Address.alias()
    recipient_domain, original_domain, sender_domain = (Domain.alias() for _ in range(3))
    rows = (
        Delivery.select(
            Delivery.message_id,
            Delivery.number,
            Server.name,
            Instance.name,
            Message.queue_id,
            Delivery.state,
            Message.arrival_us,
            Delivery.last_try_us,
            sender.local_part,
            sender_domain.name,
            recipient.local_part,
            recipient_domain.name,
            original.local_part,
            original_domain.name,
            Delivery.reply_code,
            Delivery.enhanced_status,
            fn.COALESCE(Delivery.reply_text, Attempt.reply_text),
            Relay.host,
            Relay.address,
            Relay.port,
            Message.size_bytes,
            Delivery.attempts,
            Message.traffic_class,
            Delivery.direction,
            *VERDICT_COLUMNS,
        )
        .join(Message, on=BELONGS)
        .join_from(Delivery, Server, on=(Delivery.server_id == Server.id))
        .join_from(Message, Instance, on=(Message.instance_id == Instance.id))
        .join_from(Delivery, Attempt, JOIN.LEFT_OUTER, on=DECIDES)
        .join_from(
            Delivery, Relay, on=(fn.COALESCE(Delivery.relay_id, Attempt.relay_id) == Relay.id)
        )
        .join_from(Delivery, recipient, on=(Delivery.recipient_id == recipient.id))
        .join(recipient_domain, on=(recipient.domain_id == recipient_domain.id))
        .join_from(
            Delivery,
            original,
            JOIN.LEFT_OUTER,
            on=(Delivery.original_recipient_id == original.id),
        )
        .join(original_domain, JOIN.LEFT_OUTER, on=(original.domain_id == original_domain.id))
        .join_from(Message, sender, JOIN.LEFT_OUTER, on=(Message.sender_id == sender.id))
        .join(sender_domain, JOIN.LEFT_OUTER, on=(sender.domain_id == sender_domain.id))
        .join_from(
            Delivery,
            ReplyTemplate,
            JOIN.LEFT_OUTER,
            on=(Delivery.reply_template_id == ReplyTemplate.id),
        )
        .where(Tuple(Delivery.message_id, Delivery.number).in_([Tuple(*key) for key in keys]))
        .tuples()
    )
    events = {row[:2]: _event(row) for row in rows.execute(database)}
    return [events[key] for key in keys]


def _event(row: tuple[Any, ...]) -> Event:
    """Put the three addresses together, whose parts lie side by side."""
    addresses = (join_address(row[at] or b"", row[at + 1] or b"") for at in (8, 10, 12))
    values = (*row[:8], *addresses, *row[14:24], judged(row[24:]))
    return Event(*values)
