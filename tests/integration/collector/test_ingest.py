"""The stream of an agent, over a real connection to a real database file."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from mailtally.v1 import ingest_pb2, query_pb2
from mailtally.v1 import record_pb2 as pb
from mailtally_collector.config import load_config
from mailtally_collector.daemon import serve
from mailtally_collector.ingest import IngestService
from mailtally_collector.store.database import open_for_writing
from mailtally_collector.store.dialect import sql_for, writing
from mailtally_collector.store.location import Location
from mailtally_collector.store.servers import TOKENS_KEPT
from tests.integration.collector.conftest import collector, port_in
from tests.integration.collector.reports import accepted, attempt, key, ref, story
from tests.integration.collector.wire import Agent, agent_at, questions_to, whole_story


async def test_a_batch_is_stored_and_acknowledged(address: str) -> None:
    async with agent_at(address) as agent, questions_to(address) as query:
        welcome = await agent.hello()
        assert (welcome.protocol, welcome.resync) == (1, False)
        assert (welcome.max_batch_records, welcome.max_batches_in_flight) == (1000, 8)
        acknowledgement = await agent.store(story())
        assert (acknowledgement.sequence, acknowledgement.stored) == (1, len(story()))
        assert len(acknowledgement.token) == 16
        answer = await query.Summary(query_pb2.SummaryRequest(filter=whole_story()))
        total = answer.total
        assert (total.sent, total.delivered, total.bounced, total.expired) == (4, 2, 1, 1)
        (server,) = (await query.ListServers(query_pb2.ListServersRequest())).servers
        assert (server.name, server.connected, server.records_stored) == ("mx1", True, 25)


async def test_eight_batches_under_way_are_acknowledged_in_order(address: str) -> None:
    async with agent_at(address) as agent:
        await agent.hello()
        for number in range(20):
            message = ref(f"4C{number}", number, number)
            await agent.send([accepted(message, number, 1000 + number)])
        sequences = [(await agent.read()).acknowledgement.sequence for _ in range(20)]
        assert sequences == list(range(1, 21))


async def test_poison_goes_to_quarantine_once_and_the_rest_is_stored(address: str) -> None:
    good = accepted(ref("4D", 0, 1), 0, 2)
    far = accepted(ref("4D", 0, 1), 0, 3)
    far.key.time_us = 2**63 - 1
    big = accepted(ref("4D", 0, 1), 0, 4)
    big.key.line_hash = 2**64 - 1
    nameless = accepted(ref("", 0, 1), 0, 5)
    early = accepted(ref("4D", 0, 1), 0, 6)
    early.message.arrival_us = 0
    poison = [pb.Record(), pb.Record(key=key(0, 9)), far, big, nameless, early]
    async with agent_at(address) as agent, questions_to(address) as query:
        await agent.hello()
        first = await agent.store([*poison, good])
        assert (first.stored, first.known, first.quarantined) == (1, 0, 6)
        again = await agent.store([*poison, good])
        assert (again.stored, again.known, again.quarantined) == (0, 1, 6)
        (server,) = (await query.ListServers(query_pb2.ListServersRequest())).servers
        assert (server.records_stored, server.records_quarantined) == (1, 6)


async def test_hostile_bytes_are_kept_and_nul_leaves_text_columns(address: str) -> None:
    message = ref("4E", 0, 1)
    record = attempt(
        message,
        1,
        2,
        pb.ATTEMPT_OUTCOME_BOUNCED,
        to=b"\xff\x00'\"@ex\xc3.net",
        text=b"\x00\xff 550 no",
    )
    record.attempt.status = "bou\0nced"
    async with agent_at(address) as agent, questions_to(address) as query:
        await agent.hello()
        assert (await agent.store([accepted(message, 0, 3), record])).stored == 2
        answer = await query.ListEvents(query_pb2.ListEventsRequest(filter=whole_story()))
        (event,) = answer.events
        assert event.recipient == b"\xff\x00'\"@ex\xc3.net"
        assert event.reply_text == b"\x00\xff 550 no"
        request = query_pb2.TraceMessageRequest(queue_id="4E")
        (traced,) = (await query.TraceMessage(request)).messages
        assert traced.deliveries[0].attempts[0].attempt.status == "bounced"


async def test_the_last_token_is_known_and_another_one_is_not(location: Location) -> None:
    database = location
    async with collector(database) as address, agent_at(address) as agent:
        await agent.hello()
        token = (await agent.store(story())).token
    async with collector(database) as address:
        for server, presented, resync in (
            ("mx1", token, False),
            ("mx1", b"x" * 16, True),
            ("mx2", token, True),
            ("mx1", b"", False),
        ):
            async with agent_at(address) as agent:
                assert (await agent.hello(server, token=presented)).resync is resync


@pytest.mark.parametrize("long_one", [False, True])
async def test_tokens_of_imports_and_of_the_follower_push_out_their_own_only(
    address: str, *, long_one: bool
) -> None:
    """However long the other goes on, each can go on where it was."""
    async with agent_at(address) as short, agent_at(address) as long:
        await short.hello(old_logs=not long_one)
        await long.hello(old_logs=long_one)
        token = (await short.store(story())).token
        first = (await long.store([])).token
        for _ in range(TOKENS_KEPT):
            last = (await long.store([])).token
    for presented, old_logs, resync in (
        (token, not long_one, False),
        (last, long_one, False),
        (first, long_one, True),
    ):
        async with agent_at(address) as agent:
            welcome = await agent.hello(token=presented, old_logs=old_logs)
            assert welcome.resync is resync


@pytest.mark.parametrize(
    ("server", "protocols", "code"),
    [
        ("", (1, 1), grpc.StatusCode.INVALID_ARGUMENT),
        ("x" * 254, (1, 1), grpc.StatusCode.INVALID_ARGUMENT),
        ("mx1", (2, 3), grpc.StatusCode.FAILED_PRECONDITION),
        ("mx1", (0, 0), grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
async def test_a_bad_hello_is_refused(
    address: str, server: str, protocols: tuple[int, int], code: grpc.StatusCode
) -> None:
    async with agent_at(address) as agent:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await agent.hello(server, protocols=protocols)
        assert refused.value.code() == code


async def test_the_first_message_must_be_hello(address: str) -> None:
    async with agent_at(address) as agent:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await agent.store(story())
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_batch_that_is_too_large_is_refused(address: str) -> None:
    async with agent_at(address) as agent:
        await agent.hello()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await agent.store([pb.Record()] * 5_001)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_status_updates_the_server(address: str) -> None:
    async with agent_at(address) as agent, questions_to(address) as query:
        await agent.hello()
        status = ingest_pb2.AgentStatus(newest_line_us=1_790_000_000_000_000, lines_read=7, gaps=2)
        await agent.call.write(ingest_pb2.ReportRequest(status=status))
        await agent.store([])
        (server,) = (await query.ListServers(query_pb2.ListServersRequest())).servers
        assert (server.lines_read, server.gaps) == (7, 2)
        assert server.newest_line.seconds == 1_790_000_000


async def test_two_servers_with_the_same_queue_ids_are_two_messages(address: str) -> None:
    async with agent_at(address) as one, agent_at(address) as two, questions_to(address) as query:
        await one.hello("mx1")
        await two.hello("mx2")
        assert (await one.store(story())).stored == len(story())
        assert (await two.store(story())).stored == len(story())
        both = await query.Summary(query_pb2.SummaryRequest(filter=whole_story()))
        asked = whole_story()
        asked.servers.append("mx2")
        second = await query.Summary(query_pb2.SummaryRequest(filter=asked))
        assert (both.total.sent, second.total.sent) == (8, 4)


async def test_a_locked_database_ends_the_stream_without_acknowledgement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailtally_collector.store.sqlite_file.BUSY_TIMEOUT_SECONDS", 0.2)
    database = tmp_path / "c.db"
    async with collector(database) as address:
        async with agent_at(address) as agent:
            await agent.hello()
            with closing(sqlite3.connect(database, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(grpc.aio.AioRpcError) as ended:
                    await agent.store(story())
                assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
                other.execute("ROLLBACK")
        async with agent_at(address) as agent:
            await agent.hello()
            assert (await agent.store(story())).stored == len(story())


async def test_a_stop_acknowledges_what_was_read_and_ends_the_streams(location: Location) -> None:
    async with collector(location) as address:
        channel = agent_at(address)
        agent = await channel.__aenter__()
        await agent.hello()
        assert (await agent.store(story())).stored == len(story())
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await agent.read()
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "stopping" in (ended.value.details() or "")
    await channel.__aexit__(None, None, None)


async def test_many_half_open_streams_do_not_stop_an_agent(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as idle:
        half_open = [Agent(idle) for _ in range(50)]
        async with asyncio.timeout(10), agent_at(address) as agent:
            await agent.hello()
            assert (await agent.store(story())).stored == len(story())
        for one in half_open:
            one.call.cancel()


async def test_a_stream_without_hello_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = partial(IngestService, hello_seconds=0.2)
    monkeypatch.setattr("mailtally_collector.daemon.IngestService", hasty)
    async with collector(tmp_path / "c.db") as address, agent_at(address) as agent:
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await agent.read()
        assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_health_is_served_always_and_reflection_when_asked_for(tmp_path: Path) -> None:
    for reflection in (False, True):
        stop, port_file = asyncio.Event(), tmp_path / f"port-{reflection}"
        file = tmp_path / "c.toml"
        file.write_text(f"[listen]\nreflection = {str(reflection).lower()}\n")
        database = str(tmp_path / "c.db")
        config = load_config(file, listen="127.0.0.1:0", database=database, insecure=True)
        task = asyncio.create_task(serve(config, stop, port_file))
        address = f"127.0.0.1:{await port_in(port_file)}"
        async with grpc.aio.insecure_channel(address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            for service in ("", "mailtally.v1.IngestService", "mailtally.v1.QueryService"):
                request = health_pb2.HealthCheckRequest(service=service)
                assert (
                    await health.Check(request)
                ).status == health_pb2.HealthCheckResponse.SERVING
            stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
            asked = reflection_pb2.ServerReflectionRequest(list_services="")
            call = stub.ServerReflectionInfo(iter([asked]))
            if reflection:
                listed = (await call.read()).list_services_response.service
                assert "mailtally.v1.QueryService" in {one.name for one in listed}
            else:
                assert await call.code() == grpc.StatusCode.UNIMPLEMENTED
        stop.set()
        await task


async def test_a_stream_ends_when_the_database_forgot_what_it_acknowledged(
    location: Location,
) -> None:
    """Another server may lead that never saw it; who has nothing to report hears of it too."""
    async with collector(location) as address, agent_at(address) as agent:
        await agent.hello()
        await agent.store(story())
        database = open_for_writing(location)
        with database.connection_context(), writing(database):
            sql_for(database).run("DELETE FROM ack_token")
        await agent.call.write(ingest_pb2.ReportRequest(status=ingest_pb2.AgentStatus()))
        with pytest.raises(grpc.aio.AioRpcError, match="went back in time") as ended:
            await agent.read()
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
