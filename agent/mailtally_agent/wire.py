"""Records as messages of mailtally.v1: where the agent meets the contract's fields."""

from enum import Enum
from typing import Any

from mailtally.v1 import record_pb2 as pb
from mailtally_agent.record import (
    Attempt,
    Change,
    Direction,
    Link,
    MessageAccepted,
    MessageChanged,
    MessageLink,
    Record,
    TrafficClass,
)

_TRAFFIC_CLASS = {
    TrafficClass.MAIL: pb.TRAFFIC_CLASS_MAIL,
    TrafficClass.NOTIFICATION: pb.TRAFFIC_CLASS_NOTIFICATION,
    TrafficClass.PROBE: pb.TRAFFIC_CLASS_PROBE,
    TrafficClass.FORWARD: pb.TRAFFIC_CLASS_FORWARD,
}
_DIRECTION = {
    Direction.OUTBOUND: pb.DIRECTION_OUTBOUND,
    Direction.LOCAL: pb.DIRECTION_LOCAL,
    Direction.INTERNAL_HOP: pb.DIRECTION_INTERNAL_HOP,
}
_CHANGE = {
    Change.COMPLETED: pb.MESSAGE_CHANGE_COMPLETED,
    Change.EXPIRED: pb.MESSAGE_CHANGE_EXPIRED,
    Change.REMOVED: pb.MESSAGE_CHANGE_REMOVED,
    Change.HELD: pb.MESSAGE_CHANGE_HELD,
    Change.RELEASED: pb.MESSAGE_CHANGE_RELEASED,
    Change.DISCARDED: pb.MESSAGE_CHANGE_DISCARDED,
    Change.REQUEUED: pb.MESSAGE_CHANGE_REQUEUED,
}
_LINK = {
    Link.NOTIFICATION: pb.LINK_KIND_NOTIFICATION,
    Link.FORWARD: pb.LINK_KIND_FORWARD,
    Link.HOP: pb.LINK_KIND_HOP,
    Link.REQUEUE: pb.LINK_KIND_REQUEUE,
}
# Postfix's words: src/global/sent.c, defer.c, bounce.c, verify.c.
_OUTCOME = {
    "sent": pb.ATTEMPT_OUTCOME_SENT,
    "deferred": pb.ATTEMPT_OUTCOME_DEFERRED,
    "bounced": pb.ATTEMPT_OUTCOME_BOUNCED,
    "SOFTBOUNCE": pb.ATTEMPT_OUTCOME_SOFT_BOUNCE,
    "deliverable": pb.ATTEMPT_OUTCOME_DELIVERABLE,
    "undeliverable": pb.ATTEMPT_OUTCOME_UNDELIVERABLE,
    "undeliverable-but-not-cached": pb.ATTEMPT_OUTCOME_UNDELIVERABLE,
}


def encode(record: Record) -> pb.Record:
    """The message for one record."""
    ref = record.message
    encoded = pb.Record(
        key=pb.RecordKey(time_us=record.key.time_us, line_hash=record.key.line_hash),
        message=pb.MessageRef(
            instance=ref.instance,
            queue_id=ref.queue_id,
            first_line=pb.RecordKey(
                time_us=ref.first_line.time_us, line_hash=ref.first_line.line_hash
            ),
            origin_seen=ref.origin_seen,
            arrival_us=ref.arrival_us,
        ),
    )
    what = record.what
    if isinstance(what, Attempt):
        encoded.attempt.CopyFrom(_attempt(what))
    elif isinstance(what, MessageAccepted):
        encoded.accepted.CopyFrom(_accepted(what))
    elif isinstance(what, MessageChanged):
        encoded.changed.change = _CHANGE[what.change]
    elif isinstance(what, MessageLink):
        encoded.link.kind = _LINK[what.kind]
        encoded.link.child_queue_id = what.child_queue_id
    return encoded


def _attempt(attempt: Attempt) -> pb.Attempt:
    delivery = attempt.delivery
    outcome = _OUTCOME.get(delivery.status, pb.ATTEMPT_OUTCOME_UNSPECIFIED)
    if attempt.delivery_agent == "discard" and outcome == pb.ATTEMPT_OUTCOME_SENT:
        outcome = pb.ATTEMPT_OUTCOME_DISCARDED
    return pb.Attempt(
        recipient=_bytes(delivery.recipient),
        original_recipient=_bytes(delivery.orig_to),
        relay=pb.Relay(
            host=_bytes(delivery.relay_host),
            address=_text(delivery.relay_address),
            port=delivery.relay_port,
        ),
        delivery_agent=attempt.delivery_agent,
        direction=_DIRECTION[attempt.direction],
        outcome=outcome,
        status=_text(delivery.status),
        enhanced_status=_text(delivery.enhanced_status),
        reply_code=delivery.reply_code,
        reply_text=_bytes(delivery.reply_text),
        reply_truncated=delivery.reply_truncated,
        connection_use=delivery.conn_use,
        delay_us=delivery.delay_us,
        queue_delay_us=delivery.pdelay_us,
        active_delay_us=delivery.adelay_us,
        setup_delay_us=delivery.sdelay_us,
        transmission_delay_us=delivery.xdelay_us,
    )


def _accepted(accepted: MessageAccepted) -> pb.MessageAccepted:
    return pb.MessageAccepted(
        envelope_sender=_bytes(accepted.envelope_sender),
        size_bytes=accepted.size_bytes,
        recipient_count=accepted.recipient_count,
        message_id=_bytes(accepted.message_id),
        client_name=_text(accepted.client_name),
        client_address=_text(accepted.client_address),
        sasl_method=_text(accepted.sasl_method),
        sasl_username=_bytes(accepted.sasl_username),
        submit_uid=accepted.submit_uid if accepted.submit_uid >= 0 else None,
        traffic_class=_TRAFFIC_CLASS[accepted.traffic_class],
    )


def as_json(record: Record) -> dict[str, Any]:
    """One record as plain values, log text as text, for ``mailtally-agent parse``."""
    what = record.what
    plain: dict[str, Any] = {
        "time_us": record.key.time_us,
        "line_hash": f"{record.key.line_hash:016x}",
        "instance": record.message.instance,
        "queue_id": record.message.queue_id,
        "arrival_us": record.message.arrival_us,
        "origin_seen": record.message.origin_seen,
        "kind": type(what).__name__,
    }
    fields = what._asdict()
    if isinstance(what, Attempt):
        del fields["delivery"]
        fields |= what.delivery._asdict()
    for name, value in fields.items():
        plain[name] = _plain(value)
    return plain


def _plain(value: Any) -> Any:
    """A value for JSON; bytes of a log that are no UTF-8 are shown as escapes."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(text: str) -> str:
    """For fields whose bytes Postfix or a name service has checked; others become ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")
