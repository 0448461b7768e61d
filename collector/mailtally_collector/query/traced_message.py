"""Messages as a trace shows them: what the log said, where it comes from and who sent it.

Limits    Who handed a message in is told by the first message of its chain (query/family.py); what
          the log said of each message itself is kept beside it.
Scope     Who does not see everything is told a login only if it is an address of a domain that he
          sees: somebody else's may have sent in his name.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from peewee import JOIN, Database

from mailtally_collector.delivery_state import END_STATES
from mailtally_collector.query.family import HANDED_ON, Families, first_of
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.spam_scores import spam_scores
from mailtally_collector.query.traced_deliveries import TracedDelivery, traced_deliveries
from mailtally_collector.records import Accepted, SpamScore
from mailtally_collector.store.models import (
    Address,
    Client,
    Domain,
    Instance,
    Message,
    MessageEvent,
    Server,
)
from mailtally_collector.store.names import NO_UID, join_address, split_address
from mailtally_collector.terms import MessageChange

# When, the hash of the line, and a MessageChange.
Change = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is, or was."""

    server: str
    instance: str
    queue_id: str


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One message; changes are (time_us, change).

    ``accepted``   None when that line was not seen.
    ``origin``     the message that it continues: its id, the kind of the link, and where it was.
    ``submitted``  the first message of its chain, and what was said when that was accepted.
    ``is_found``   it is what was asked for, and not only of the family.
    """

    id: int
    place: Place
    arrival_us: int
    accepted: Accepted | None
    origin: tuple[int, int, Place] | None
    submitted: tuple[Place, Accepted | None]
    traffic_class: int
    spam_score: SpamScore | None
    deliveries: list[TracedDelivery]
    changes: list[tuple[int, int]]
    is_found: bool

    @property
    def last_us(self) -> int | None:
        """The moment of its last line; None while it is in the queue."""
        if not any(change in END_STATES for _, change in self.changes):
            return None
        tries = (attempt[0] for delivery in self.deliveries for attempt in delivery.attempts)
        return max([*(time_us for time_us, _ in self.changes), *tries])


def traced_messages(
    database: Database, scope: Scope, listed: Families, found: Collection[int]
) -> list[TracedMessage]:
    """Read messages that are stored, in the order of the list."""
    firsts = {one: first_of(listed.parents, one, HANDED_ON) for one in listed.ids}
    before = {listed.parents[one][0] for one in listed.ids if one in listed.parents}
    rows = _rows(database, {*listed.ids, *before, *firsts.values()})
    deliveries = traced_deliveries(database, listed.ids)
    changes = _changes(database, listed.ids)
    scores = spam_scores(database, listed.ids)
    messages = []
    for one in listed.ids:
        row, first = rows[one], rows[firsts[one]]
        origin = None
        if one in listed.parents:
            parent_id, kind = listed.parents[one]
            origin = (parent_id, kind, _place(rows[parent_id]))
        messages.append(
            TracedMessage(
                id=one,
                place=_place(row),
                arrival_us=row["arrival_us"],
                accepted=_accepted(scope, row),
                origin=origin,
                submitted=(_place(first), _accepted(scope, first)),
                traffic_class=row["traffic_class"],
                spam_score=scores.get(one),
                deliveries=deliveries.get(one, []),
                changes=_told(row, changes.get(one, [])),
                is_found=one in found,
            )
        )
    return messages


def _rows(database: Database, message_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Read all columns of messages, with the names of their servers and senders."""
    sender, sender_domain = Address.alias(), Domain.alias()
    query = (
        Message.select(
            Message,
            Server.name.alias("server_name"),
            sender.local_part.alias("sender_local_part"),
            sender_domain.name.alias("sender_domain_name"),
            Instance.name.alias("instance"),
            Client.name.alias("client_name"),
            Client.address.alias("client_address"),
            Client.sasl_method,
            Client.sasl_username,
            Client.submit_uid,
        )
        .join(Server, on=(Message.server_id == Server.id))
        .join_from(Message, Instance, on=(Message.instance_id == Instance.id))
        .join_from(Message, Client, JOIN.LEFT_OUTER, on=(Message.client_id == Client.id))
        .join_from(Message, sender, JOIN.LEFT_OUTER, on=(Message.sender_id == sender.id))
        .join(sender_domain, JOIN.LEFT_OUTER, on=(sender.domain_id == sender_domain.id))
        .where(Message.id.in_(message_ids))
        .dicts()
    )
    return {row["id"]: row for row in query.execute(database)}


def _place(row: dict[str, Any]) -> Place:
    return Place(row["server_name"], row["instance"], row["queue_id"])


def _accepted(scope: Scope, row: dict[str, Any]) -> Accepted | None:
    if row["accepted_us"] is None:
        return None
    login = row["sasl_username"] or b""
    is_told = not scope.is_limited or scope.sees(split_address(login)[1])
    return Accepted(
        envelope_sender=join_address(row["sender_local_part"], row["sender_domain_name"]),
        size_bytes=row["size_bytes"],
        recipient_count=row["recipient_count"],
        message_id=row["message_id"],
        client_name=row["client_name"] or "",
        client_address=row["client_address"] or "",
        sasl_method=row["sasl_method"] or "",
        sasl_username=login if is_told else b"",
        submit_uid=None if row["submit_uid"] == NO_UID else row["submit_uid"],
        traffic_class=row["accepted_class"],
    )


def _changes(database: Database, message_ids: Collection[int]) -> dict[int, list[Change]]:
    """Read the changes that are kept as events, by message."""
    query = (
        MessageEvent.select(
            MessageEvent.message_id,
            MessageEvent.time_us,
            MessageEvent.line_hash,
            MessageEvent.change,
        )
        .where(MessageEvent.message_id.in_(message_ids))
        .tuples()
    )
    found: defaultdict[int, list[Change]] = defaultdict(list)
    for message_id, *change in query.execute(database):
        found[message_id].append((change[0], change[1], change[2]))
    return found


def _told(row: dict[str, Any], changes: list[Change]) -> list[tuple[int, int]]:
    """List (time_us, change), oldest first; the message itself keeps the newest completion."""
    if row["completed_us"] is not None:
        completed = (row["completed_us"], row["completed_hash"], int(MessageChange.COMPLETED))
        changes = [*changes, completed]
    return [(time_us, change) for time_us, _, change in sorted(changes)]
