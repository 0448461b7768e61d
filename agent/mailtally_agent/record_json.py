"""Records as JSON objects: what ``mailtally-agent parse`` writes (docs/records.md).

Gives     JsonRecords: records in, one plain object for each attempt and each end of a message out.
Limits    Keeps the messages that are in the queue, and nothing of those that left it. Bytes that
          are no UTF-8 are shown as escapes.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from mailtally_agent.life import MessageLife
from mailtally_agent.message import Message
from mailtally_agent.postfix.event import Tls
from mailtally_agent.postfix.queue_line import parse_client
from mailtally_agent.record import Attempt, MessageChanged, MessageLink, Record
from mailtally_agent.terms import Change

Object = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS = ("tls_policy", "enhanced_status")
_ENDS = frozenset({Change.COMPLETED, Change.REMOVED, Change.REQUEUED})


class JsonRecords:
    """Tells of each attempt with what is known of its message by then."""

    def __init__(self) -> None:
        """Start with no message."""
        self._lives: dict[Message, MessageLife] = {}

    def objects(self, records: Iterable[Record]) -> Iterator[Object]:
        """The objects that these records make, in log order."""
        for record in records:
            message, what = record.message, record.what
            life = self._lives.get(message)
            if life is None:
                life = self._lives[message] = MessageLife(message)
            life.add(record)
            if isinstance(what, Attempt):
                yield _attempt(record, what, life)
            elif isinstance(what, MessageChanged) and what.change in _ENDS:
                yield _end(record, what, life)
                if life.over:
                    del self._lives[message]
            elif isinstance(what, MessageLink) and life.over:
                del self._lives[message]


def _attempt(record: Record, attempt: Attempt, life: MessageLife) -> Object:
    delivery = attempt.delivery
    hop, measures = delivery.hop, delivery.measured
    tls = attempt.tls.session if attempt.tls else None
    return {
        "kind": "attempt",
        "time": moment(record.time_us),
        **_message(life),
        "daemon": attempt.delivery_agent,
        "recipient": text(delivery.recipient),
        "recipient_ambiguous": delivery.recipient_ambiguous,
        "orig_to": text(delivery.orig_to),
        "relay_host": text(hop.host),
        "relay_address": text(hop.address),
        "relay_port": hop.port,
        "status": delivery.status,
        "enhanced_status": text(measures.enhanced_status),
        "reply_code": delivery.reply_code,
        "reply_text": text(delivery.reply_text),
        "reply_truncated": delivery.reply_truncated,
        "reply_phase": text(delivery.reply_phase),
        "direction": attempt.direction,
        "traffic_class": attempt.traffic_class,
        "attempt": life.attempts_of(attempt),
        "tls": tls._asdict() if isinstance(tls, Tls) else None,
        **{name: value for name, value in measures._asdict().items() if name not in _TEXTS},
        "tls_policy": text(measures.tls_policy),
        "line_hash": f"{record.key.line_hash:016x}",
    }


def _end(record: Record, changed: MessageChanged, life: MessageLife) -> Object:
    tries = life.recipients.values()
    recipients: dict[str, int] = {}
    for (_, state), count in sorted(life.states().items()):
        recipients[state] = recipients.get(state, 0) + count
    return {
        "kind": "message_end",
        "time": moment(record.time_us),
        **_message(life),
        "change": changed.change,
        "traffic_class": life.message.traffic_class,
        "recipients": recipients,
        "attempts": sum(one.attempts for one in tries),
        "first_try": moment(min(one.first_try_us for one in tries)) if tries else None,
        "last_try": moment(max(one.last_try_us for one in tries)) if tries else None,
        "links": [{"kind": link.kind, "queue_id": link.child_queue_id} for link in life.links],
        "imbalance": life.imbalance(),
    }


def _message(life: MessageLife) -> Object:
    """What is known of the message; null for what the log did not tell (yet)."""
    message, accepted, score = life.message, life.accepted, life.spam_score
    client = parse_client(message.client)
    return {
        "instance": message.instance,
        "queue_id": message.queue_id,
        "arrival": moment(message.arrival_us),
        "origin_seen": message.origin_seen,
        "envelope_sender": text(accepted.envelope_sender) if accepted else None,
        "size_bytes": accepted.size_bytes if accepted else None,
        "recipient_count": accepted.recipient_count if accepted else None,
        "message_id": text(message.message_id) or None,
        "client_name": text(client.name) if client else None,
        "client_address": text(client.address) if client else None,
        "sasl_method": text(client.sasl_method) if client else None,
        "sasl_username": text(client.sasl_username) if client else None,
        "submit_uid": message.submit_uid if message.submit_uid >= 0 else None,
        "spam_score": score._asdict() if score else None,
    }


def moment(time_us: int) -> str:
    """RFC 3339, UTC, with microseconds."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds")


def text(value: str) -> str:
    """Text of a log as Unicode."""
    if value.isascii():
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
