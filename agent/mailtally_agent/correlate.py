"""From log lines to records: finds the message that a line speaks of.

Theory of operation
    Postfix names a message by its queue id, and uses short ids again. A message's life on this host
    is therefore a *generation* of (instance, queue id): it begins with ``client=`` or ``uid=`` (or,
    for mail that Postfix makes itself and when reading starts in mid-life, with the first line of
    that id) and ends with ``removed`` or a refusal by cleanup. Lines in between only add to it.

        client= / uid=   begin a generation, whatever was open under that id
        message-id=      begins one when none is open; remembered
        from=, size=     begins one when none is open; the first makes MessageAccepted
        to=              begins one when none is open; makes Attempt, and a link when it forwards
        expired, held …  make MessageChanged
        requeued         makes MessageChanged; uid= with that orig_id goes on and makes MessageLink
        notification: Q  makes MessageLink
        removed          makes MessageChanged, ends the generation
        refused          ends the generation: it never was in the queue

    Everything is a function of the lines read so far, so that reading again from a checkpoint makes
    the same records.
Limits
    Generations that never end (Postfix logs no ``removed`` for some refusals) are dropped when
    nothing was heard of them for longer than Postfix keeps mail.
"""

import re
from typing import NamedTuple

from mailtally_agent.direction import DirectionRules
from mailtally_agent.line_key import LineKeys
from mailtally_agent.open_message import OpenMessage
from mailtally_agent.postfix.event import (
    ClientConnected,
    DeliveryLogged,
    Expired,
    Held,
    MessageIdSeen,
    NotificationSent,
    PostfixEvent,
    QueueActive,
    Refused,
    Released,
    Removed,
    Requeued,
    Submitted,
)
from mailtally_agent.postfix.queue_line import is_queue_id
from mailtally_agent.record import (
    Attempt,
    Change,
    Direction,
    Link,
    MessageAccepted,
    MessageChanged,
    MessageLink,
    MessageRef,
    Record,
    RecordKey,
    TrafficClass,
)

# Postfix gives up after maximal_queue_lifetime, 5 days by default; a day on top for held mail.
KEEP_OPEN_US = 6 * 86_400 * 1_000_000
_SWEEP_EVERY_US = 3_600 * 1_000_000
_FORWARDED = "forwarded as "
# What a content filter or the next instance answers; ours, not a stranger's, for an internal hop.
_QUEUED_AS = re.compile(r"queued as ([0-9A-Za-z]{6,30})\)?$")
_ADDRESS_VERIFIER = "double-bounce"
_CHANGES: dict[type[PostfixEvent], Change] = {
    Expired: Change.EXPIRED,
    Held: Change.HELD,
    Released: Change.RELEASED,
    Requeued: Change.REQUEUED,
}

# Instance and queue id.
Slot = tuple[str, str]


class Line(NamedTuple):
    """Where an event was logged."""

    time_us: int
    origin: str
    text: str


