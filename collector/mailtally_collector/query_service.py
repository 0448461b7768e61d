"""QueryService: who asks, and what becomes of questions that cannot be answered.

Scope     Of the caller, asked for at every call (people/callers.py).
Errors    A question that cannot be answered as it was put is INVALID_ARGUMENT with a sentence for
          its author; a database that cannot be read is UNAVAILABLE, and so is a collector that
          stops; more streams than are served at once are RESOURCE_EXHAUSTED.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc

from mailtally.v1 import query_pb2, query_pb2_grpc, record_pb2
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.people.callers import STAFF, Callers
from mailtally_collector.presence import Presence
from mailtally_collector.query_answers import Answers
from mailtally_collector.query_streams import TailStream, export
from mailtally_collector.query_threads import QueryThreads
from mailtally_collector.refusals import REFUSED, guarded, refuse
from mailtally_collector.store.database import close_reading, open_for_reading
from mailtally_collector.store.location import Location

# At once, of all callers together.
STREAMS_MAX = {"exports": 8, "tails": 64}

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]
# The server of a caller that is an agent, None for others.
AgentOf = Callable[[Context], Awaitable[str | None]]


async def _no_agent(context: Context) -> str | None:
    """Say that the caller is no agent."""
    del context
    return None


class QueryService(query_pb2_grpc.QueryServiceServicer):
    """Answers questions from the database at ``location``."""

    def __init__(
        self,
        location: Location,
        presence: Presence,
        clock: Callable[[], int],
        rules: CurrentRules,
        *,
        callers: Callers,
        agent_of: AgentOf = _no_agent,
    ) -> None:
        self._callers = callers
        self._agent_of = agent_of
        self._database = database = open_for_reading(location)
        self._threads = QueryThreads(database)
        self._answers = Answers(database, rules, clock)
        self._stopping = asyncio.Event()
        self._tails = TailStream(database, self._threads, rules, clock, self._stopping)
        self._presence = presence
        self._open: Counter[str] = Counter()

    def stop(self) -> None:
        """End the streams of new events, which would go on for ever."""
        self._stopping.set()

    def close(self) -> None:
        """Wait for the questions under way."""
        self._threads.close()
        close_reading(self._database)

    async def Summary(  # noqa: N802 - gRPC names it
        self, request: query_pb2.SummaryRequest, context: Context
    ) -> query_pb2.SummaryResponse:
        """Accepted recipients and what became of them, in total and over time."""
        return await self._answer(context, self._answers.summary, request)

    async def TopReasons(  # noqa: N802
        self, request: query_pb2.TopReasonsRequest, context: Context
    ) -> query_pb2.TopReasonsResponse:
        """Most frequent causes of delivery failure."""
        return await self._answer(context, self._answers.top_reasons, request)

    async def Breakdown(  # noqa: N802
        self, request: query_pb2.BreakdownRequest, context: Context
    ) -> query_pb2.BreakdownResponse:
        """The same counts for each server, sender's domain, mailbox or receiving provider."""
        return await self._answer(context, self._answers.breakdown, request)

    async def ListEvents(  # noqa: N802
        self, request: query_pb2.ListEventsRequest, context: Context
    ) -> query_pb2.ListEventsResponse:
        """Recipients whose mail was refused, gave up or still waits after a failed try."""
        return await self._answer(context, self._answers.list_events, request)

    async def TailEvents(  # noqa: N802
        self, request: query_pb2.TailEventsRequest, context: Context
    ) -> AsyncIterator[query_pb2.TailEventsResponse]:
        """New error events as they are stored."""
        scope = (await self._callers.of(context)).scope
        async for part in self._stream(context, "tails", self._tails.parts(scope, request)):
            yield part
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the collector stops; ask again")

    async def ExportEvents(  # noqa: N802
        self, request: query_pb2.ExportEventsRequest, context: Context
    ) -> AsyncIterator[query_pb2.ExportEventsResponse]:
        """All error events, each once."""
        viewer = await self._callers.of(context)
        asked = str(request.filter).replace("\n", " ")
        await self._callers.note_lookup(context, viewer, "export-events", asked)
        parts = export(self._threads, self._answers, viewer.scope, request)
        async for part in self._stream(context, "exports", parts):
            yield part

    async def TraceMessage(  # noqa: N802
        self, request: query_pb2.TraceMessageRequest, context: Context
    ) -> query_pb2.TraceMessageResponse:
        """The life of messages; to an agent, of the canaries of its own server alone."""
        server = await self._agent_of(context)
        if server is not None:
            request.ClearField("servers")
            request.ClearField("traffic_classes")
            request.servers.append(server)
            request.traffic_classes.append(record_pb2.TRAFFIC_CLASS_CANARY)
        viewer = await self._callers.of(context)
        asked = str(request).replace("\n", " ")
        await self._callers.note_lookup(context, viewer, "trace-message", asked)
        question = self._threads.run(self._answers.trace, viewer.scope, request)
        return await guarded(context, question)

    async def ListServers(  # noqa: N802
        self, request: query_pb2.ListServersRequest, context: Context
    ) -> query_pb2.ListServersResponse:
        """All mail hosts."""
        del request
        return await self._answer(context, self._answers.servers, self._presence.servers())

    async def GetServer(  # noqa: N802
        self, request: query_pb2.GetServerRequest, context: Context
    ) -> query_pb2.GetServerResponse:
        """One mail host, with all that its agent told last."""
        return await self._answer(context, self._answers.server, self._presence.servers(), request)

    async def ListUnknownReplies(  # noqa: N802
        self, request: query_pb2.ListUnknownRepliesRequest, context: Context
    ) -> query_pb2.ListUnknownRepliesResponse:
        """Replies that no rule knows, the most frequent first."""
        return await self._answer(context, self._answers.unknown_replies, request)

    async def GetRules(  # noqa: N802
        self, request: query_pb2.GetRulesRequest, context: Context
    ) -> query_pb2.GetRulesResponse:
        """Rules in force, and what is wrong with files of the operator's."""
        del request
        await self._callers.of(context, *STAFF)
        return await guarded(context, self._threads.run(self._answers.rules))

    async def ListJobs(  # noqa: N802
        self, request: query_pb2.ListJobsRequest, context: Context
    ) -> query_pb2.ListJobsResponse:
        """What the collectors do by the clock."""
        del request
        await self._callers.of(context, *STAFF)
        return await guarded(context, self._threads.run(self._answers.jobs))

    async def ListGaps(  # noqa: N802
        self, request: query_pb2.ListGapsRequest, context: Context
    ) -> query_pb2.ListGapsResponse:
        """Lines that logs had and that were not read, or may not have been."""
        return await self._answer(context, self._answers.gaps, request)

    async def _answer(self, context: Context, question: Callable[..., T], *asked: Any) -> T:
        scope = (await self._callers.of(context)).scope
        return await guarded(context, self._threads.run(question, scope, *asked))

    async def _stream(
        self, context: Context, kind: str, parts: AsyncIterator[T]
    ) -> AsyncIterator[T]:
        """Give the parts, with errors as ``guarded`` does; refuse what is too many at once."""
        if self._open[kind] >= STREAMS_MAX[kind]:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{STREAMS_MAX[kind]} {kind} are under way, which is the most; try again later",
            )
        with self._counted(kind):
            try:
                async for part in parts:
                    yield part
            except REFUSED as error:
                await refuse(context, error)

    @contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        self._open[kind] += 1
        try:
            yield
        finally:
            self._open[kind] -= 1
