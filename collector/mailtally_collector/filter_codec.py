"""Filters off the wire's types.

Limits    A Timestamp may lie anywhere from year 1 to 9999; outside of these, or with nanoseconds
          out of range, it is refused.
"""

from google.protobuf.timestamp_pb2 import Timestamp

from mailtally.v1 import query_pb2
from mailtally_collector.durations import SECOND_US
from mailtally_collector.query.filters import Filter, QueryError

YEAR_1_SECONDS = -62_135_596_800
YEAR_9999_SECONDS = 253_402_300_799


def decode_filter(asked: query_pb2.Filter) -> Filter:
    """Take a filter off the wire's types. Raises QueryError for a moment that is none."""
    return Filter(
        start_us=_moment(asked.start) if asked.HasField("start") else None,
        end_us=_moment(asked.end) if asked.HasField("end") else None,
        basis=asked.time_basis,
        servers=tuple(asked.servers),
        domain=asked.domain,
        mailbox=asked.mailbox,
        recipient_domain=asked.recipient_domain,
        states=tuple(asked.states),
        directions=tuple(asked.directions),
        traffic_classes=tuple(asked.traffic_classes),
        reasons=tuple(asked.reasons),
        providers=tuple(asked.providers),
        text=asked.text,
        queue_id=asked.queue_id,
        message_id=asked.message_id,
        recipient=asked.recipient,
        reply_codes=tuple(asked.reply_codes),
        enhanced_statuses=tuple(asked.enhanced_statuses),
        unknown_only=asked.unknown_only,
        mail_filters=tuple(asked.mail_filters),
    )


def decode_range(asked: query_pb2.ListGapsRequest) -> tuple[int | None, int | None]:
    """Take start and end off the wire's types, None where unset. Raises QueryError."""
    start_us = _moment(asked.start) if asked.HasField("start") else None
    end_us = _moment(asked.end) if asked.HasField("end") else None
    if start_us is not None and end_us is not None and end_us <= start_us:
        raise QueryError("the range is empty: its end must lie after its start")
    return start_us, end_us


def _moment(moment: Timestamp) -> int:
    if not YEAR_1_SECONDS <= moment.seconds <= YEAR_9999_SECONDS or not 0 <= moment.nanos < 10**9:
        raise QueryError("a moment of the filter is outside of the years 1 to 9999")
    return moment.seconds * SECOND_US + moment.nanos // 1_000
