"""QueryService: questions are answered in threads, each with a read connection of its own.

Errors    A question that cannot be answered as it was put is INVALID_ARGUMENT with a sentence for
          its author; a database that cannot be read is UNAVAILABLE.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from peewee import PeeweeException

from mailtally.v1 import query_pb2, query_pb2_grpc
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.presence import Presence
from mailtally_collector.query.events import list_events
from mailtally_collector.query.filters import QueryError, select
from mailtally_collector.query.reasons import top_reasons
from mailtally_collector.query.servers import list_servers
from mailtally_collector.query.summary import summarise
from mailtally_collector.query.trace import Sought, trace
from mailtally_collector.query.unknown import unknown_replies
from mailtally_collector.query_codec import (
    decode_filter,
    encode_counts,
    encode_event,
    encode_reason,
    encode_server,
    encode_unknown,
    timestamp,
)
from mailtally_collector.store.database import close_reading, open_for_reading
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.failures import sentence
from mailtally_collector.store.location import Location
from mailtally_collector.store.reading import answer
from mailtally_collector.store.reclassify import count_old
from mailtally_collector.trace_codec import encode_message

logger = logging.getLogger(__name__)

THREADS = 4
REASONS_DEFAULT, REASONS_MAX = 10, 1_000
EVENTS_DEFAULT, EVENTS_MAX = 50, 1_000
TRACES_DEFAULT, TRACES_MAX = 20, 200
UNKNOWN_DEFAULT, UNKNOWN_MAX = 50, 1_000

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]


class QueryService(query_pb2_grpc.QueryServiceServicer):
    """Answers questions from the database at ``location``."""

    def __init__(
        self, location: Location, presence: Presence, clock: Callable[[], int], rules: CurrentRules
    ) -> None:
        self._database = open_for_reading(location)
        self._rules = rules
        self._presence = presence
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="query")

    def close(self) -> None:
        """Wait for the questions under way."""
        self._threads.shutdown()
        close_reading(self._database)

    async def Summary(  # noqa: N802 - gRPC names it
        self, request: query_pb2.SummaryRequest, context: Context
    ) -> query_pb2.SummaryResponse:
        """Accepted recipients and what became of them, in total and over time."""
        return await self._answer(lambda: self._summary(request), context)

    async def TopReasons(  # noqa: N802
        self, request: query_pb2.TopReasonsRequest, context: Context
    ) -> query_pb2.TopReasonsResponse:
        """Most frequent causes of delivery failure."""
        return await self._answer(lambda: self._top_reasons(request), context)

    async def ListEvents(  # noqa: N802
        self, request: query_pb2.ListEventsRequest, context: Context
    ) -> query_pb2.ListEventsResponse:
        """Recipients whose mail was refused, gave up or still waits after a failed try."""
        return await self._answer(lambda: self._list_events(request), context)

    async def TraceMessage(  # noqa: N802
        self, request: query_pb2.TraceMessageRequest, context: Context
    ) -> query_pb2.TraceMessageResponse:
        """The life of messages."""
        return await self._answer(lambda: self._trace(request), context)

    async def ListServers(  # noqa: N802
        self, request: query_pb2.ListServersRequest, context: Context
    ) -> query_pb2.ListServersResponse:
        """All mail hosts."""
        del request
        present = self._presence.servers()
        return await self._answer(lambda: self._list_servers(present), context)

    async def ListUnknownReplies(  # noqa: N802
        self, request: query_pb2.ListUnknownRepliesRequest, context: Context
    ) -> query_pb2.ListUnknownRepliesResponse:
        """Replies that no rule knows, the most frequent first."""
        return await self._answer(lambda: self._unknown_replies(request), context)

    async def GetRules(  # noqa: N802
        self, request: query_pb2.GetRulesRequest, context: Context
    ) -> query_pb2.GetRulesResponse:
        """Rules in force, and what is wrong with files of the operator's."""
        del request
        return await self._answer(self._get_rules, context)

    async def _answer(self, question: Callable[[], T], context: Context) -> T:
        """Run the question in a thread, and give its errors the status that they mean."""
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, answer, self._database, question
            )
        except QueryError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except PeeweeException as error:
            reason = sentence(error)
            logger.error('query failed reason="%s"', reason)  # noqa: TRY400 - it says enough
            await context.abort(
                grpc.StatusCode.UNAVAILABLE, f"the database cannot be read: {reason}"
            )

    def _summary(self, request: query_pb2.SummaryRequest) -> query_pb2.SummaryResponse:
        selection = select(decode_filter(request.filter), self._clock())
        summary = summarise(self._database, selection, request.bucket, request.time_zone)
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
        )

    def _top_reasons(self, request: query_pb2.TopReasonsRequest) -> query_pb2.TopReasonsResponse:
        selection = select(decode_filter(request.filter), self._clock())
        limit = _bounded("limit", request.limit, REASONS_DEFAULT, REASONS_MAX)
        top = top_reasons(self._database, selection, limit)
        return query_pb2.TopReasonsResponse(
            reasons=[encode_reason(reason, top.total, self._rules.rules) for reason in top.reasons],
            total=top.total,
        )

    def _list_events(self, request: query_pb2.ListEventsRequest) -> query_pb2.ListEventsResponse:
        page = list_events(
            self._database,
            decode_filter(request.filter),
            token=request.page_token,
            size=_bounded("page_size", request.page_size, EVENTS_DEFAULT, EVENTS_MAX),
            now_us=self._clock(),
        )
        return query_pb2.ListEventsResponse(
            events=[encode_event(event, self._rules.rules) for event in page.events],
            next_page_token=page.next_token,
        )

    def _trace(self, request: query_pb2.TraceMessageRequest) -> query_pb2.TraceMessageResponse:
        sought = Sought(
            queue_id=request.queue_id,
            message_id=request.message_id,
            recipient=request.recipient,
            servers=tuple(request.servers),
        )
        limit = _bounded("limit", request.limit, TRACES_DEFAULT, TRACES_MAX)
        traced = trace(self._database, sought, limit)
        return query_pb2.TraceMessageResponse(
            messages=[encode_message(message, self._rules.rules) for message in traced.messages],
            families_cut=traced.is_cut,
        )

    def _unknown_replies(
        self, request: query_pb2.ListUnknownRepliesRequest
    ) -> query_pb2.ListUnknownRepliesResponse:
        selection = select(decode_filter(request.filter), self._clock())
        limit = _bounded("limit", request.limit, UNKNOWN_DEFAULT, UNKNOWN_MAX)
        replies, total = unknown_replies(self._database, selection, limit)
        return query_pb2.ListUnknownRepliesResponse(
            replies=[encode_unknown(reply) for reply in replies], total=total
        )

    def _get_rules(self) -> query_pb2.GetRulesResponse:
        rules = self._rules.rules
        return query_pb2.GetRulesResponse(
            digest=rules.digest,
            rules=len(rules.rules),
            mistakes=self._rules.mistakes,
            waiting=count_old(sql_for(self._database), rules),
        )

    def _list_servers(self, present: frozenset[str]) -> query_pb2.ListServersResponse:
        servers = list_servers(self._database, present, self._clock())
        return query_pb2.ListServersResponse(servers=[encode_server(server) for server in servers])


def _bounded(name: str, asked: int, default: int, most: int) -> int:
    """Return the default for 0. Raises QueryError beyond the most."""
    if asked > most:
        raise QueryError(f"{name} is {asked}; at most {most} are given at once")
    return asked or default
