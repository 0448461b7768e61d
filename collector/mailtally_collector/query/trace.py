"""The life of messages: what the log said at acceptance, of each recipient, and of the whole.

Limits    Addresses are compared as they are written, but for the case of the domain. A message id
          is found with and without its angle brackets.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from peewee import JOIN, ColumnBase, Database

from mailtally_collector.query.filters import QueryError
from mailtally_collector.records import Accepted, Attempt
from mailtally_collector.store import models
from mailtally_collector.store.models import (
    Address,
    Delivery,
    Domain,
    Message,
    MessageEvent,
    Server,
)
from mailtally_collector.store.names import join_address, split_address


@dataclass(frozen=True, slots=True)
class TracedDelivery:
    """One recipient; attempts are (time_us, Attempt), oldest first."""

    recipient: bytes
    original_recipient: bytes
    state: int
    direction: int
    attempts: list[tuple[int, Attempt]]


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One message; ``accepted`` None when that line was not seen; changes are (time_us, change)."""

    server: str
    instance: str
    queue_id: str
    arrival_us: int
    accepted: Accepted | None
    deliveries: list[TracedDelivery]
    changes: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for: at least one of the first three; several combine."""

    queue_id: str
    message_id: str
    recipient: str
    servers: tuple[str, ...]


def trace(database: Database, sought: Sought, limit: int) -> list[TracedMessage]:
    """Find messages, newest first. Raises QueryError when nothing is named to look for."""
    conditions = _conditions(sought)
    sender, sender_domain = Address.alias(), Domain.alias()
    with database.atomic():
        rows = (
            Message.select(
                Message,
                Server.name.alias("server_name"),
                sender.local_part.alias("sender_local_part"),
                sender_domain.name.alias("sender_domain_name"),
            )
            .join(Server, on=(Message.server == Server.id))
            .join(sender, JOIN.LEFT_OUTER, on=(Message.sender == sender.id))
            .join(sender_domain, JOIN.LEFT_OUTER, on=(sender.domain == sender_domain.id))
            .where(*conditions)
            .order_by(Message.arrival_us.desc(), Message.id.desc())
            .limit(limit)
            .dicts()
        )
        return [_message(database, row) for row in rows.execute(database)]


def _conditions(sought: Sought) -> list[ColumnBase]:
    conditions: list[ColumnBase] = []
    if sought.queue_id:
        conditions.append(Message.queue_id == sought.queue_id)
    if sought.message_id:
        bare = _bytes(sought.message_id).removeprefix(b"<").removesuffix(b">")
        conditions.append(Message.message_id.in_([bare, b"<" + bare + b">"]))
    if sought.recipient:
        conditions.append(Message.id.in_(_messages_to(_bytes(sought.recipient))))
    if not conditions:
        raise QueryError("name a queue id, a message id or a recipient to look for")
    if sought.servers:
        conditions.append(Server.name.in_(sought.servers))
    return conditions


def _messages_to(recipient: bytes) -> Any:
    """Ids of the messages that have the address as recipient, before or after aliasing."""
    local_part, domain = split_address(recipient)
    address = Address.select(Address.id).where(
        (Address.local_part == local_part)
        & (Address.domain == Domain.select(Domain.id).where(Domain.name == domain))
    )
    return Delivery.select(Delivery.message).where(
        (Delivery.recipient == address) | (Delivery.original_recipient == address)
    )


def _message(database: Database, row: dict[str, Any]) -> TracedMessage:
    changes = (
        MessageEvent.select(MessageEvent.time_us, MessageEvent.change)
        .where(MessageEvent.message == row["id"])
        .order_by(MessageEvent.time_us, MessageEvent.line_hash)
        .tuples()
    )
    return TracedMessage(
        server=row["server_name"],
        instance=row["instance"],
        queue_id=row["queue_id"],
        arrival_us=row["arrival_us"],
        accepted=_accepted(row) if row["accepted_us"] is not None else None,
        deliveries=_deliveries(database, row["id"]),
        changes=list(changes.execute(database)),
    )


def _accepted(row: dict[str, Any]) -> Accepted:
    return Accepted(
        envelope_sender=join_address(row["sender_local_part"], row["sender_domain_name"]),
        size_bytes=row["size_bytes"],
        recipient_count=row["recipient_count"],
        message_id=row["message_id"],
        client_name=row["client_name"],
        client_address=row["client_address"],
        sasl_method=row["sasl_method"],
        sasl_username=row["sasl_username"],
        submit_uid=row["submit_uid"],
        traffic_class=row["accepted_class"],
    )


def _deliveries(database: Database, message_id: int) -> list[TracedDelivery]:
    recipient, original = Address.alias(), Address.alias()
    recipient_domain, original_domain = Domain.alias(), Domain.alias()
    rows = (
        Delivery.select(
            Delivery.id,
            recipient.local_part,
            recipient_domain.name,
            original.local_part,
            original_domain.name,
            Delivery.state,
            Delivery.direction,
        )
        .join(recipient, on=(Delivery.recipient == recipient.id))
        .join(recipient_domain, on=(recipient.domain == recipient_domain.id))
        .join(original, on=(Delivery.original_recipient == original.id))
        .join(original_domain, on=(original.domain == original_domain.id))
        .where(Delivery.message == message_id)
        .order_by(Delivery.first_try_us, Delivery.id)
        .tuples()
    )
    attempts = _attempts(database, message_id)
    deliveries = []
    for delivery_id, to_local, to_domain, orig_local, orig_domain, state, direction in rows.execute(
        database
    ):
        to, orig = join_address(to_local, to_domain), join_address(orig_local, orig_domain)
        tries = [(row["time_us"], _attempt(row, to, orig)) for row in attempts.get(delivery_id, [])]
        deliveries.append(TracedDelivery(to, orig, state, direction, tries))
    return deliveries


def _attempts(database: Database, message_id: int) -> dict[int, list[dict[str, Any]]]:
    """Rows of all attempts of a message by delivery id, oldest first."""
    rows = (
        models.Attempt.select()
        .join(Delivery, on=(models.Attempt.delivery == Delivery.id))
        .where(Delivery.message == message_id)
        .order_by(models.Attempt.time_us, models.Attempt.line_hash)
        .dicts()
    )
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.execute(database):
        found[row["delivery"]].append(row)
    return found


def _attempt(row: dict[str, Any], recipient: bytes, original_recipient: bytes) -> Attempt:
    return Attempt(
        recipient=recipient,
        original_recipient=original_recipient,
        **{
            name: row[name]
            for name in (
                "relay_host",
                "relay_address",
                "relay_port",
                "delivery_agent",
                "direction",
                "outcome",
                "status",
                "enhanced_status",
                "reply_code",
                "reply_text",
                "reply_truncated",
                "connection_use",
                "delay_us",
                "queue_delay_us",
                "active_delay_us",
                "setup_delay_us",
                "transmission_delay_us",
            )
        },
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
