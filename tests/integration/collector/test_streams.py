"""New events as they are stored, and exports, over the wire and at their edges."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain
from typing import Any

import grpc
import pytest

from mailtally.v1 import query_pb2
from mailtally.v1 import record_pb2 as pb
from mailtally_collector import query_service, query_streams
from mailtally_collector.query import tail as tail_module
from mailtally_collector.query.event import Event
from mailtally_collector.query.filters import Filter, QueryError
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.tail import Tail
from mailtally_collector.store.location import Location
from tests.integration.collector.conftest import collector
from tests.integration.collector.mixed_mail import mixed_mail
from tests.integration.collector.reports import SECOND, T0, accepted, attempt, changed, ref, story
from tests.integration.collector.tables import EVERYTHING, Tables
from tests.integration.collector.wire import agent_at, questions_to, whole_story

LATE = T0 + 86_400 * SECOND
DEFERRED, BOUNCED = pb.ATTEMPT_OUTCOME_DEFERRED, pb.ATTEMPT_OUTCOME_BOUNCED


def failure(at: float, line: int, outcome: Any = BOUNCED, **what: Any) -> list[pb.Record]:
    """One message with a failing try."""
    message = ref(f"4T{line:05}", at, line)
    return [accepted(message, at, line + 1), attempt(message, at + 1, line + 2, outcome, **what)]


def new(tail: Tail) -> list[str]:
    return [event.queue_id for event in chain.from_iterable(tail.walk())]


def test_each_event_is_shown_once_when_it_is_stored(tables: Tables) -> None:
    tables.store(failure(0, 100))
    tail = Tail(tables.reader, EVERYTHING, Filter(), T0)
    assert new(tail) == []
    tables.store(failure(10, 200))
    assert new(tail) == ["4T00200"]
    assert new(tail) == []
    tables.store(failure(5, 300))  # its line is older than one that was stored before
    tables.store(failure(10, 400))
    assert new(tail) == ["4T00300", "4T00400"]
    tables.store(failure(10, 400))
    assert new(tail) == []


def test_a_new_try_and_a_new_state_are_new_events(tables: Tables) -> None:
    tail = Tail(tables.reader, EVERYTHING, Filter(), T0)
    message = ref("4T1", 0, 1)
    tables.store([accepted(message, 0, 2), attempt(message, 1, 3, DEFERRED)])
    assert new(tail) == ["4T1"]
    tables.store([attempt(message, 30, 4, DEFERRED)])
    assert new(tail) == ["4T1"]
    tables.store([changed(message, 31, 5, pb.MESSAGE_CHANGE_EXPIRED)])
    assert new(tail) == ["4T1"]
    assert new(tail) == []


def test_an_agent_that_was_away_brings_all_that_it_missed(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However old, in pages, while another server is up to date; and nothing is shown twice."""
    monkeypatch.setattr(tail_module, "PAGE", 3)
    tables.store(failure(0, 100), "mx1", now_us=LATE)
    tables.store(failure(86_000, 200), "mx2", now_us=LATE)
    tail = Tail(tables.reader, EVERYTHING, Filter(), LATE)
    missed = [record for at in range(20) for record in failure(100 + at * 600, 1_000 + at * 10)]
    for first in range(0, len(missed), 7):
        tables.store(missed[first : first + 7], "mx1", now_us=LATE)
        tables.store(failure(86_001 + first, 5_000 + 10 * first), "mx2", now_us=LATE)
    seen = new(tail)
    assert sorted(seen) == sorted(set(seen))
    assert len([one for one in seen if one < "4T05000"]) == 20
    assert new(tail) == []


def test_what_is_far_behind_its_server_is_not_new(tables: Tables) -> None:
    tables.store(failure(3_000, 100))
    tail = Tail(tables.reader, EVERYTHING, Filter(), T0)
    tables.store(failure(3_000 - 119, 200) + failure(3_000 - 130, 300))
    assert new(tail) == ["4T00200"]


