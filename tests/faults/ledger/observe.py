"""What a collector's queries tell of one server, to be compared with the ledger.

Gives     ``observe``: every attempt by tracing every recipient that was written, messages by queue
          id, states by the summary, and the gaps that are reported.
Limits    What was never written is found as far as it is somebody's: a message of a known
          recipient, a recipient at NEVER, or one more in the summary.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mailtally.v1 import ingest_pb2
from mailtally.v1 import query_pb2 as pb
from tests.e2e.processes import STATES, Collector, Query
from tests.faults.ledger.ledger import Attempt, Observed, Span
from tests.faults.ledger.lives import NEVER, Tried

FOUND_MAX = 200
GAPS_MAX = 1_000
LATEST_US = 1 << 62
FAKED = ("header", "cron", "reply")


def query_now(collector: Collector) -> Query:
    """Questions over the days around this one."""
    now = datetime.now(UTC)
    return collector.query((now - timedelta(days=2), now + timedelta(days=2)))


def observe(query: Query, server: str, names: Iterable[str]) -> Observed:
    """Ask for everything. Raises grpc.RpcError."""
    messages: dict[int, pb.TracedMessage] = {}
    for name in (*sorted(names), *(f"{one}@{NEVER}" for one in FAKED)):
        asked = pb.TraceMessageRequest(recipient=name, servers=[server], limit=FOUND_MAX)
        found = query.stub.TraceMessage(asked, timeout=30).messages
        messages |= {message.id: message for message in found if message.server == server}
    attempts = Counter(
        _attempt(message.queue_id, delivery.recipient, one)
        for message in messages.values()
        for delivery in message.deliveries
        for one in delivery.attempts
    )
    queue_ids = Counter(message.queue_id for message in messages.values())
    request = pb.SummaryRequest(filter=query.filter(servers=[server]), bucket=pb.BUCKET_HOUR)
    total = query.stub.Summary(request, timeout=30).total
    states = Counter({state: getattr(total, state) for state in STATES})
    gaps = gaps_of(query, server)
    return Observed(attempts, queue_ids, +states, gaps, oldest_us_of(query, server))


def gaps_of(query: Query, server: str) -> list[Span]:
    """Gaps that are reported of the server."""
    asked = pb.ListGapsRequest(servers=[server], limit=GAPS_MAX)
    return [
        Span(
            gap.start.ToMicroseconds() if gap.HasField("start") else 0,
            gap.end.ToMicroseconds() if gap.HasField("end") else LATEST_US,
            certain=gap.certain,
            cause=ingest_pb2.GapCause.Name(gap.cause),
        )
        for gap in query.stub.ListGaps(asked, timeout=30).gaps
    ]


def oldest_us_of(query: Query, server: str) -> int:
    """Moment of the oldest line that was read; 0 for none."""
    servers = query.stub.ListServers(pb.ListServersRequest(), timeout=30).servers
    return next((one.oldest_line.ToMicroseconds() for one in servers if one.name == server), 0)


def _attempt(queue_id: str, recipient: bytes, traced: pb.TracedAttempt) -> Attempt:
    attempt = traced.attempt
    tried = Tried(queue_id, recipient.decode(), attempt.status, attempt.enhanced_status)
    return Attempt(tried, traced.time.ToMicroseconds())
