"""Settings and requests to collect: what is asked for at one collector reaches agents at any."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc
import pytest

from mailtally.v1 import control_pb2 as pb
from mailtally.v1 import control_pb2_grpc, ingest_pb2, query_pb2
from mailtally_collector.durations import DAY_US
from mailtally_collector.query.progress import GRACE_US
from mailtally_collector.store.audit import delete_audit
from mailtally_collector.store.location import Location, location_of
from mailtally_collector.store.requests import delete_requests
from tests.conftest import TEMPLATE
from tests.integration.collector.conftest import collector
from tests.integration.collector.reports import story
from tests.integration.collector.tables import Tables
from tests.integration.collector.wire import Agent, agent_at, questions_to
from tests.postgres.server import PostgresServer

WAIT_SECONDS = 15
OFF, INTERVAL, CONTINUOUS = (
    ingest_pb2.COLLECTION_OFF,
    ingest_pb2.COLLECTION_INTERVAL,
    ingest_pb2.COLLECTION_CONTINUOUS,
)


@asynccontextmanager
async def orders_to(address: str) -> AsyncIterator["control_pb2_grpc.ControlServiceAsyncStub"]:
    """Open a channel to the control service."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = control_pb2_grpc.ControlServiceStub(channel)
        yield stub


async def settings_of(agent: Agent) -> tuple[int, int]:
    """How the agent is told to collect, next."""
    async with asyncio.timeout(WAIT_SECONDS):
        settings = (await agent.order()).settings
    return settings.collection, settings.interval_seconds


async def answer(agent: Agent, command_id: int, **what: Any) -> None:
    result = ingest_pb2.CommandResult(id=command_id, **what)
    await agent.call.write(ingest_pb2.ReportRequest(command_result=result))


async def states(call: Any) -> list[tuple[str, str, int]]:
    """Everything that an update tells, to its end: server, state, records."""
    told = []
    async with asyncio.timeout(WAIT_SECONDS):
        while (part := await call.read()) is not grpc.aio.EOF:
            told += [
                (one.server, pb.CollectState.Name(one.state).removeprefix("COLLECT_STATE_"), one)
                for one in part.servers
            ]
    return [(name, state, one.records) for name, state, one in told]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():  # noqa: ASYNC110 - made elsewhere
            await asyncio.sleep(0.05)


async def is_gone(query: Any, name: str) -> bool:
    servers = (await query.ListServers(query_pb2.ListServersRequest())).servers
    return not {server.name: server.connected for server in servers}[name]


async def test_settings_come_behind_the_welcome_and_when_they_change(location: Location) -> None:
    async with (
        collector(location) as address,
        agent_at(address) as agent,
        orders_to(address) as control,
    ):
        await agent.hello()
        assert await settings_of(agent) == (CONTINUOUS, 0)
        await control.UpdateSettings(pb.UpdateSettingsRequest(enabled=True, interval_seconds=7200))
        assert await settings_of(agent) == (INTERVAL, 7200)
        await control.UpdateSettings(pb.UpdateSettingsRequest(servers=["mx1"], enabled=False))
        assert await settings_of(agent) == (OFF, 0)
        answer = await control.GetSettings(pb.GetSettingsRequest())
        (mx1,) = answer.servers
        assert (mx1.own, mx1.settings.enabled, mx1.settings.interval_seconds) == (True, False, 7200)
        assert answer.fleet.revision < mx1.settings.revision
        await control.ClearSettings(pb.ClearSettingsRequest(servers=["mx1"]))
        assert await settings_of(agent) == (INTERVAL, 7200)
    async with collector(location) as address, agent_at(address) as agent:
        await agent.hello()
        assert await settings_of(agent) == (INTERVAL, 7200)


async def test_a_stream_of_old_logs_gets_no_orders_and_connects_nobody(address: str) -> None:
    async with (
        agent_at(address) as importer,
        orders_to(address) as control,
        questions_to(address) as query,
    ):
        await importer.hello(old_logs=True)
        assert (await importer.store(story())).stored == len(story())
        told = await states(control.CollectNow(pb.CollectNowRequest()))
        assert told[-1][:2] == ("mx1", "NOT_CONNECTED")
        await importer.store([])
        assert importer.orders == []
        (server,) = (await query.ListServers(query_pb2.ListServersRequest())).servers
        assert server.connected is False


