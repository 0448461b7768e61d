"""Mail hosts and their agents onto the wire's types."""

from mailtally.v1 import query_pb2
from mailtally_collector.durations import SECOND_US
from mailtally_collector.query.server import ServerDetail
from mailtally_collector.query.servers import Server
from mailtally_collector.query_codec import timestamp


def encode_server(server: Server) -> query_pb2.Server:
    """One mail host."""
    return query_pb2.Server(
        name=server.name,
        agent_version=server.agent_version,
        connected=server.connected,
        last_seen=timestamp(server.last_seen_us),
        newest_line=timestamp(server.newest_line_us),
        lines_read=server.lines_read,
        lines_unparsed=server.lines_unparsed,
        lines_oversize=server.lines_oversize,
        backlog_bytes=server.backlog_bytes,
        open_messages=server.open_messages,
        gaps=server.gaps,
        records_stored=server.records_stored,
        records_quarantined=server.records_quarantined,
        records_too_old=server.records_too_old,
        stale=server.stale,
        stale_since=timestamp(server.stale_since_us),
        collection_enabled=server.collecting.enabled,
        collection_interval_seconds=server.collecting.interval_seconds,
        lag_seconds=server.lag_us // SECOND_US,
        gaps_known=server.gaps_known,
        gaps_suspected=server.gaps_suspected,
        oldest_line=timestamp(server.oldest_line_us),
    )


def encode_server_detail(detail: ServerDetail) -> query_pb2.GetServerResponse:
    """All that is known of one."""
    report = detail.report
    return query_pb2.GetServerResponse(
        server=encode_server(detail.server),
        settings_revision=detail.server.collecting.revision,
        agent_settings_revision=report.settings_revision,
        next_collection=timestamp(report.next_collection_us),
        clock_skew_us=report.clock_skew_us,
        reported=timestamp(detail.reported_us),
        oldest_line=timestamp(report.oldest_line_us),
        unparsed_samples=[
            query_pb2.ServerSample(daemon=one.daemon, line=one.line) for one in report.samples
        ],
        oldest_open_messages=[
            query_pb2.ServerOpenMessage(
                instance=one.instance,
                queue_id=one.queue_id,
                arrival=timestamp(one.arrival_us),
            )
            for one in report.open_messages
        ],
        sources=[
            query_pb2.ServerSource(
                name=one.name,
                newest_line=timestamp(one.newest_line_us),
                backlog_bytes=one.backlog_bytes,
                problem=one.problem,
            )
            for one in report.sources
        ],
    )
