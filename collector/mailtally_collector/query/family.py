"""Families of messages: what hops, requeues, forwards and notifications made of one another.

Limits    Parents are followed DEPTH_MAX steps up; links that form a loop end where they close. Of
          one answer's families at most MEMBERS_MAX messages are listed beside those asked for.
          A family ends at messages that the caller does not see.
"""

from collections.abc import Collection
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

# The message that led to one, and the kind of the link.
Parents = dict[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Families:
    """Ids of messages, parents before what they led to; ``is_cut`` when some were left out.

    ``parents``  of each of them, and of those before, as far as the caller sees them.
    """

    ids: list[int]
    parents: Parents
    is_cut: bool


def families(database: Database, scope: Scope, found: list[int]) -> Families:
    """List the messages found, in their order, each with the family that it belongs to."""
    parents = _parents(database, scope, found)
    firsts = {message_id: first_of(parents, message_id, KINDS) for message_id in found}
    leading = _leading(database, scope, set(firsts.values()))
    listed: dict[int, None] = {}
    room = MEMBERS_MAX + len(found)
    is_cut = False
    for message_id in found:
        waiting = [firsts[message_id]]
        while waiting:
            member = waiting.pop()
            if member in listed:
                continue
            if len(listed) >= room:
                is_cut = True
                break
            listed[member] = None
            if member not in leading:
                continue
            children = _children(database, scope, member)
            is_cut |= len(children) > MEMBERS_MAX
            parents |= {child: (member, kind) for child, kind in children}
            following = [child for child, _ in children[:MEMBERS_MAX]]
            leading |= _leading(database, scope, following)
            waiting += reversed(following)
        listed.setdefault(message_id)
    return Families(list(listed), parents, is_cut)


def first_of(parents: Parents, message_id: int, kinds: tuple[int, ...]) -> int:
    """Return the first message of the chain that led to this one by links of these kinds."""
    seen = [message_id]
    for _ in range(DEPTH_MAX):
        parent = parents.get(seen[-1])
        if parent is None or parent[1] not in kinds or parent[0] in seen:
            break
        seen.append(parent[0])
    return seen[-1]


def _parents(database: Database, scope: Scope, found: Collection[int]) -> Parents:
    """Read the parents of messages, and of these, DEPTH_MAX steps up."""
    parents: Parents = {}
    asked: set[int] = set()
    wanted = set(found)
    parent = Message.alias()
    for _ in range(DEPTH_MAX):
        if not wanted:
            break
        asked |= wanted
        query = (
            parent.select(Message.id, parent.id, Message.origin_kind)
            .join(Message, on=(Message.origin_id == parent.id))
            .where(Message.id.in_(wanted), *scope.conditions(parent.sender_domain_id))
            .tuples()
        )
        wanted = set()
        for message_id, parent_id, kind in query.execute(database):
            parents[message_id] = (parent_id, kind)
            wanted.add(parent_id)
        wanted -= asked
    return parents


def _leading(database: Database, scope: Scope, message_ids: Collection[int]) -> set[int]:
    """Return those of the messages that others continue."""
    if not message_ids:
        return set()
    query = (
        Message.select(Message.origin_id)
        .where(Message.origin_id.in_(message_ids), *scope.conditions(Message.sender_domain_id))
        .distinct()
        .tuples()
    )
    return {message_id for (message_id,) in query.execute(database)}


def _children(database: Database, scope: Scope, message_id: int) -> list[tuple[int, int]]:
    """Messages that continue one, in the order in which they arrived: (id, kind of the link)."""
    query = (
        Message.select(Message.id, Message.origin_kind)
        .where(Message.origin_id == message_id, *scope.conditions(Message.sender_domain_id))
        .order_by(Message.arrival_us, Message.id)
        .limit(MEMBERS_MAX + 1)
    )
    return list(query.tuples().execute(database))
