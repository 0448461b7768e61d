"""Families of messages: what hops, requeues, forwards and notifications made of one another.

Limits    Parents are followed DEPTH_MAX steps up; links that form a loop end where they close. Of
          one answer's families at most MEMBERS_MAX messages are listed beside those asked for.
          A family ends at messages that the caller does not see.
"""

from dataclasses import dataclass

from peewee import Database

from mailtally_collector.lineage import DEPTH_MAX
from mailtally_collector.query.scope import Scope
from mailtally_collector.store.models import Message
from mailtally_collector.terms import LinkKind

MEMBERS_MAX = 200
KINDS = tuple(int(kind) for kind in LinkKind)
# By these kinds a message is handed on for the one who sent it; a notification is our own.
HANDED_ON = (int(LinkKind.HOP), int(LinkKind.REQUEUE), int(LinkKind.FORWARD))


@dataclass(frozen=True, slots=True)
class Families:
    """Ids of messages, parents before what they led to; ``is_cut`` when some were left out."""

    ids: list[int]
    is_cut: bool


def families(database: Database, scope: Scope, found: list[int]) -> Families:
    """List the messages found, in their order, each with the family that it belongs to."""
    listed: dict[int, None] = {}
    room = MEMBERS_MAX + len(found)
    is_cut = False
    for message_id in found:
        waiting = [first_of(database, scope, message_id, KINDS)]
        while waiting:
            member = waiting.pop()
            if member in listed:
                continue
            if len(listed) >= room:
                is_cut = True
                break
            listed[member] = None
            children = _children(database, scope, member)
            is_cut |= len(children) > MEMBERS_MAX
            waiting += reversed(children[:MEMBERS_MAX])
        listed.setdefault(message_id)
    return Families(list(listed), is_cut)


def first_of(database: Database, scope: Scope, message_id: int, kinds: tuple[int, ...]) -> int:
    """Return the first message of the chain that led to this one by links of these kinds."""
    seen = [message_id]
    for _ in range(DEPTH_MAX):
        parent = parent_of(database, scope, seen[-1])
        if parent is None or parent[1] not in kinds or parent[0] in seen:
            break
        seen.append(parent[0])
    return seen[-1]


def parent_of(database: Database, scope: Scope, message_id: int) -> tuple[int, int] | None:
    """Return the message that led to this one and the kind of the link; None for none seen."""
    parent = Message.alias()
    query = (
        parent.select(parent.id, Message.origin_kind)
        .join(Message, on=(Message.origin_id == parent.id))
        .where(Message.id == message_id, *scope.conditions(parent.sender_domain_id))
        .tuples()
    )
    return next(iter(query.execute(database)), None)


def _children(database: Database, scope: Scope, message_id: int) -> list[int]:
    """Ids of the messages that continue one, in the order in which they arrived."""
    query = (
        Message.select(Message.id)
        .where(Message.origin_id == message_id, *scope.conditions(Message.sender_domain_id))
        .order_by(Message.arrival_us, Message.id)
        .limit(MEMBERS_MAX + 1)
    )
    return [child_id for (child_id,) in query.tuples().execute(database)]