async def test_an_update_ends_when_the_agent_says_that_all_is_stored(address: str) -> None:
    async with agent_at(address) as agent, orders_to(address) as control:
        await agent.hello()
        await agent.order()
        call: Any = control.CollectNow(pb.CollectNowRequest(servers=["mx1"]))
        command = (await agent.order()).command
        assert command.WhichOneof("kind") == "collect_now"
        await answer(agent, command.id, records_sent=3)
        first = await call.read()
        assert [one.state for one in first.servers] == [pb.COLLECT_STATE_WAITING]
        second = await call.read()
        assert [(one.state, one.records) for one in second.servers] == [
            (pb.COLLECT_STATE_READING, 3)
        ]
        await answer(agent, command.id, done=True, records_sent=5)
        assert await states(call) == [("mx1", "DONE", 5)]
        # What comes late, or for another server, changes nothing.
        await answer(agent, command.id, error="late")
        again = control.CollectNow(pb.CollectNowRequest())
        following = (await agent.order()).command
        async with agent_at(address) as other:
            await other.hello("mx2")
            await answer(other, following.id, done=True)
            await other.store([])
        await answer(agent, following.id, error="the log cannot be read: gone")
        assert (await states(again))[-1] == ("mx1", "FAILED", 0)


async def test_a_command_is_given_again_on_a_new_stream_until_it_is_done(address: str) -> None:
    async with orders_to(address) as control:
        async with agent_at(address) as agent:
            await agent.hello()
            await agent.order()
            call = control.CollectNow(pb.CollectNowRequest())
            first = (await agent.order()).command
        async with agent_at(address) as agent:
            await agent.hello()
            await agent.order()
            again = (await agent.order()).command
            assert again.id == first.id
            await answer(agent, again.id, done=True)
            assert (await states(call))[-1] == ("mx1", "DONE", 0)


