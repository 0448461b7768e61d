"""One error event: a recipient, with the attempt that decides its state.

Untried   Recipients of whom no line was seen, of a message that came to its end, are events too:
          each is missing from what was delivered. They are told by their message alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from peewee import JOIN, Database, Tuple, fn

from mailtally_collector.classify.classify import Judged
from mailtally_collector.query.recipients import decides, of_message
from mailtally_collector.query.spam_scores import chain_scores
from mailtally_collector.query.verdicts import VERDICT_COLUMNS, judged
from mailtally_collector.records import SpamScore
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
from mailtally_collector.terms import Direction

# Numbers of recipients without a row begin here.
UNTRIED_FROM = 1 << 30


@dataclass(frozen=True, slots=True)
class Event:
    """One recipient; one that ``is_untried`` has no address, reply or relay, and no attempts."""

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
    spam_score: SpamScore | None = None

    @property
    def is_untried(self) -> bool:
        """Whether no line about it was seen; ``last_try_us`` is then when it was accepted."""
        return self.number >= UNTRIED_FROM


def read_events(database: Database, keys: list[tuple[int, int]]) -> list[Event]:
    """Read recipients by (message id, number), in this order; left out are those that are gone."""
    scores = chain_scores(database, {message_id for message_id, _ in keys}) if keys else {}
    tried = [key for key in keys if key[1] < UNTRIED_FROM]
    events = _tried(database, tried) if tried else {}
    untried = [key for key in keys if key[1] >= UNTRIED_FROM]
    if untried:
        events |= _untried(database, untried)
    return [
        replace(events[key], spam_score=scores[key[0]]) if key[0] in scores else events[key]
        for key in keys
        if key in events
    ]


def _tried(database: Database, keys: list[tuple[int, int]]) -> dict[tuple[int, int], Event]:
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
        .join(Message, on=of_message(Delivery, Message))
        .join_from(Delivery, Server, on=(Delivery.server_id == Server.id))
        .join_from(Message, Instance, on=(Message.instance_id == Instance.id))
        .join_from(Delivery, Attempt, JOIN.LEFT_OUTER, on=decides(Delivery, Attempt))
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
        .where(
            # SQLite looks up pairs by their first column only when it is named alone too.
            Delivery.message_id.in_({message_id for message_id, _ in keys}),
            Tuple(Delivery.message_id, Delivery.number).in_([Tuple(*key) for key in keys]),
        )
        .tuples()
    )
    return {row[:2]: _event(row) for row in rows.execute(database)}


def _event(row: tuple[Any, ...]) -> Event:
    """Put the three addresses together, whose parts lie side by side."""
    addresses = (join_address(row[at] or b"", row[at + 1] or b"") for at in (8, 10, 12))
    values = (*row[:8], *addresses, *row[14:24], judged(row[24:]))
    return Event(*values)


def _untried(database: Database, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Event]:
    sender, sender_domain = Address.alias(), Domain.alias()
    rows = (
        Message.select(
            Message.id,
            Server.name,
            Instance.name,
            Message.queue_id,
            Message.untried_state,
            Message.arrival_us,
            sender.local_part,
            sender_domain.name,
            Message.size_bytes,
            Message.traffic_class,
        )
        .join(Server, on=(Message.server_id == Server.id))
        .join_from(Message, Instance, on=(Message.instance_id == Instance.id))
        .join_from(Message, sender, JOIN.LEFT_OUTER, on=(Message.sender_id == sender.id))
        .join(sender_domain, JOIN.LEFT_OUTER, on=(sender.domain_id == sender_domain.id))
        .where(Message.id.in_({message_id for message_id, _ in keys}))
        .tuples()
    )
    found = {row[0]: row for row in rows.execute(database)}
    return {
        (message_id, number): _untried_event(number, found[message_id])
        for message_id, number in keys
        if message_id in found
    }


def _untried_event(number: int, row: tuple[Any, ...]) -> Event:
    message_id, server, instance, queue_id, state, arrival_us, local_part, domain, size, kind = row
    return Event(
        message_id=message_id,
        number=number,
        server=server,
        instance=instance,
        queue_id=queue_id,
        state=state,
        arrival_us=arrival_us,
        last_try_us=arrival_us,
        envelope_sender=join_address(local_part or b"", domain or b""),
        recipient=b"",
        original_recipient=b"",
        reply_code=0,
        enhanced_status="",
        reply_text=b"",
        relay_host=b"",
        relay_address="",
        relay_port=0,
        size_bytes=size,
        attempts=0,
        traffic_class=kind,
        direction=int(Direction.OUTBOUND),
        judged=None,
    )
