"""Records as messages of mailtally.v1: where the agent meets the contract's fields."""

from mailtally.v1 import ingest_pb2
from mailtally.v1 import record_pb2 as pb
from mailtally_agent.gap import Gap
from mailtally_agent.postfix.event import Client
from mailtally_agent.postfix.queue_line import parse_client
from mailtally_agent.record import (
    Attempt,
    MessageAccepted,
    MessageChanged,
    MessageLink,
    Record,
    SpamScore,
)
from mailtally_agent.terms import Change, Direction, GapCause, Link, TrafficClass

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
_GAP_CAUSE = {
    GapCause.ROTATED_AWAY: ingest_pb2.GAP_CAUSE_ROTATED_AWAY,
    GapCause.TRUNCATED: ingest_pb2.GAP_CAUSE_TRUNCATED,
    GapCause.SYSLOG_DROPPED: ingest_pb2.GAP_CAUSE_SYSLOG_DROPPED,
    GapCause.UNREADABLE: ingest_pb2.GAP_CAUSE_UNREADABLE,
    GapCause.JOURNAL_GONE: ingest_pb2.GAP_CAUSE_JOURNAL_GONE,
    GapCause.FORGOTTEN: ingest_pb2.GAP_CAUSE_FORGOTTEN,
}
_NO_CLIENT = Client("", "", "", "")
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
    ref, key = record.message, record.key
    encoded = pb.Record(
        key=pb.RecordKey(time_us=key.time_us, line_hash=key.line_hash),
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
    elif isinstance(what, SpamScore):
        encoded.spam_score.CopyFrom(pb.SpamScore(**what._asdict()))
    return encoded


def encode_gap(gap: Gap) -> ingest_pb2.Gap:
    """The message for one gap."""
    return ingest_pb2.Gap(
        from_us=gap.from_us,
        to_us=gap.to_us,
        cause=_GAP_CAUSE[gap.cause],
        certain=gap.certain,
        lost_lines=gap.lost_lines,
        gap_hash=gap.gap_hash,
        source=_text(gap.source),
    )


def _attempt(attempt: Attempt) -> pb.Attempt:
    delivery = attempt.delivery
    hop = delivery.hop
    measures = delivery.measured
    tls = attempt.tls.session if attempt.tls else None
    outcome = _OUTCOME.get(delivery.status, pb.ATTEMPT_OUTCOME_UNSPECIFIED)
    if attempt.delivery_agent == "discard" and outcome == pb.ATTEMPT_OUTCOME_SENT:
        outcome = pb.ATTEMPT_OUTCOME_DISCARDED
    return pb.Attempt(
        recipient=_bytes(delivery.recipient),
        original_recipient=_bytes(delivery.orig_to),
        relay=pb.Relay(host=_bytes(hop.host), address=_text(hop.address), port=hop.port),
        delivery_agent=attempt.delivery_agent,
        direction=_DIRECTION[attempt.direction],
        outcome=outcome,
        status=_text(delivery.status),
        enhanced_status=_text(measures.enhanced_status),
        reply_code=delivery.reply_code,
        reply_text=_bytes(delivery.reply_text),
        reply_truncated=delivery.reply_truncated,
        connection_use=measures.conn_use,
        delay_us=measures.delay_us,
        queue_delay_us=measures.pdelay_us,
        active_delay_us=measures.adelay_us,
        setup_delay_us=measures.sdelay_us,
        transmission_delay_us=measures.xdelay_us,
        reply_phase=_text(delivery.reply_phase),
        tls_policy=_text(measures.tls_policy),
        tls=pb.TlsSession(**tls._asdict()) if tls else None,
        recipient_ambiguous=delivery.recipient_ambiguous,
    )


def _accepted(accepted: MessageAccepted) -> pb.MessageAccepted:
    client = parse_client(accepted.client) or _NO_CLIENT
    return pb.MessageAccepted(
        envelope_sender=_bytes(accepted.envelope_sender),
        size_bytes=accepted.size_bytes,
        recipient_count=accepted.recipient_count,
        message_id=_bytes(accepted.message_id),
        client_name=_text(client.name),
        client_address=_text(client.address),
        sasl_method=_text(client.sasl_method),
        sasl_username=_bytes(client.sasl_username),
        submit_uid=accepted.submit_uid if accepted.submit_uid >= 0 else None,
        traffic_class=_TRAFFIC_CLASS[accepted.traffic_class],
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(text: str) -> str:
    """For fields whose bytes Postfix or a name service has checked; others become ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")
