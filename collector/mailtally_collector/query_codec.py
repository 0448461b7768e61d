"""Answers onto the wire's types."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp

from mailtally.v1 import ingest_pb2, query_pb2, record_pb2
from mailtally_collector.classify.rule_set import RuleSet
from mailtally_collector.durations import SECOND_US
from mailtally_collector.query.breakdown import Row
from mailtally_collector.query.coverage import Coverage, LogGap
from mailtally_collector.query.event import Event
from mailtally_collector.query.jobs import Job
from mailtally_collector.query.reasons import Reason
from mailtally_collector.query.summary import Counts
from mailtally_collector.query.unknown import UnknownReply
from mailtally_collector.records import SpamScore
from mailtally_collector.terms import DeliveryState
from mailtally_collector.verdict_codec import encode_verdict


def encode_counts(counts: Counts) -> query_pb2.Counts:
    """Spell out the states."""
    of = counts.by_state
    return query_pb2.Counts(
        sent=counts.sent,
        delivered=of.get(DeliveryState.DELIVERED, 0),
        bounced=of.get(DeliveryState.BOUNCED, 0),
        expired=of.get(DeliveryState.EXPIRED, 0),
        discarded=of.get(DeliveryState.DISCARDED, 0),
        held=of.get(DeliveryState.HELD, 0),
        removed=of.get(DeliveryState.REMOVED, 0),
        pending=of.get(DeliveryState.PENDING, 0),
        messages=counts.messages,
    )


def encode_event(event: Event, rules: RuleSet) -> query_pb2.Event:
    """One row of the list of failures."""
    return query_pb2.Event(
        message=event.message_id,
        number=event.number,
        server=event.server,
        instance=event.instance,
        queue_id=event.queue_id,
        state=query_pb2.DeliveryState.ValueType(event.state),
        accepted=timestamp(event.arrival_us),
        time=timestamp(event.last_try_us),
        last_try=timestamp(event.last_try_us),
        envelope_sender=event.envelope_sender,
        recipient=event.recipient,
        original_recipient=event.original_recipient,
        reply_code=event.reply_code,
        enhanced_status=event.enhanced_status,
        reply_text=event.reply_text,
        relay=record_pb2.Relay(
            host=event.relay_host, address=event.relay_address, port=event.relay_port
        ),
        size_bytes=event.size_bytes,
        attempts=event.attempts,
        retries=max(0, event.attempts - 1),
        traffic_class=record_pb2.TrafficClass.ValueType(event.traffic_class),
        direction=record_pb2.Direction.ValueType(event.direction),
        verdict=encode_verdict(
            event.judged,
            rules,
            event.reply_text,
            event.reply_code,
            event.enhanced_status,
            gave_up=event.state == DeliveryState.EXPIRED,
        ),
        untried=event.is_untried,
        spam_score=encode_spam_score(event.spam_score),
    )


def encode_spam_score(told: SpamScore | None) -> record_pb2.SpamScore | None:
    """What a spam filter thought of a message; unset when the log tells of none."""
    if told is None:
        return None
    return record_pb2.SpamScore(
        scanner=told.scanner, score=told.score, required=told.required, verdict=told.verdict
    )


def encode_reason(reason: Reason, total: int, rules: RuleSet) -> query_pb2.Reason:
    """One cause of failure."""
    most = reason.most
    return query_pb2.Reason(
        reply_code=most.reply_code,
        enhanced_status=most.enhanced_status,
        template=most.template,
        sample=most.sample,
        count=reason.count,
        share=reason.count / total,
        verdict=encode_verdict(
            most.judged, rules, most.sample, most.reply_code, most.enhanced_status
        ),
        smtp_codes=[
            "-".join(filter(None, (str(code or ""), status))) for code, status in reason.codes
        ],
        count_before=reason.count_before,
    )


def encode_row(row: Row, titles: Mapping[str, str]) -> query_pb2.BreakdownRow:
    """One row of a breakdown; ``titles`` are the names of providers, or nothing."""
    return query_pb2.BreakdownRow(
        name=row.name,
        unknown=row.is_unknown,
        title=titles.get(row.name.decode("utf-8", "replace"), ""),
        counts=encode_counts(row.counts),
        bounce_rate=row.counts.bounce_rate,
        share=row.share,
    )


def encode_unknown(reply: UnknownReply) -> query_pb2.UnknownReply:
    """One reply that no rule knows."""
    return query_pb2.UnknownReply(
        id=reply.template_id,
        reply_code=reply.reply_code,
        enhanced_status=reply.enhanced_status,
        template=reply.template,
        sample=reply.sample,
        provider=reply.provider,
        filter=reply.filter,
        count=reply.count,
        first_seen=timestamp(reply.first_seen_us),
        last_seen=timestamp(reply.last_seen_us),
    )


def encode_coverage(covered: Coverage) -> query_pb2.Coverage:
    """How far logs were read."""
    return query_pb2.Coverage(
        hours_complete=covered.hours.complete,
        hours_gap_known=covered.hours.gap_known,
        hours_gap_suspected=covered.hours.gap_suspected,
        hours_not_read=covered.hours.not_read,
        gaps=[encode_gap(gap) for gap in covered.gaps],
        gaps_total=covered.gaps_total,
        newest_line=timestamp(covered.newest_line_us),
    )


def encode_gap(gap: LogGap) -> query_pb2.LogGap:
    """One gap of a log."""
    return query_pb2.LogGap(
        server=gap.server,
        start=timestamp(gap.from_us),
        end=timestamp(gap.to_us),
        cause=ingest_pb2.GapCause.ValueType(gap.cause),
        certain=gap.certain,
        lost_lines=gap.lost_lines,
        source=gap.source,
        reported=timestamp(gap.reported_us),
    )


def encode_job(job: Job) -> query_pb2.Job:
    """One periodic job."""
    return query_pb2.Job(
        name=job.name,
        owner=job.owner,
        running_since=timestamp(job.running_us),
        started=timestamp(job.started_us),
        ended=timestamp(job.ended_us),
        result=job.result,
        error=job.error,
        error_time=timestamp(job.error_us),
        next=timestamp(job.next_us),
        runs=job.runs,
        failures=job.failures,
    )


def timestamp(time_us: int) -> Timestamp | None:
    """Convert microseconds; 0 stands for no moment, which the wire leaves unset."""
    if not time_us:
        return None
    return Timestamp(seconds=time_us // SECOND_US, nanos=time_us % SECOND_US * 1_000)