class Correlator:
    """The messages that are open, and what each further line says about them."""

    def __init__(self, rules: DirectionRules) -> None:
        """Start with no message open."""
        self._rules = rules
        self.keys = LineKeys()
        self.open: dict[Slot, OpenMessage] = {}
        self.dropped = 0
        self.swept_us = 0

    def feed(self, line: Line, slot: Slot, daemon: str, event: PostfixEvent) -> tuple[Record, ...]:
        """Records that one line makes: none, one, or an attempt with a link."""
        if line.time_us - self.swept_us > _SWEEP_EVERY_US:
            self._sweep(line.time_us)
        kind = type(event)
        if kind is ClientConnected or kind is Submitted:
            return self._originate(line, slot, event)
        if kind is Refused:
            self.open.pop(slot, None)
            return ()
        message = self.open.get(slot)
        key = None
        if message is None:
            key = self.keys.key(*line)
            arrival_us = line.time_us
            if isinstance(event, DeliveryLogged):
                arrival_us -= event.delay_us
            message = self.open[slot] = self._begin(slot, key, arrival_us, None)
        message.last_us = line.time_us
        if isinstance(event, MessageIdSeen):
            message.message_id = event.message_id
            return ()
        if kind is QueueActive and message.accepted:
            return ()
        return self._report(message, key or self.keys.key(*line), daemon, event)

    def _originate(self, line: Line, slot: Slot, event: PostfixEvent) -> tuple[Record, ...]:
        """Begin a generation; one that goes on from a requeued message is linked to it."""
        key = self.keys.key(*line)
        message = self.open[slot] = self._begin(slot, key, line.time_us, event)
        if isinstance(event, Submitted) and event.requeued_from:
            earlier = self.open.pop((slot[0], event.requeued_from), None)
            if earlier is not None:
                message.continue_from(earlier)
                link = MessageLink(Link.REQUEUE, slot[1])
                return (Record(key, earlier.ref, link),)
        return ()

    def _report(
        self, message: OpenMessage, key: RecordKey, daemon: str, event: PostfixEvent
    ) -> tuple[Record, ...]:
        ref = message.ref
        if isinstance(event, DeliveryLogged):
            attempt = Attempt(daemon, self._rules.direction(daemon, event), event)
            link = _link_of(attempt)
            record = Record(key, ref, attempt)
            return (record,) if link is None else (record, Record(key, ref, link))
        if isinstance(event, QueueActive):
            message.accepted = True
            accepted = _accepted(message, event)
            message.forget_origin()
            return (Record(key, ref, accepted),)
        if isinstance(event, NotificationSent):
            return (Record(key, ref, MessageLink(Link.NOTIFICATION, event.child_queue_id)),)
        if isinstance(event, Removed):
            del self.open[ref.instance, ref.queue_id]
            change = Change.REMOVED if event.by_administrator else Change.COMPLETED
        else:
            change = _CHANGES[type(event)]
        return (Record(key, ref, MessageChanged(change)),)

    def _begin(
        self, slot: Slot, key: RecordKey, arrival_us: int, origin: PostfixEvent | None
    ) -> OpenMessage:
        message = OpenMessage(MessageRef(*slot, key, origin is not None, arrival_us))
        if isinstance(origin, ClientConnected):
            message.client = origin
        elif isinstance(origin, Submitted):
            message.submit_uid = origin.uid
        return message

    def _sweep(self, now_us: int) -> None:
        """Drop generations of which nothing was heard for KEEP_OPEN_US."""
        self.swept_us = now_us
        silent = [s for s, m in self.open.items() if now_us - m.last_us > KEEP_OPEN_US]
        for slot in silent:
            del self.open[slot]
        self.dropped += len(silent)


def _link_of(attempt: Attempt) -> MessageLink | None:
    """The message on this host to which the attempt led, when it says so."""
    text = attempt.delivery.reply_text
    if attempt.direction is Direction.OUTBOUND:
        return None
    if text.startswith(_FORWARDED):
        child = text[len(_FORWARDED) :]
        return MessageLink(Link.FORWARD, child) if is_queue_id(child) else None
    if attempt.direction is Direction.INTERNAL_HOP and attempt.delivery.status == "sent":
        queued = _QUEUED_AS.search(text)
        return MessageLink(Link.HOP, queued[1]) if queued else None
    return None


def _accepted(message: OpenMessage, event: QueueActive) -> MessageAccepted:
    client = message.client
    return MessageAccepted(
        event.envelope_sender,
        event.size_bytes,
        event.recipient_count,
        message.message_id,
        client.client_name if client else "",
        client.client_address if client else "",
        client.sasl_method if client else "",
        client.sasl_username if client else "",
        message.submit_uid,
        _traffic_class(event.envelope_sender),
    )


def _traffic_class(envelope_sender: str) -> TrafficClass:
    """Class as far as the sender tells; links and probe outcomes correct it later."""
    if not envelope_sender:
        return TrafficClass.NOTIFICATION
    if envelope_sender.partition("@")[0] == _ADDRESS_VERIFIER:
        return TrafficClass.PROBE
    return TrafficClass.MAIL
