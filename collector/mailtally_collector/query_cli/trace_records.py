"""Traced messages for programs: nested for JSON, one record for each attempt for CSV."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.export import Record
from mailtally_collector.query_cli.spam import NAMES as SPAM_NAMES
from mailtally_collector.query_cli.spam import spam_record
from mailtally_collector.query_cli.terminal import decoded
from mailtally_collector.query_cli.terms import domain_of, smtp_code, term
from mailtally_collector.query_cli.time_range import iso, moment_of
from mailtally_collector.query_cli.trace_words import submitter
from mailtally_collector.terms import (
    AttemptOutcome,
    DeliveryState,
    Direction,
    LinkKind,
    MessageChange,
    TrafficClass,
)

_PLACE = ("server", "instance", "queue_id")
_MESSAGE_NAMES = (
    *_PLACE,
    "arrival",
    "message_id",
    "envelope_sender",
    "sender_domain",
    "size_bytes",
    "recipient_count",
    "client_name",
    "client_address",
    "sasl_username",
    "submit_uid",
    "traffic_class",
    "found",
    "origin_kind",
    *(f"{whose}_{name}" for whose in ("origin", "first") for name in _PLACE),
    *SPAM_NAMES,
)
_DELIVERY_NAMES = ("recipient", "original_recipient", "state", "direction")
_ATTEMPT_NAMES = (
    "time",
    "outcome",
    "status",
    "smtp_code",
    "reply_code",
    "enhanced_status",
    "reply_text",
    "reply_truncated",
    "relay_host",
    "relay_address",
    "relay_port",
    "delivery_agent",
    "delay_seconds",
    "reply_phase",
    "tls_policy",
    "tls_trust",
    "tls_protocol",
    "tls_cipher",
    "recipient_ambiguous",
)
NAMES = (*_MESSAGE_NAMES, *_DELIVERY_NAMES, *_ATTEMPT_NAMES)


def document(found: query_pb2.TracedMessage, zone: ZoneInfo) -> dict[str, object]:
    """The message with "deliveries", each with "attempts", and "changes"; oldest first."""
    return {
        **_message(found, zone),
        "deliveries": [
            {
                **_delivery(delivery),
                "attempts": [_attempt(tried, zone) for tried in delivery.attempts],
            }
            for delivery in found.deliveries
        ],
        "changes": [
            {
                "time": iso(moment_of(changed, "time", zone)),
                "change": term(MessageChange, changed.change),
            }
            for changed in found.changes
        ],
    }


def records(found: query_pb2.TracedMessage, zone: ZoneInfo) -> Iterator[Record]:
    """Keys NAMES; a recipient without attempts, and a message without recipients, give one too."""
    nothing: Record = dict.fromkeys(NAMES)
    message = {**nothing, **_message(found, zone)}
    for delivery in found.deliveries:
        tried = [_attempt(attempt, zone) for attempt in delivery.attempts] or [{}]
        for attempt in tried:
            yield {**message, **_delivery(delivery), **attempt}
    if not found.deliveries:
        yield message


def _message(found: query_pb2.TracedMessage, zone: ZoneInfo) -> Record:
    """What the log said at acceptance is None as a whole when that part of the log was not seen."""
    known: Record = dict.fromkeys(_MESSAGE_NAMES) | {
        "server": found.server,
        "instance": found.instance,
        "queue_id": found.queue_id,
        "arrival": iso(moment_of(found, "arrival", zone)),
        "found": found.found,
        **_origin(found),
        **_submitter(found),
        **(spam_record(found.spam_score) if found.HasField("spam_score") else {}),
    }
    if not found.HasField("accepted"):
        return known
    said = found.accepted
    sender = decoded(said.envelope_sender)
    return {
        **known,
        "message_id": decoded(said.message_id) or None,
        "envelope_sender": sender,
        "sender_domain": domain_of(sender),
        "size_bytes": said.size_bytes or None,
        "recipient_count": said.recipient_count or None,
        "traffic_class": term(TrafficClass, found.traffic_class or said.traffic_class),
    }


def _origin(found: query_pb2.TracedMessage) -> Record:
    origin = found.origin
    if not origin.queue_id:
        return {}
    return {
        "origin_kind": term(LinkKind, origin.kind),
        **{f"origin_{name}": getattr(origin, name) for name in _PLACE},
    }


def _submitter(found: query_pb2.TracedMessage) -> Record:
    said = submitter(found)
    return {
        **{f"first_{name}": getattr(said, name) for name in _PLACE},
        "client_name": said.client_name or None,
        "client_address": said.client_address or None,
        "sasl_username": decoded(said.sasl_username) or None,
        "submit_uid": said.submit_uid if said.HasField("submit_uid") else None,
    }


def _delivery(delivery: query_pb2.TracedDelivery) -> Record:
    return {
        "recipient": decoded(delivery.recipient),
        "original_recipient": decoded(delivery.original_recipient) or None,
        "state": term(DeliveryState, delivery.state),
        "direction": term(Direction, delivery.direction),
    }


def _attempt(tried: query_pb2.TracedAttempt, zone: ZoneInfo) -> Record:
    said = tried.attempt
    return {
        "time": iso(moment_of(tried, "time", zone)),
        "outcome": term(AttemptOutcome, said.outcome),
        "status": said.status,
        "smtp_code": smtp_code(said.reply_code, said.enhanced_status),
        "reply_code": said.reply_code or None,
        "enhanced_status": said.enhanced_status or None,
        "reply_text": decoded(said.reply_text),
        "reply_truncated": said.reply_truncated,
        "relay_host": decoded(said.relay.host) or None,
        "relay_address": said.relay.address or None,
        "relay_port": said.relay.port or None,
        "delivery_agent": said.delivery_agent,
        "delay_seconds": said.delay_us / 1_000_000,
        "reply_phase": said.reply_phase or None,
        "tls_policy": said.tls_policy or None,
        "tls_trust": said.tls.trust or None,
        "tls_protocol": said.tls.protocol or None,
        "tls_cipher": said.tls.cipher or None,
        "recipient_ambiguous": said.recipient_ambiguous,
    }
