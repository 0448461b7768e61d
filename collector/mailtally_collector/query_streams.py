"""Answers that come in parts: exports, and new error events as they are stored.

Memory    One part at a time: the next one is read when the caller has taken this one, so that a
          slow caller slows its own stream and nothing else. Between parts no connection is in use.
Silence   A tail without events sends an empty part every HEARTBEAT_SECONDS.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from peewee import Database

from mailtally.v1 import query_pb2
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.filter_codec import decode_filter
from mailtally_collector.query.event import Event
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import newest_line
from mailtally_collector.query.tail import Tail
from mailtally_collector.query_answers import Answers
from mailtally_collector.query_codec import encode_event, timestamp
from mailtally_collector.query_threads import QueryThreads

WALK_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0


async def export(
    threads: QueryThreads, answers: Answers, scope: Scope, asked: query_pb2.ExportEventsRequest
) -> AsyncIterator[query_pb2.ExportEventsResponse]:
    """Give all parts of an export."""
    part = await threads.run(answers.export_events, scope, asked)
    yield part
    while part.next_page_token:
        request = query_pb2.ExportEventsRequest(
            filter=asked.filter, page_token=part.next_page_token
        )
        part = await threads.run(answers.export_events, scope, request)
        yield part


class TailStream:
    """One caller's stream of new events; ends when ``stopping`` is set."""

    def __init__(
        self,
        database: Database,
        threads: QueryThreads,
        rules: CurrentRules,
        clock: Callable[[], int],
        stopping: asyncio.Event,
    ) -> None:
        self._database = database
        self._threads = threads
        self._rules = rules
        self._clock = clock
        self._stopping = stopping

    async def parts(
        self, scope: Scope, asked: query_pb2.TailEventsRequest
    ) -> AsyncIterator[query_pb2.TailEventsResponse]:
        """Give events as they come; the first part is empty and says that the tail has begun."""
        wanted = decode_filter(asked.filter)
        tail = await self._threads.run(Tail, self._database, scope, wanted, self._clock())
        beat = float("-inf")
        while not self._stopping.is_set():
            walk = tail.walk()
            while events := await self._threads.run(next, walk, None):
                yield await self._threads.run(self._part, scope, wanted.servers, events)
                beat = time.monotonic()
            if time.monotonic() - beat >= HEARTBEAT_SECONDS:
                yield await self._threads.run(self._part, scope, wanted.servers, [])
                beat = time.monotonic()
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(WALK_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _part(
        self, scope: Scope, servers: tuple[str, ...], events: list[Event]
    ) -> query_pb2.TailEventsResponse:
        return query_pb2.TailEventsResponse(
            events=[encode_event(event, self._rules.rules) for event in events],
            newest_line=timestamp(newest_line(self._database, scope, servers)),
        )
