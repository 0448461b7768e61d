"""Traced messages onto the wire's types."""

from mailtally.v1 import query_pb2, record_pb2
from mailtally_collector.classify.rule_set import RuleSet
from mailtally_collector.query.traced_deliveries import TracedDelivery
from mailtally_collector.query.traced_message import Place, TracedMessage
from mailtally_collector.query_codec import encode_spam_score, timestamp
from mailtally_collector.records import Accepted, Attempt
from mailtally_collector.terms import DeliveryState
from mailtally_collector.verdict_codec import encode_verdict


def encode_message(message: TracedMessage, rules: RuleSet) -> query_pb2.TracedMessage:
    """One message with its recipients, its changes and where it comes from."""
    return query_pb2.TracedMessage(
        id=message.id,
        server=message.place.server,
        instance=message.place.instance,
        queue_id=message.place.queue_id,
        arrival=timestamp(message.arrival_us),
        accepted=_accepted(message.accepted) if message.accepted else None,
        deliveries=[_delivery(delivery, rules) for delivery in message.deliveries],
        changes=[
            query_pb2.TracedChange(
                time=timestamp(time_us), change=record_pb2.MessageChange.ValueType(change)
            )
            for time_us, change in message.changes
        ],
        origin=_origin(*message.origin) if message.origin else None,
        submitter=_submitter(*message.submitted),
        traffic_class=record_pb2.TrafficClass.ValueType(message.traffic_class),
        spam_score=encode_spam_score(message.spam_score),
        found=message.is_found,
    )


def _origin(message_id: int, kind: int, place: Place) -> query_pb2.TracedOrigin:
    return query_pb2.TracedOrigin(
        id=message_id,
        kind=record_pb2.LinkKind.ValueType(kind),
        server=place.server,
        instance=place.instance,
        queue_id=place.queue_id,
    )


def _submitter(place: Place, accepted: Accepted | None) -> query_pb2.Submitter:
    submitter = query_pb2.Submitter(
        server=place.server, instance=place.instance, queue_id=place.queue_id
    )
    if accepted is not None:
        submitter.client_name = accepted.client_name
        submitter.client_address = accepted.client_address
        submitter.sasl_method = accepted.sasl_method
        submitter.sasl_username = accepted.sasl_username
        if accepted.submit_uid is not None:
            submitter.submit_uid = accepted.submit_uid
    return submitter


def _accepted(accepted: Accepted) -> record_pb2.MessageAccepted:
    return record_pb2.MessageAccepted(
        envelope_sender=accepted.envelope_sender,
        size_bytes=accepted.size_bytes,
        recipient_count=accepted.recipient_count,
        message_id=accepted.message_id,
        client_name=accepted.client_name,
        client_address=accepted.client_address,
        sasl_method=accepted.sasl_method,
        sasl_username=accepted.sasl_username,
        submit_uid=accepted.submit_uid,
        traffic_class=record_pb2.TrafficClass.ValueType(accepted.traffic_class),
    )


def _delivery(delivery: TracedDelivery, rules: RuleSet) -> query_pb2.TracedDelivery:
    last = delivery.attempts[-1][1]
    return query_pb2.TracedDelivery(
        recipient=delivery.recipient,
        original_recipient=delivery.original_recipient,
        state=query_pb2.DeliveryState.ValueType(delivery.state),
        direction=record_pb2.Direction.ValueType(delivery.direction),
        verdict=encode_verdict(
            delivery.judged,
            rules,
            last.reply_text,
            last.reply_code,
            last.enhanced_status,
            gave_up=delivery.state == DeliveryState.EXPIRED,
        ),
        attempts=[
            query_pb2.TracedAttempt(time=timestamp(time_us), attempt=_attempt(attempt))
            for time_us, attempt in delivery.attempts
        ],
    )


def _attempt(attempt: Attempt) -> record_pb2.Attempt:
    return record_pb2.Attempt(
        recipient=attempt.recipient,
        original_recipient=attempt.original_recipient,
        relay=record_pb2.Relay(
            host=attempt.relay_host, address=attempt.relay_address, port=attempt.relay_port
        ),
        delivery_agent=attempt.delivery_agent,
        direction=record_pb2.Direction.ValueType(attempt.direction),
        outcome=record_pb2.AttemptOutcome.ValueType(attempt.outcome),
        status=attempt.status,
        enhanced_status=attempt.enhanced_status,
        reply_code=attempt.reply_code,
        reply_text=attempt.reply_text,
        reply_truncated=attempt.reply_truncated,
        connection_use=attempt.connection_use,
        delay_us=attempt.delay_us,
        queue_delay_us=attempt.queue_delay_us,
        active_delay_us=attempt.active_delay_us,
        setup_delay_us=attempt.setup_delay_us,
        transmission_delay_us=attempt.transmission_delay_us,
        reply_phase=attempt.reply_phase,
        tls_policy=attempt.tls_policy,
        tls=_tls(attempt),
        recipient_ambiguous=attempt.recipient_ambiguous,
    )


def _tls(attempt: Attempt) -> record_pb2.TlsSession | None:
    """The session, unset when the log told of none."""
    if not (attempt.tls_trust or attempt.tls_protocol or attempt.tls_cipher):
        return None
    return record_pb2.TlsSession(
        trust=attempt.tls_trust, protocol=attempt.tls_protocol, cipher=attempt.tls_cipher
    )
