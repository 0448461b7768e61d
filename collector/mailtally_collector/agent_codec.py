"""What agents say of themselves off the wire's types, bounded.

Limits    Nothing here raises: moments that cannot be are dropped, and what is too much is cut off.
"""

from mailtally.v1 import ingest_pb2
from mailtally_collector.ingest_codec import (
    FUTURE_MAX_US,
    SIGNED_64_MAX,
    YEAR_1990_US,
    text_of,
)
from mailtally_collector.records import (
    AgentReport,
    AgentState,
    CommandResult,
    OpenMessage,
    Sample,
    SourceReport,
)

SAMPLES_MAX, OPEN_MAX, SOURCES_MAX = 5, 20, 64
TEXT_MAX, LINE_MAX = 255, 1_000


def decode_agent_state(status: ingest_pb2.AgentStatus, now_us: int) -> AgentState:
    """Take the counters of an agent's status off the wire's types."""
    return AgentState(
        newest_line_us=_moment(status.newest_line_us, now_us),
        oldest_line_us=_moment(status.oldest_line_us, now_us),
        lines_read=status.lines_read,
        lines_unparsed=status.lines_unparsed,
        lines_oversize=status.lines_oversize,
        backlog_bytes=status.backlog_bytes,
        open_messages=status.open_messages,
        gaps=status.gaps,
    )


def decode_agent_report(status: ingest_pb2.AgentStatus, now_us: int) -> AgentReport:
    """Take the rest of an agent's status off the wire's types; what is too much is cut off."""
    sent_us = _moment(status.time_us, now_us)
    return AgentReport(
        clock_skew_us=sent_us - now_us if sent_us else 0,
        oldest_line_us=_moment(status.oldest_line_us, now_us),
        settings_revision=min(status.settings_revision, SIGNED_64_MAX),
        next_collection_us=_moment(status.next_collection_us, now_us),
        samples=[
            Sample(_short(one.daemon), one.line[:LINE_MAX])
            for one in status.unparsed_samples[:SAMPLES_MAX]
        ],
        open_messages=[
            OpenMessage(_short(one.instance), _short(one.queue_id), _moment(one.arrival_us, now_us))
            for one in status.oldest_open_messages[:OPEN_MAX]
        ],
        sources=[
            SourceReport(
                _short(one.name),
                _moment(one.newest_line_us, now_us),
                one.backlog_bytes,
                _short(one.problem),
            )
            for one in status.sources[:SOURCES_MAX]
        ],
    )


def decode_command_result(result: ingest_pb2.CommandResult) -> CommandResult:
    """Take what an agent says of a command off the wire's types."""
    return CommandResult(
        min(result.id, SIGNED_64_MAX), result.done, text_of(result.error), result.records_sent
    )


def _moment(time_us: int, now_us: int) -> int:
    """Drop a moment that cannot be."""
    return time_us if YEAR_1990_US <= time_us <= now_us + FUTURE_MAX_US else 0


def _short(text: str) -> str:
    return text_of(text)[:TEXT_MAX]
