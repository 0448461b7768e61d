"""The life of messages that are looked for, with their families.

Limits    Addresses are compared as they are written, but for the case of the domain. A message id
          is found with and without its angle brackets.
"""

from dataclasses import dataclass
from typing import Any

from peewee import ColumnBase, Database

from mailtally_collector.query.family import families
from mailtally_collector.query.filters import QueryError, server_ids
from mailtally_collector.query.traced_message import TracedMessage, traced_message
from mailtally_collector.store.models import Address, Delivery, Domain, Message
from mailtally_collector.store.names import split_address


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for: at least one of the first three; several combine."""

    queue_id: str
    message_id: str
    recipient: str
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Traced:
    """The messages found with their families; ``is_cut`` when members of these are left out."""

    messages: list[TracedMessage]
    is_cut: bool


def trace(database: Database, sought: Sought, limit: int) -> Traced:
    """Find messages, newest first. Raises QueryError when nothing is named to look for."""
    conditions = _conditions(sought)
    with database.atomic():
        rows = (
            Message.select(Message.id)
            .where(*conditions)
            .order_by(Message.arrival_us.desc(), Message.id.desc())
            .limit(limit)
            .tuples()
        )
        found = [message_id for (message_id,) in rows.execute(database)]
        listed = families(database, found)
        messages = [
            traced_message(database, message_id, is_found=message_id in found)
            for message_id in listed.ids
        ]
        return Traced(messages, listed.is_cut)


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
        conditions.append(Message.server_id.in_(server_ids(sought.servers)))
    return conditions


def _messages_to(recipient: bytes) -> Any:
    """Ids of the messages that have the address as recipient, before or after aliasing."""
    local_part, domain = split_address(recipient)
    address = Address.select(Address.id).where(
        (Address.local_part == local_part)
        & (Address.domain_id == Domain.select(Domain.id).where(Domain.name == domain))
    )
    return Delivery.select(Delivery.message_id).where(
        (Delivery.recipient_id == address) | (Delivery.original_recipient_id == address)
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