def test_a_server_that_is_new_shows_what_is_new(tables: Tables) -> None:
    tables.store([], "mx8")
    tail = Tail(tables.reader, EVERYTHING, Filter(), T0)
    for server in ("mx8", "mx9"):
        tables.store(failure(-3_600, 100) + failure(2, 200), server)
    assert new(tail) == ["4T00200"] * 2


def test_filter_and_scope_hold_for_new_events(tables: Tables) -> None:
    scope = Scope.of([b"other.example"])
    mine = Tail(tables.reader, scope, Filter(), T0)
    nothing = Tail(tables.reader, Scope.of([]), Filter(), T0)
    soft = Tail(tables.reader, EVERYTHING, Filter(text="QUOTA", servers=("mx1",)), T0)
    message = ref("4MINE", 1, 9)
    tables.store(
        [
            *failure(0, 100),
            accepted(message, 1, 10, sender=b"a@Other.example"),
            attempt(message, 2, 11, BOUNCED, text=b"552 over quota"),
        ]
    )
    tables.store(failure(0, 500, text=b"552 over quota"), "mx2")
    assert (new(mine), new(nothing), new(soft)) == (["4MINE"], [], ["4MINE"])


def test_what_cannot_be_followed_is_refused(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(QueryError, match="no range"):
        Tail(tables.reader, EVERYTHING, Filter(start_us=1), T0)
    tail = Tail(tables.reader, EVERYTHING, Filter(), T0)
    monkeypatch.setattr(tail_module, "REMEMBERED_MAX", 2)
    for at in range(3):
        tables.store(failure(at, 100 * (at + 1)))
    with pytest.raises(QueryError, match="too many to follow"):
        new(tail)


def test_random_batches_are_shown_in_full_and_once(tables: Tables) -> None:
    """What was shown last of each recipient is what the table says at the end."""
    tail = Tail(tables.reader, EVERYTHING, Filter(), T0)
    records = sorted(
        (
            (record.key.time_us, sent.server, record)
            for sent in mixed_mail(seed=11, count=150)
            for record in sent.records
        ),
        key=lambda one: one[:2],
    )
    shown: dict[tuple[int, int], list[Event]] = {}
    for first in range(0, len(records), 9):
        for server in ("mx1", "mx2"):
            batch = [record for _, of, record in records[first : first + 9] if of == server]
            tables.store(batch, server, now_us=LATE)
        for event in chain.from_iterable(tail.walk()):
            shown.setdefault((event.message_id, event.number), []).append(event)
    everything = Filter(start_us=T0 - SECOND, end_us=LATE)
    events = [event for event in tables.events(everything) if not event.is_untried]
    assert len(events) > 40
    for event in events:
        key = (event.message_id, event.number)
        tries = [(one.last_try_us, one.state) for one in shown[key]]
        assert tries[-1] == (event.last_try_us, event.state) or event.state == 4
        assert len(tries) == len(set(tries))


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_streams, "WALK_SECONDS", 0.05)
    monkeypatch.setattr(query_streams, "HEARTBEAT_SECONDS", 0.2)


@asynccontextmanager
async def following(address: str, asked: query_pb2.Filter) -> AsyncIterator[Any]:
    async with questions_to(address) as query:
        call: Any = query.TailEvents(query_pb2.TailEventsRequest(filter=asked))
        first = await call.read()
        assert not first.events
        yield call
        call.cancel()


