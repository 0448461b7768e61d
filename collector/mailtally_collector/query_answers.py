"""Answers to questions on the wire, one method each: what a request asks, as a response.

Threads   Run in threads of the query service, each with a connection of its own. Raises QueryError
          for a question that cannot be answered as it was put.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from peewee import Database

from mailtally.v1 import query_pb2
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.filter_codec import decode_filter, decode_range
from mailtally_collector.query.breakdown import breakdown
from mailtally_collector.query.coverage import (
    LogGap,
    coverage,
    gaps_of_lives,
    list_gaps,
    oldest_line,
)
from mailtally_collector.query.event_keys import order_of
from mailtally_collector.query.events import export_events, list_events
from mailtally_collector.query.filters import QueryError, Selection, select
from mailtally_collector.query.jobs import list_jobs
from mailtally_collector.query.reasons import top_reasons
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.server import server_detail
from mailtally_collector.query.servers import list_servers
from mailtally_collector.query.summary import summarise
from mailtally_collector.query.trace import NO_CANARIES, Sought, trace
from mailtally_collector.query.traced_message import TracedMessage
from mailtally_collector.query.unknown import unknown_replies
from mailtally_collector.query_codec import (
    encode_counts,
    encode_coverage,
    encode_event,
    encode_gap,
    encode_job,
    encode_reason,
    encode_row,
    encode_unknown,
    timestamp,
)
from mailtally_collector.server_codec import encode_server, encode_server_detail
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.reclassify import count_old
from mailtally_collector.terms import Dimension
from mailtally_collector.trace_codec import encode_message

REASONS_DEFAULT, REASONS_MAX = 10, 1_000
EVENTS_DEFAULT, EVENTS_MAX = 50, 1_000
ROWS_DEFAULT, ROWS_MAX = 20, 1_000
TRACES_DEFAULT, TRACES_MAX = 20, 200
UNKNOWN_DEFAULT, UNKNOWN_MAX = 50, 1_000
GAPS_DEFAULT, GAPS_MAX = 100, 1_000
# Further than any gap, on both sides.
EVER_US = 1 << 62
# Of an export; some 250 events with long replies stay below the 4 MiB that clients take at once.
CHUNK = 250


class Answers:
    """Answers from one database."""

    def __init__(self, database: Database, rules: CurrentRules, clock: Callable[[], int]) -> None:
        self._database = database
        self._rules = rules
        self._clock = clock

    def summary(self, scope: Scope, asked: query_pb2.SummaryRequest) -> query_pb2.SummaryResponse:
        """Answer Summary."""
        selection = select(decode_filter(asked.filter), self._clock())
        summary = summarise(self._database, scope, selection, asked.bucket, asked.time_zone)
        return query_pb2.SummaryResponse(
            total=encode_counts(summary.total),
            buckets=[
                query_pb2.SummaryBucket(start=timestamp(start_us), counts=encode_counts(counts))
                for start_us, counts in zip(summary.starts_us, summary.buckets, strict=True)
            ],
            bucket=query_pb2.Bucket.ValueType(summary.bucket),
            start=timestamp(selection.start_us),
            end=timestamp(selection.end_us),
            newest_line=timestamp(summary.newest_line_us),
            coverage=self._coverage(scope, selection),
        )

    def top_reasons(
        self, scope: Scope, asked: query_pb2.TopReasonsRequest
    ) -> query_pb2.TopReasonsResponse:
        """Answer TopReasons."""
        selection = select(decode_filter(asked.filter), self._clock())
        limit = bounded("limit", asked.limit, REASONS_DEFAULT, REASONS_MAX)
        top = top_reasons(self._database, scope, selection, limit)
        return query_pb2.TopReasonsResponse(
            reasons=[encode_reason(reason, top.total, self._rules.rules) for reason in top.reasons],
            total=top.total,
            total_before=top.total_before,
            before_start=timestamp(top.before_start_us),
            coverage=self._coverage(scope, selection),
        )

    def breakdown(
        self, scope: Scope, asked: query_pb2.BreakdownRequest
    ) -> query_pb2.BreakdownResponse:
        """Answer Breakdown."""
        selection = select(decode_filter(asked.filter), self._clock())
        limit = bounded("limit", asked.limit, ROWS_DEFAULT, ROWS_MAX)
        found = breakdown(
            *(self._database, scope, selection, asked.dimension), order=asked.order, limit=limit
        )
        is_provider = int(asked.dimension) == Dimension.PROVIDER
        titles = self._rules.rules.providers.titles if is_provider else {}
        return query_pb2.BreakdownResponse(
            rows=[encode_row(row, titles) for row in found.rows],
            total=encode_counts(found.total),
            bounce_rate=found.total.bounce_rate,
            rows_total=found.rows_total,
            start=timestamp(selection.start_us),
            end=timestamp(selection.end_us),
            coverage=self._coverage(scope, selection),
        )

    def list_events(
        self, scope: Scope, asked: query_pb2.ListEventsRequest
    ) -> query_pb2.ListEventsResponse:
        """Answer ListEvents."""
        page = list_events(
            self._database,
            scope,
            decode_filter(asked.filter),
            order_of(asked.order, ascending=asked.ascending),
            token=asked.page_token,
            size=bounded("page_size", asked.page_size, EVENTS_DEFAULT, EVENTS_MAX),
            now_us=self._clock(),
        )
        return query_pb2.ListEventsResponse(
            events=[encode_event(event, self._rules.rules) for event in page.events],
            next_page_token=page.next_token,
            coverage=None if asked.page_token else self._coverage(scope, page.selection),
        )

    def export_events(
        self, scope: Scope, asked: query_pb2.ExportEventsRequest
    ) -> query_pb2.ExportEventsResponse:
        """Answer ExportEvents: the part behind the token of the request."""
        page = export_events(
            self._database,
            scope,
            decode_filter(asked.filter),
            token=asked.page_token,
            size=CHUNK,
            now_us=self._clock(),
        )
        return query_pb2.ExportEventsResponse(
            events=[encode_event(event, self._rules.rules) for event in page.events],
            next_page_token=page.next_token,
            total=page.total or 0,
            coverage=None if asked.page_token else self._coverage(scope, page.selection),
        )

    def trace(
        self, scope: Scope, asked: query_pb2.TraceMessageRequest
    ) -> query_pb2.TraceMessageResponse:
        """Answer TraceMessage."""
        sought = Sought(
            queue_id=asked.queue_id,
            message_id=asked.message_id,
            recipient=asked.recipient,
            servers=tuple(asked.servers),
            traffic_classes=tuple(asked.traffic_classes) or NO_CANARIES,
        )
        limit = bounded("limit", asked.limit, TRACES_DEFAULT, TRACES_MAX)
        traced = trace(self._database, scope, sought, limit)
        return query_pb2.TraceMessageResponse(
            messages=[encode_message(message, self._rules.rules) for message in traced.messages],
            families_cut=traced.is_cut,
            gaps=[encode_gap(gap) for gap in self._gaps_beside(scope, traced.messages)],
        )

    def unknown_replies(
        self, scope: Scope, asked: query_pb2.ListUnknownRepliesRequest
    ) -> query_pb2.ListUnknownRepliesResponse:
        """Answer ListUnknownReplies."""
        selection = select(decode_filter(asked.filter), self._clock())
        limit = bounded("limit", asked.limit, UNKNOWN_DEFAULT, UNKNOWN_MAX)
        replies, total = unknown_replies(self._database, scope, selection, limit)
        return query_pb2.ListUnknownRepliesResponse(
            replies=[encode_unknown(reply) for reply in replies],
            total=total,
            coverage=self._coverage(scope, selection),
        )

    def rules(self) -> query_pb2.GetRulesResponse:
        """Answer GetRules."""
        rules = self._rules.rules
        return query_pb2.GetRulesResponse(
            digest=rules.digest,
            rules=len(rules.rules),
            mistakes=self._rules.mistakes,
            waiting=count_old(sql_for(self._database), rules),
        )

    def jobs(self) -> query_pb2.ListJobsResponse:
        """Answer ListJobs."""
        listed = list_jobs(self._database, self._clock())
        return query_pb2.ListJobsResponse(
            jobs=[encode_job(job) for job in listed.jobs],
            rows_since=timestamp(listed.rows_us),
            rollups_since=timestamp(listed.rollups_us),
        )

    def servers(self, scope: Scope, present: AbstractSet[str]) -> query_pb2.ListServersResponse:
        """Answer ListServers; ``present`` are those with a stream open here."""
        servers = list_servers(self._database, scope, present, self._clock())
        return query_pb2.ListServersResponse(servers=[encode_server(server) for server in servers])

    def gaps(self, scope: Scope, asked: query_pb2.ListGapsRequest) -> query_pb2.ListGapsResponse:
        """Answer ListGaps."""
        names, now_us = tuple(asked.servers), self._clock()
        limit = bounded("limit", asked.limit, GAPS_DEFAULT, GAPS_MAX)
        start_us, end_us = decode_range(asked)
        first_us = oldest_line(self._database, scope, names) if start_us is None else start_us
        range_us = (first_us, now_us if end_us is None else end_us)
        covered = coverage(self._database, scope, names, range_us, now_us)
        gaps, total = list_gaps(
            self._database,
            scope,
            names,
            (-EVER_US if start_us is None else start_us, EVER_US if end_us is None else end_us),
            limit,
        )
        return query_pb2.ListGapsResponse(
            gaps=[encode_gap(gap) for gap in gaps],
            gaps_total=total,
            coverage=encode_coverage(replace(covered, gaps=[], gaps_total=0)),
        )

    def server(
        self, scope: Scope, present: AbstractSet[str], asked: query_pb2.GetServerRequest
    ) -> query_pb2.GetServerResponse:
        """Answer GetServer."""
        detail = server_detail(self._database, scope, present, asked.name, self._clock())
        return encode_server_detail(detail)

    def _coverage(self, scope: Scope, selection: Selection) -> query_pb2.Coverage:
        range_us = (selection.start_us, selection.end_us)
        found = coverage(self._database, scope, selection.servers, range_us, self._clock())
        return encode_coverage(found)

    def _gaps_beside(self, scope: Scope, messages: Sequence[TracedMessage]) -> list[LogGap]:
        now_us = self._clock()
        lives = [
            (message.place.server, message.arrival_us, message.last_us or now_us)
            for message in messages
        ]
        return gaps_of_lives(self._database, scope, lives)


def bounded(name: str, asked: int, default: int, most: int) -> int:
    """Return the default for 0. Raises QueryError beyond the most."""
    if asked > most:
        raise QueryError(f"{name} is {asked}; at most {most} are given at once")
    return asked or default
