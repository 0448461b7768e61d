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
        notification: Q  makes MessageLink
        removed          makes MessageChanged, ends the generation
        refused          ends the generation: it never was in the queue

    Everything is a function of the lines read so far, so that reading again from a checkpoint makes
    the same records.
Limits
    Generations that never end (Postfix logs no ``removed`` for some refusals) are dropped when
    nothing was heard of them for longer than Postfix keeps mail.
"""

from collections.abc import Iterator

from mailtally_agent.direction import DirectionRules
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
    Submitted,
)
from mailtally_agent.postfix.program import Program
from mailtally_agent.record import (
    Attempt,
    Change,
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
_ADDRESS_VERIFIER = "double-bounce"


class Correlator:
    """The messages that are open, and what each further line says about them."""

    def __init__(self, rules: DirectionRules) -> None:
        """Start with no message open."""
        self._rules = rules
        self.open: dict[tuple[str, str], OpenMessage] = {}
        self.dropped = 0
        self.swept_us = 0

    def feed(
        self, key: RecordKey, program: Program, queue_id: str, event: PostfixEvent
    ) -> Iterator[Record]:
        """Records that one line makes: none, one, or an attempt with a link."""
        if key.time_us - self.swept_us > _SWEEP_EVERY_US:
            self._sweep(key.time_us)
        slot = (program.instance, queue_id)
        message = self.open.get(slot)
        match event:
            case ClientConnected() | Submitted():
                self.open[slot] = self._begin(slot, key, origin=event, arrival_us=key.time_us)
                return
            case Refused():
                self.open.pop(slot, None)
                return
            case DeliveryLogged():
                arrival_us = key.time_us - event.delay_us
            case _:
                arrival_us = key.time_us
        if message is None:
            message = self.open[slot] = self._begin(slot, key, None, arrival_us)
        message.last_us = key.time_us
        yield from self._about(message, key, program, event)
        if isinstance(event, Removed):
            del self.open[slot]

    def _about(
        self, message: OpenMessage, key: RecordKey, program: Program, event: PostfixEvent
    ) -> Iterator[Record]:
        ref = message.ref
        match event:
            case DeliveryLogged():
                yield Record(key, ref, self._attempt(program.daemon, event))
                if event.reply_text.startswith(_FORWARDED):
                    child = event.reply_text[len(_FORWARDED) :]
                    yield Record(key, ref, MessageLink(Link.FORWARD, child))
            case QueueActive():
                if not message.accepted:
                    message.accepted = True
                    yield Record(key, ref, _accepted(message, event))
                    message.forget_origin()
            case MessageIdSeen():
                message.message_id = event.message_id
            case NotificationSent():
                yield Record(key, ref, MessageLink(Link.NOTIFICATION, event.child_queue_id))
            case Removed():
                change = Change.REMOVED if event.by_administrator else Change.COMPLETED
                yield Record(key, ref, MessageChanged(change))
            case Expired():
                yield Record(key, ref, MessageChanged(Change.EXPIRED))
            case Held():
                yield Record(key, ref, MessageChanged(Change.HELD))
            case Released():
                yield Record(key, ref, MessageChanged(Change.RELEASED))
            case ClientConnected() | Submitted() | Refused():
                pass

    def _begin(
        self,
        slot: tuple[str, str],
        key: RecordKey,
        origin: ClientConnected | Submitted | None,
        arrival_us: int,
    ) -> OpenMessage:
        ref = MessageRef(*slot, key, origin is not None, arrival_us)
        message = OpenMessage(ref)
        if isinstance(origin, ClientConnected):
            message.client = origin
        elif origin is not None:
            message.submit_uid = origin.uid
        return message

    def _attempt(self, delivery_agent: str, event: DeliveryLogged) -> Attempt:
        return Attempt(
            event.recipient,
            event.orig_to,
            event.relay_host,
            event.relay_address,
            event.relay_port,
            delivery_agent,
            self._rules.direction(delivery_agent, event),
            event.status,
            event.enhanced_status,
            event.reply_code,
            event.reply_text,
            event.truncated,
            event.conn_use,
            event.delay_us,
            event.pdelay_us,
            event.adelay_us,
            event.sdelay_us,
            event.xdelay_us,
        )

    def _sweep(self, now_us: int) -> None:
        """Drop generations of which nothing was heard for KEEP_OPEN_US."""
        self.swept_us = now_us
        silent = [s for s, m in self.open.items() if now_us - m.last_us > KEEP_OPEN_US]
        for slot in silent:
            del self.open[slot]
        self.dropped += len(silent)


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
