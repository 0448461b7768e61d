"""Records and gaps of the wire into plain values, and what cannot be stored into Poison.

Limits    Nothing here raises: whatever an agent sends is stored or is a Poison with a reason.
          Text columns cannot hold NUL on every database, so that it is dropped there; what a
          stranger writes travels as bytes and is kept as it is.
"""

import math

from mailtally.v1 import ingest_pb2, record_pb2
from mailtally_collector.records import (
    Accepted,
    Attempt,
    Changed,
    Gap,
    Link,
    MessageRef,
    Poison,
    Record,
    RecordKey,
    SpamScore,
    short_hash,
)

SIGNED_64_MAX = 2**63 - 1
# Columns for them have 16 bits.
ENUM_MAX = 2**15 - 1
YEAR_1990_US = 631_152_000_000_000
YEAR_9999_US = 253_370_764_800_000_000
FUTURE_MAX_US = 400 * 86_400_000_000
OUT_OF_TIME = "lies before 1990 or more than 400 days ahead"
SOURCE_MAX = 1_000


def decode_record(record: record_pb2.Record, now_us: int) -> Record | Poison:
    """Check one record and take it off the wire's types."""
    reason = _fault(record, now_us)
    if reason:
        return Poison(reason, record.SerializeToString())
    return Record(
        _key(record.key), _message_ref(record.message), _what(record), record.SerializeToString
    )


def decode_gap(gap: ingest_pb2.Gap, now_us: int) -> Gap | Poison:
    """Check one gap and take it off the wire's types.

    A clock that was set back puts the line behind a gap before the one in front of it: the two are
    exchanged, because the lines between them are missing all the same.
    """
    moments = [one for one in (gap.from_us, gap.to_us) if one]
    reason = ""
    if not gap.gap_hash:
        reason = "the gap has no hash"
    elif gap.lost_lines < 0:
        reason = f"the gap says that {gap.lost_lines} lines are lost"
    elif not all(YEAR_1990_US <= one <= now_us + FUTURE_MAX_US for one in moments):
        reason = f"the gap from {gap.from_us} to {gap.to_us} {OUT_OF_TIME}"
    if reason:
        return Poison(reason, gap.SerializeToString())
    from_us, to_us = sorted(moments) if len(moments) == 2 else (gap.from_us, gap.to_us)
    return Gap(
        gap_hash=gap.gap_hash - (gap.gap_hash >> 63 << 64),
        from_us=from_us,
        to_us=to_us,
        cause=gap.cause,
        certain=gap.certain,
        lost_lines=gap.lost_lines,
        source=text_of(gap.source)[:SOURCE_MAX],
    )


def _fault(record: record_pb2.Record, now_us: int) -> str:
    """Why the record cannot be stored; empty when it can."""
    what = record.WhichOneof("what")
    if what is None:
        return "the record says nothing that this version knows"
    if not record.HasField("key"):
        return "the record has no key"
    if not record.HasField("message") or not record.message.HasField("first_line"):
        return "the record names no message"
    message = record.message
    if not text_of(message.queue_id) or not text_of(message.instance):
        return "the queue id or the instance is empty"
    if not all(0 <= number <= ENUM_MAX for number in _enumerated(record, what)):
        return "a kind, an outcome or a direction is out of range"
    if what == "link" and not text_of(record.link.child_queue_id):
        return "the link names no child"
    if max(record.key.line_hash, message.first_line.line_hash) > SIGNED_64_MAX:
        return "a line hash does not fit 63 bits"
    for time_us in (record.key.time_us, message.first_line.time_us, message.arrival_us):
        if not YEAR_1990_US <= time_us <= now_us + FUTURE_MAX_US:
            return f"the moment {time_us} {OUT_OF_TIME}"
    return ""


def _enumerated(record: record_pb2.Record, what: str) -> tuple[int, ...]:
    """Numbers that stand for a word; newer agents may have words that are not known here."""
    match what:
        case "attempt":
            return (record.attempt.direction, record.attempt.outcome)
        case "accepted":
            return (record.accepted.traffic_class,)
        case "changed":
            return (record.changed.change,)
        case "link":
            return (record.link.kind,)
        case _:
            return ()


def _what(record: record_pb2.Record) -> Accepted | Attempt | Changed | Link | SpamScore:
    match record.WhichOneof("what"):
        case "accepted":
            return _accepted(record.accepted)
        case "attempt":
            return _attempt(record.attempt)
        case "changed":
            return Changed(change=record.changed.change)
        case "spam_score":
            return _spam_score(record.spam_score)
        case _:
            return Link(kind=record.link.kind, child_queue_id=text_of(record.link.child_queue_id))


def _key(key: record_pb2.RecordKey) -> RecordKey:
    return RecordKey(time_us=key.time_us, line_hash=key.line_hash)


def _message_ref(message: record_pb2.MessageRef) -> MessageRef:
    return MessageRef(
        instance=text_of(message.instance),
        queue_id=text_of(message.queue_id),
        first_line=RecordKey(message.first_line.time_us, short_hash(message.first_line.line_hash)),
        origin_seen=message.origin_seen,
        arrival_us=message.arrival_us,
    )


def _accepted(accepted: record_pb2.MessageAccepted) -> Accepted:
    return Accepted(
        envelope_sender=accepted.envelope_sender,
        size_bytes=accepted.size_bytes,
        recipient_count=accepted.recipient_count,
        message_id=accepted.message_id,
        client_name=text_of(accepted.client_name),
        client_address=text_of(accepted.client_address),
        sasl_method=text_of(accepted.sasl_method),
        sasl_username=accepted.sasl_username,
        submit_uid=accepted.submit_uid if accepted.HasField("submit_uid") else None,
        traffic_class=accepted.traffic_class,
    )


def _attempt(attempt: record_pb2.Attempt) -> Attempt:
    return Attempt(
        recipient=attempt.recipient,
        original_recipient=attempt.original_recipient,
        relay_host=attempt.relay.host,
        relay_address=text_of(attempt.relay.address),
        relay_port=attempt.relay.port,
        delivery_agent=text_of(attempt.delivery_agent),
        direction=attempt.direction,
        outcome=attempt.outcome,
        status=text_of(attempt.status),
        enhanced_status=text_of(attempt.enhanced_status),
        reply_code=attempt.reply_code,
        reply_text=attempt.reply_text,
        reply_truncated=attempt.reply_truncated,
        connection_use=attempt.connection_use,
        delay_us=attempt.delay_us,
        queue_delay_us=attempt.queue_delay_us,
        active_delay_us=attempt.active_delay_us,
        setup_delay_us=attempt.setup_delay_us,
        transmission_delay_us=attempt.transmission_delay_us,
        reply_phase=text_of(attempt.reply_phase),
        tls_policy=text_of(attempt.tls_policy),
        tls_trust=text_of(attempt.tls.trust),
        tls_protocol=text_of(attempt.tls.protocol),
        tls_cipher=text_of(attempt.tls.cipher),
        recipient_ambiguous=attempt.recipient_ambiguous,
    )


def _spam_score(said: record_pb2.SpamScore) -> SpamScore:
    return SpamScore(
        scanner=text_of(said.scanner),
        score=_finite(said.score) if said.HasField("score") else None,
        required=_finite(said.required) if said.HasField("required") else None,
        verdict=text_of(said.verdict),
    )


def _finite(number: float) -> float | None:
    """Drop what is no number: databases and JSON do not agree on it."""
    return number if math.isfinite(number) else None


def text_of(text: str) -> str:
    """Drop NUL."""
    return text.replace("\0", "") if "\0" in text else text
