"""The life of messages that are looked for, with their families.

Scope     A message that the caller does not see is not found and in nobody's family; what continues
          it stands as if it came from nowhere.

Limits    Addresses are compared as they are written, but for the case of the domain. A message id
          is found with and without its angle brackets.
"""

from dataclasses import dataclass

from peewee import ColumnBase, Database

from mailtally_collector.query.conditions import has_message_id, messages_to, server_ids
from mailtally_collector.query.family import families
from mailtally_collector.query.filters import QueryError, as_bytes
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.traced_message import TracedMessage, traced_messages
from mailtally_collector.store.models import Message
from mailtally_collector.terms import TrafficClass

NO_CANARIES = tuple(int(one) for one in TrafficClass if one != TrafficClass.CANARY)


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for: at least one of the first three; several combine."""

    queue_id: str
    message_id: str
    recipient: str
    servers: tuple[str, ...]
    traffic_classes: tuple[int, ...] = NO_CANARIES


@dataclass(frozen=True, slots=True)
class Traced:
    """The messages found with their families; ``is_cut`` when members of these are left out."""

    messages: list[TracedMessage]
    is_cut: bool


def trace(database: Database, scope: Scope, sought: Sought, limit: int) -> Traced:
    """Find messages, newest first. Raises QueryError when nothing is named to look for."""
    conditions = [*_conditions(database, sought), *scope.conditions(Message.sender_domain_id)]
    with database.atomic():
        rows = (
            Message.select(Message.id)
            .where(*conditions)
            .order_by(Message.arrival_us.desc(), Message.id.desc())
            .limit(limit)
            .tuples()
        )
        found = [message_id for (message_id,) in rows.execute(database)]
        listed = families(database, scope, found)
        messages = traced_messages(database, scope, listed, found) if found else []
        return Traced(messages, listed.is_cut)


def _conditions(database: Database, sought: Sought) -> list[ColumnBase]:
    conditions: list[ColumnBase] = []
    if sought.queue_id:
        conditions.append(Message.queue_id == sought.queue_id)
    if sought.message_id:
        conditions.append(has_message_id(database, as_bytes(sought.message_id)))
    if sought.recipient:
        conditions.append(Message.id.in_(messages_to(as_bytes(sought.recipient))))
    if not conditions:
        raise QueryError("name a queue id, a message id or a recipient to look for")
    conditions.append(Message.traffic_class.in_(sought.traffic_classes))
    if sought.servers:
        conditions.append(Message.server_id.in_(server_ids(sought.servers)))
    return conditions
