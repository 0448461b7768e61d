"""People who ask by token over gRPC get what they would get if there were no mail of others.

Oracle    For each set of domains a database that never held other mail. What may differ: numbers
          of messages, which all take part in, and how far servers were read.
How much  ISOLATION_EXAMPLES, each of them eight questions of one person; `make isolation` asks
          10,000.
"""

import asyncio
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtally.v1 import query_pb2 as pb
from mailtally.v1 import query_pb2_grpc
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.people.callers import Callers
from mailtally_collector.presence import Presence
from mailtally_collector.query.filters import Filter, QueryError
from mailtally_collector.query.scope import Scope
from mailtally_collector.query_answers import Answers
from mailtally_collector.query_codec import timestamp
from mailtally_collector.query_service import QueryService
from mailtally_collector.store.database import open_for_writing
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.transact import transact_on
from mailtally_collector.terms import CountOrder, Dimension, EventOrder
from tests.integration.collector.alone import ALL, SCOPES, Seen, databases_of
from tests.integration.collector.asked import filters
from tests.integration.collector.conftest import NewLocation
from tests.integration.collector.mixed_mail import DOMAINS
from tests.integration.collector.site import add_person
from tests.integration.collector.tables import NOW, Tables
from tests.integration.collector.test_callers import make_token

EXAMPLES = int(os.environ.get("ISOLATION_EXAMPLES", "25"))
# Of every domain that the mail has: a customer's form of an answer, and nothing hidden.
OWN = Scope.of(name.encode() for name in (*DOMAINS, "no.example"))
# What is of this database, or of its servers.
OURS = {"id", "message", "coverage", "newest_line", "next_page_token", "first_seen", "last_seen"}


@dataclass(frozen=True, slots=True)
class Asker:
    """A person's token, and what it may see."""

    token: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class World:
    """Where everybody asks, who there is, and answers where there is nobody else."""

    stub: Any
    askers: list[Asker]
    alone: dict[Seen, Answers]


def people(sql: Sql) -> list[Asker]:
    """For each set of domains: a customer of these, and two who see more, by a narrow token."""
    add_person(sql, "all", "customer", DOMAINS)
    add_person(sql, "sue", "support")
    askers = []
    for number, seen in enumerate(SCOPES):
        add_person(sql, f"c{number}", "customer", seen)
        askers.append(Asker(make_token(sql, f"c{number}"), seen))
        if seen:
            token = make_token(sql, "sue", role="customer", domains=seen)
            askers.append(Asker(token, seen))
            mine = tuple(name for name in seen if name in DOMAINS)
            askers.append(Asker(make_token(sql, "all", domains=seen), mine))
    return askers


class Serving:
    """A query service in a loop of its own."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._database = open_for_writing(tables.location)
        self._lock = threading.Lock()
        self._stop: Callable[[], object] = lambda: None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.address = ""

    def __enter__(self) -> str:
        self._thread.start()
        self._ready.wait()
        return self.address

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._thread.join()

    def transact(self, work: Callable[[Sql], Any], /) -> Any:
        with self._lock, self._database.connection_context():
            return transact_on(self._database)(work)

    async def _serve(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(stop.set)
        callers = Callers(self._tables.reader, self.transact, lambda: NOW)
        rules = CurrentRules(None)
        service = QueryService(
            *(self._tables.location, Presence(), lambda: NOW, rules), callers=callers
        )
        server = grpc.aio.server()
        query_pb2_grpc.add_QueryServiceServicer_to_server(service, server)
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        self._ready.set()
        await stop.wait()
        await server.stop(1)
        callers.close()
        service.close()


@pytest.fixture(scope="module")
def world(new_location: NewLocation) -> Iterator[World]:
    with databases_of(new_location) as opened:
        serving = Serving(opened[ALL])
        askers = serving.transact(people)
        alone = {
            seen: Answers(tables.reader, CurrentRules(None), lambda: NOW)
            for seen, tables in opened.items()
        }
        with serving as address, grpc.insecure_channel(address) as channel:
            yield World(query_pb2_grpc.QueryServiceStub(channel), askers, alone)


def encoded(asked: Filter) -> pb.Filter:
    """The filter on the wire."""
    made = pb.Filter(
        start=timestamp(asked.start_us or 0),
        end=timestamp(asked.end_us or 0),
        time_basis=pb.TimeBasis.ValueType(int(asked.basis)),
    )
    for field in fields(Filter):
        value = getattr(asked, field.name)
        if field.name in {"start_us", "end_us", "basis"} or not value:
            continue
        if isinstance(value, tuple):
            getattr(made, field.name).extend(value)
        else:
            if isinstance(value, str):
                value = value.encode("utf-8", "ignore").decode()
            setattr(made, field.name, value)
    return made


def comparable(message: Message) -> str:
    """What a message tells, but for what is of this database."""
    copy = type(message)()
    copy.CopyFrom(message)
    _clear(copy)
    return str(copy)


def _clear(message: Message) -> None:
    for field, value in message.ListFields():
        if field.name in OURS:
            message.ClearField(field.name)
        elif field.message_type is not None:
            for one in value if field.is_repeated else [value]:
                _clear(one)


class Questions:
    """One person's questions, here and where there is nobody else."""

    def __init__(self, world: World, asker: Asker) -> None:
        self._stub = world.stub
        self._metadata = [("authorization", f"Bearer {asker.token}")]
        self._alone = world.alone[asker.seen]

    def same(self, method: str, answer: str, asked: Message, rows: str = "") -> None:
        """Compare answers, or what they say instead; lists named ``rows`` in no order."""
        here, there = self.here(method, asked), self._there(answer, asked)
        if rows and not isinstance(here, str) and not isinstance(there, str):
            assert sorted(map(comparable, getattr(here, rows))) == sorted(
                map(comparable, getattr(there, rows))
            ), method
            here.ClearField(rows)
            there.ClearField(rows)
        assert _told(here) == _told(there), method

    def here(self, method: str, asked: Message) -> Any:
        """Ask over the wire: the answer, or why there is none."""
        try:
            return getattr(self._stub, method)(asked, metadata=self._metadata, timeout=60)
        except grpc.RpcError as error:
            return _refusal(error)

    def pages(self, asked: pb.ListEventsRequest) -> tuple[list[str], str]:
        """All events, page by page, and a token on the way."""
        found: list[str] = []
        kept = ""
        for _ in range(500):
            page = self.here("ListEvents", asked)
            if isinstance(page, str):
                return [page], ""
            found += map(comparable, page.events)
            if not page.next_page_token:
                return sorted(found), kept
            kept = asked.page_token = page.next_page_token
        raise AssertionError("no end")

    def pages_alone(self, asked: pb.ListEventsRequest) -> list[str]:
        """The same where there is nobody else."""
        found: list[str] = []
        while True:
            page = self._there("list_events", asked)
            if isinstance(page, str):
                return [page]
            found += map(comparable, page.events)
            if not page.next_page_token:
                return sorted(found)
            asked.page_token = page.next_page_token

    def exported(self, asked: pb.ExportEventsRequest) -> list[str]:
        """All events of an export."""
        call = self._stub.ExportEvents(asked, metadata=self._metadata, timeout=60)
        try:
            return sorted(comparable(event) for part in call for event in part.events)
        except grpc.RpcError as error:
            return [_refusal(error)]

    def _there(self, answer: str, asked: Message) -> Any:
        try:
            return getattr(self._alone, answer)(OWN, asked)
        except QueryError as error:
            return str(error)