async def ended_by(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def next_events(call: Any) -> list[query_pb2.Event]:
    async with asyncio.timeout(10):
        while True:
            part = await call.read()
            if part.events:
                return list(part.events)


@pytest.mark.usefixtures("fast")
async def test_callers_are_told_of_new_events_and_that_the_stream_lives(address: str) -> None:
    async with agent_at(address) as agent:
        await agent.hello()
        await agent.store(failure(-1, 9_000))
        async with following(address, query_pb2.Filter()) as call:
            await agent.store(story())
            events = await next_events(call)
            async with asyncio.timeout(10):
                assert not (await call.read()).events
                assert (await call.read()).newest_line.seconds == T0 // SECOND + 501
    assert {event.queue_id for event in events} == {"4AAAA2", "4AAAA3"}
    assert {event.verdict.reason for event in events} == {"recipient.user_unknown"}


@pytest.mark.usefixtures("fast")
async def test_a_collector_that_stops_says_so(location: Location) -> None:
    async with AsyncExitStack() as channel:
        async with collector(location) as address:
            query: Any = await channel.enter_async_context(questions_to(address))
            call = query.TailEvents(query_pb2.TailEventsRequest())
            await call.read()
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 4
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await ended_by(call)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    assert ended.value.details() == "the collector stops; ask again"


@pytest.mark.usefixtures("fast")
async def test_streams_are_not_more_than_are_served(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(query_service.STREAMS_MAX, "tails", 1)
    async with following(address, query_pb2.Filter()):
        async with questions_to(address) as query:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await query.TailEvents(query_pb2.TailEventsRequest()).read()
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    async with asyncio.timeout(10):
        while True:
            try:
                async with following(address, query_pb2.Filter()):
                    break
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.05)


async def test_a_range_is_refused_in_words(address: str) -> None:
    async with questions_to(address) as query:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await query.TailEvents(query_pb2.TailEventsRequest(filter=whole_story())).read()
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "no range" in (refused.value.details() or "")


async def test_an_export_comes_in_parts_and_can_be_taken_up_again(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailtally_collector.query_answers.CHUNK", 7)
    async with agent_at(address) as agent, questions_to(address) as query:
        await agent.hello()
        await agent.store([record for at in range(30) for record in failure(at, 100 * (at + 1))])
        request = query_pb2.ExportEventsRequest(filter=whole_story())
        parts = [part async for part in query.ExportEvents(request)]
        assert [len(part.events) for part in parts] == [7, 7, 7, 7, 2]
        assert [part.total for part in parts] == [30, 0, 0, 0, 0]
        assert len({event.message for part in parts for event in part.events}) == 30
        request.page_token = parts[2].next_page_token
        again = [part async for part in query.ExportEvents(request)]
        assert again == parts[3:]
        request.filter.domain = "example.com"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            [part async for part in query.ExportEvents(request)]
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_breakdown_and_new_fields_over_the_wire(address: str) -> None:
    async with agent_at(address) as agent, questions_to(address) as query:
        await agent.hello()
        await agent.store(story())
        answer = await query.Breakdown(
            query_pb2.BreakdownRequest(filter=whole_story(), dimension=query_pb2.DIMENSION_MAILBOX)
        )
        assert [(row.name, row.counts.sent) for row in answer.rows] == [
            (b"shop@example.com", 3),
            (b"news@example.com", 1),
        ]
        assert (answer.total.sent, answer.rows_total) == (4, 2)
        assert answer.bounce_rate == pytest.approx(0.5)
        assert answer.rows[0].share == pytest.approx(0.75)
        later = whole_story()
        later.start.FromMicroseconds(T0 + 15 * SECOND)
        later.end.FromMicroseconds(T0 + 30 * SECOND)
        top = await query.TopReasons(query_pb2.TopReasonsRequest(filter=later))
        assert (top.total, top.total_before) == (1, 1)
        assert [(one.count, one.count_before) for one in top.reasons] == [(1, 1)]
        assert top.before_start.ToMicroseconds() == T0
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await query.Breakdown(query_pb2.BreakdownRequest(filter=whole_story()))
        assert "name what to count by" in (refused.value.details() or "")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await query.ListEvents(query_pb2.ListEventsRequest(page_size=2**32 - 1))
        assert "at most 1000" in (refused.value.details() or "")
