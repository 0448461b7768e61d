"""Recipients whose mail was refused, gave up or still waits after a failed try; newest first."""

from dataclasses import dataclass, replace
from typing import Any

from peewee import JOIN, SQL, ColumnBase, Database

from mailtally_collector.classify.classify import Judged
from mailtally_collector.query.cursor import Cursor, decode, encode
from mailtally_collector.query.filters import Filter, delivery_conditions, select
from mailtally_collector.query.verdicts import VERDICT_COLUMNS, judged
from mailtally_collector.store.models import (
    Address,
    Delivery,
    Domain,
    Message,
    ReplyTemplate,
    Server,
)
from mailtally_collector.store.names import join_address
from mailtally_collector.terms import DeliveryState

FAILING = (int(DeliveryState.BOUNCED), int(DeliveryState.EXPIRED), int(DeliveryState.PENDING))


@dataclass(frozen=True, slots=True)
class Event:
    """One recipient, with the attempt that decides its state."""

    delivery_id: int
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
    conditions = delivery_conditions(selection)
    if DeliveryState.DELIVERED not in selection.states:
        conditions.append(SQL("state <> 2"))  # in the words of the partial index
    if cursor is not None:
        conditions.append(
            (Delivery.last_try_us < cursor.time_us)
            | ((Delivery.last_try_us == cursor.time_us) & (Delivery.id < cursor.delivery_id))
        )
    events = _read(database, conditions, size + 1)
    page = events[:size]
    if len(events) <= size:
        return Page(page, "")
    last = page[-1]
    following = Cursor(last.last_try_us, last.delivery_id, selection.start_us, selection.end_us)
    return Page(page, encode(following, asked))


def _read(database: Database, conditions: list[ColumnBase], limit: int) -> list[Event]:
    recipient, original, sender = Address.alias(), Address.alias(), Address.alias()
    recipient_domain, original_domain, sender_domain = (Domain.alias() for _ in range(3))
    rows = (
        Delivery.select(
            Delivery.id,
            Server.name,
            Message.instance,
            Message.queue_id,
            Delivery.state,
            Delivery.arrival_us,
            Delivery.last_try_us,
            sender.local_part,
            sender_domain.name,
            recipient.local_part,
            recipient_domain.name,
            original.local_part,
            original_domain.name,
            Delivery.reply_code,
            Delivery.enhanced_status,
            Delivery.reply_text,
            Delivery.relay_host,
            Delivery.relay_address,
            Delivery.relay_port,
            Message.size_bytes,
            Delivery.attempts,
            Delivery.traffic_class,
            Delivery.direction,
            *VERDICT_COLUMNS,
        )
        .join(Message, on=(Delivery.message == Message.id))
        .join(Server, on=(Delivery.server == Server.id))
        .join(recipient, on=(Delivery.recipient == recipient.id))
        .join(recipient_domain, on=(recipient.domain == recipient_domain.id))
        .join(original, on=(Delivery.original_recipient == original.id))
        .join(original_domain, on=(original.domain == original_domain.id))
        .join(sender, JOIN.LEFT_OUTER, on=(Delivery.sender == sender.id))
        .join(sender_domain, JOIN.LEFT_OUTER, on=(sender.domain == sender_domain.id))
        .join(ReplyTemplate, JOIN.LEFT_OUTER, on=(Delivery.reply_template == ReplyTemplate.id))
        .where(*conditions)
        .order_by(Delivery.last_try_us.desc(), Delivery.id.desc())
        .limit(limit)
        .tuples()
    )
    return [_event(row) for row in rows.execute(database)]


def _event(row: tuple[Any, ...]) -> Event:
    """Put the three addresses together, whose parts lie side by side."""
    addresses = (join_address(row[at] or b"", row[at + 1] or b"") for at in (7, 9, 11))
    values = (*row[:7], *addresses, *row[13:23], judged(row[23:]))
    return Event(*values)