def _refusal(error: grpc.RpcError) -> str:
    assert isinstance(error, grpc.Call)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    return str(error.details())


def _told(answer: Any) -> str:
    return answer if isinstance(answer, str) else comparable(answer)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=filters(), number=st.integers(0, 10_000), seed=st.integers(0, 2**32))
def test_nothing_of_others_is_told_to_anybody(
    world: World, asked: Filter, number: int, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    asker = world.askers[number % len(world.askers)]
    mine, wanted = Questions(world, asker), encoded(asked)
    bucket = pb.Bucket.ValueType(chance.choice(pb.Bucket.values()))
    mine.same("Summary", "summary", pb.SummaryRequest(filter=wanted, bucket=bucket))
    limit = chance.randrange(1, 30)
    mine.same("TopReasons", "top_reasons", pb.TopReasonsRequest(filter=wanted, limit=limit))
    by = pb.BreakdownRequest(
        filter=wanted,
        dimension=pb.Dimension.ValueType(int(chance.choice(list(Dimension)))),
        order=pb.CountOrder.ValueType(int(chance.choice(list(CountOrder)))),
        limit=limit,
    )
    mine.same("Breakdown", "breakdown", by)
    unknown = pb.ListUnknownRepliesRequest(filter=wanted, limit=1_000)
    mine.same("ListUnknownReplies", "unknown_replies", unknown, "replies")
    sought = chance.choice(
        [
            {"queue_id": f"4Q{chance.randrange(60):04}"},
            {"recipient": f"r{chance.randrange(7)}@gmail.com"},
            {"message_id": f"4Q{chance.randrange(60):04}@example.com"},
        ]
    )
    trace = pb.TraceMessageRequest(limit=200)
    for name, value in sought.items():
        setattr(trace, name, value)
    mine.same("TraceMessage", "trace", trace, "messages")
    servers = mine.here("ListServers", pb.ListServersRequest()).servers
    alone = world.alone[asker.seen].servers(OWN, frozenset())
    assert [one.name for one in servers] == [one.name for one in alone.servers]
    listing = pb.ListEventsRequest(
        filter=wanted,
        page_size=chance.randrange(1, 30),
        order=pb.EventOrder.ValueType(int(chance.choice(list(EventOrder)))),
        ascending=chance.random() < 0.5,
    )
    paged = pb.ListEventsRequest()
    paged.CopyFrom(listing)
    events, token = mine.pages(paged)
    paged.CopyFrom(listing)
    assert events == mine.pages_alone(paged)
    assert mine.exported(pb.ExportEventsRequest(filter=wanted)) == events
    other = chance.choice([one for one in world.askers if one.seen != asker.seen])
    if token:
        listing.page_token = token
        assert "caller" in Questions(world, other).here("ListEvents", listing)