async def test_who_is_not_connected_is_told_at_once_and_a_deadline_ends_the_rest(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailtally_collector.query.progress.GRACE_US", 0)
    async with (
        orders_to(address) as control,
        agent_at(address) as agent,
        questions_to(address) as query,
    ):
        async with agent_at(address) as gone:
            await gone.hello("mx0")
        await until(partial(is_gone, query, "mx0"))
        await agent.hello()
        told = await states(control.CollectNow(pb.CollectNowRequest(wait_seconds=1)))
    assert [state for name, state, _ in told if name == "mx0"] == ["NOT_CONNECTED"]
    assert [state for name, state, _ in told if name == "mx1"] == ["WAITING", "TIMED_OUT"]


@pytest.fixture
def shared(postgres: PostgresServer) -> Iterator[Location]:
    """A database that collectors can share."""
    uri = postgres.new_database(TEMPLATE)
    yield location_of(uri)
    postgres.drop(uri)


async def test_orders_pass_between_collectors_and_outlive_them(shared: Location) -> None:
    """What one collector is asked for reaches the agents of another, also when the first dies."""
    location = shared
    async with collector(location) as there, agent_at(there) as agent:
        await agent.hello()
        await agent.order()
        async with collector(location) as here, orders_to(here) as control:
            await control.UpdateSettings(pb.UpdateSettingsRequest(enabled=False))
            assert await settings_of(agent) == (OFF, 0)
            call = control.CollectNow(pb.CollectNowRequest())
            command = (await agent.order()).command
            await answer(agent, command.id, done=True, records_sent=1)
            assert (await states(call))[-1] == ("mx1", "DONE", 1)
            left = control.CollectNow(pb.CollectNowRequest())
            await left.read()
        assert (await agent.order()).command.HasField("collect_now")


@pytest.mark.parametrize(
    ("method", "request_", "words"),
    [
        ("UpdateSettings", pb.UpdateSettingsRequest(), "enabled, interval_seconds: neither"),
        ("UpdateSettings", pb.UpdateSettingsRequest(interval_seconds=3599), "interval_seconds: "),
        ("UpdateSettings", pb.UpdateSettingsRequest(interval_seconds=86_401), "every 24 h"),
        (
            "UpdateSettings",
            pb.UpdateSettingsRequest(servers=["mx9"], enabled=True),
            "servers: no server of the name mx9",
        ),
        ("ClearSettings", pb.ClearSettingsRequest(), "servers: "),
        ("GetSettings", pb.GetSettingsRequest(servers=["\0'"]), "servers: "),
        ("ListAudit", pb.ListAuditRequest(limit=1001), "limit is 1001"),
        ("ListAudit", pb.ListAuditRequest(page_token="9" * 30), "page_token: "),
    ],
)
async def test_what_cannot_be_is_refused_with_the_field(
    address: str, method: str, request_: Any, words: str
) -> None:
    async with orders_to(address) as control:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await getattr(control, method)(request_)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert words in (refused.value.details() or "")


async def test_an_update_of_nobody_ends_and_one_too_long_is_refused(address: str) -> None:
    async with orders_to(address) as control:
        assert await states(control.CollectNow(pb.CollectNowRequest())) == []
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await states(control.CollectNow(pb.CollectNowRequest(wait_seconds=3601)))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_the_audit_says_who_did_what_page_by_page(address: str) -> None:
    async with agent_at(address) as agent, orders_to(address) as control:
        await agent.hello()
        await control.UpdateSettings(pb.UpdateSettingsRequest(enabled=False, interval_seconds=3600))
        await control.UpdateSettings(pb.UpdateSettingsRequest(servers=["mx1"], enabled=True))
        await control.ClearSettings(pb.ClearSettingsRequest(servers=["mx1"]))
        call = control.CollectNow(pb.CollectNowRequest(wait_seconds=2))
        await call.read()
        call.cancel()
        entries, token = [], ""
        while True:
            page = await control.ListAudit(pb.ListAuditRequest(limit=3, page_token=token))
            entries += [(one.who, one.action, one.scope, one.detail) for one in page.entries]
            token = page.next_page_token
            if not token:
                break
    assert entries == [
        ("local", "collect-now", "fleet", "servers=1 wait_seconds=2"),
        ("local", "clear-settings", "mx1", ""),
        ("local", "update-settings", "mx1", "enabled=true"),
        ("local", "update-settings", "fleet", "enabled=false interval_seconds=3600"),
    ]


async def test_what_an_agent_tells_is_shown_and_bounded(address: str) -> None:
    hostile = b"\xff\x00\x1b[2J" + b"x" * 5_000
    status = ingest_pb2.AgentStatus(
        time_us=2**62,
        newest_line_us=2**62,
        oldest_line_us=1_790_000_000_000_000,
        settings_revision=2**64 - 1,
        next_collection_us=1_790_000_100_000_000,
        backlog_bytes=77,
        unparsed_samples=[ingest_pb2.UnparsedSample(daemon="smtp\0", line=hostile)] * 9,
        oldest_open_messages=[
            ingest_pb2.OpenMessage(instance="postfix", queue_id="4A" * 500, arrival_us=-1)
        ]
        * 50,
        sources=[ingest_pb2.SourceStatus(name="/var/log/mail.log", problem="gone " * 500)] * 99,
    )
    async with agent_at(address) as agent, questions_to(address) as query:
        await agent.hello()
        never = await query.GetServer(query_pb2.GetServerRequest(name="mx1"))
        assert (never.server.connected, never.HasField("reported")) == (True, False)
        await agent.call.write(ingest_pb2.ReportRequest(status=status))
        await agent.store([])
        told = await query.GetServer(query_pb2.GetServerRequest(name="mx1"))
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await query.GetServer(query_pb2.GetServerRequest(name="mx2"))
    assert unknown.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert told.HasField("reported")
    assert (told.oldest_line.seconds, told.next_collection.seconds) == (
        1_790_000_000,
        1_790_000_100,
    )
    assert (told.clock_skew_us, told.server.HasField("newest_line")) == (0, False)
    assert [(one.daemon, one.line) for one in told.unparsed_samples] == [
        ("smtp", hostile[:1_000])
    ] * 5
    assert len(told.oldest_open_messages) == 20
    assert len(told.oldest_open_messages[0].queue_id) == 255
    assert not told.oldest_open_messages[0].HasField("arrival")
    assert (len(told.sources), len(told.sources[0].problem)) == (64, 255)


async def test_the_skew_of_an_agents_clock_is_told(address: str) -> None:
    async with agent_at(address) as agent, questions_to(address) as query:
        await agent.hello()
        behind = await query.ListServers(query_pb2.ListServersRequest())
        now_us = behind.servers[0].last_seen.ToMicroseconds()
        status = ingest_pb2.AgentStatus(time_us=now_us - 3_600_000_000)
        await agent.call.write(ingest_pb2.ReportRequest(status=status))
        await agent.store([])
        told = await query.GetServer(query_pb2.GetServerRequest(name="mx1"))
    assert -3_660_000_000 < told.clock_skew_us <= -3_600_000_000


async def test_an_older_stream_that_ends_late_disconnects_nobody(shared: Location) -> None:
    """An agent that goes from one collector to another is connected, as the first one sees it."""
    async with (
        collector(shared) as here,
        collector(shared) as there,
        questions_to(here) as query,
        agent_at(there) as new,
    ):
        async with agent_at(here) as old:
            await old.hello()
            await new.hello()
        await asyncio.sleep(0.5)
        assert not await is_gone(query, "mx1")
        new.call.cancel()
        await until(partial(is_gone, query, "mx1"))


def test_old_requests_and_entries_are_deleted(tables: Tables) -> None:
    tables.database.connect(reuse_if_open=True)
    insert = "INSERT INTO audit (time_us, who, action, scope, detail) VALUES (?, 'a', 'b', 'c', '')"
    tables.sql.run_many(insert, [(DAY_US * day,) for day in range(5)])
    assert delete_audit(tables.sql, 3 * DAY_US) == 3
    assert tables.column("SELECT time_us FROM audit ORDER BY id") == [3 * DAY_US, 4 * DAY_US]
    tables.sql.run_many(
        "INSERT INTO collection_request (id, server_id, requested_us, until_us, state, records,"
        " error) VALUES (?, 1, 0, ?, 1, 0, '')",
        [(day, DAY_US * day) for day in range(5)],
    )
    delete_requests(tables.sql, 2 * DAY_US + GRACE_US)
    assert tables.column("SELECT id FROM collection_request ORDER BY id") == [3, 4]
