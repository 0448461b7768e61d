"""Enrolment, and who may report as whom: by the certificate alone."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mailtally.v1 import enrollment_pb2, enrollment_pb2_grpc, ingest_pb2, query_pb2, query_pb2_grpc
from mailtally_agent.enroll import EnrolmentError, Token, enroll, parse_token
from mailtally_agent.identity import Identity, read_identity
from mailtally_collector.identity import admission, authority
from mailtally_collector.identity.admission import FRESH_SECONDS
from mailtally_collector.identity.authority import AuthorityError, open_authority
from mailtally_collector.ingest import IngestService
from mailtally_collector.refusal import StreamRefusedError
from mailtally_collector.store.identities import invite
from mailtally_collector.store.location import Location
from mailtally_collector.store.transact import transact_on
from mailtally_collector.streams import Streams
from tests.integration.collector.certified import Certified, certified, credentials_of
from tests.integration.collector.reports import story
from tests.integration.collector.tables import Tables
from tests.integration.collector.wire import Agent

AGENT = Path(sys.executable).parent / "mailtally-agent"
SECONDS = 20
# Revoked is revoked within a minute.
assert admission.CHECK_SECONDS + admission.FRESH_SECONDS < 30


@pytest.fixture
async def secured(
    location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Certified]:
    monkeypatch.setattr(admission, "CHECK_SECONDS", 0.5)
    async with certified(tmp_path, location) as collector:
        yield collector


@asynccontextmanager
async def reporting(address: str, identity: Identity) -> AsyncIterator[Agent]:
    """A stream with this identity's certificate."""
    async with grpc.aio.secure_channel(address, credentials_of(identity)) as channel:
        yield Agent(channel)


async def refused(agent: Agent, server: str) -> tuple[grpc.StatusCode, str]:
    """How a stream is refused that says to be this server."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await agent.hello(server)
    return error.value.code(), error.value.details() or ""


async def known_for_ever(agent: Agent) -> None:
    """Send known records: nothing is counted twice, under whichever name."""
    async with asyncio.timeout(SECONDS):
        while True:
            assert (await agent.store(story())).stored == 0
            await asyncio.sleep(0.05)


def servers(tables: Tables) -> dict[str, int]:
    """Records by server, as the rows say."""
    tables.database.connect(reuse_if_open=True)
    rows = tables.sql.run("SELECT name, records_stored FROM server ORDER BY name").fetchall()
    tables.database.close()
    return dict(rows)


async def test_a_token_makes_one_certificate_with_which_to_report(
    secured: Certified, tables: Tables
) -> None:
    token = parse_token(await secured.token("mx1.example.com"))
    identity = await asyncio.to_thread(enroll, token, "")
    async with reporting(secured.address, identity) as agent:
        await agent.hello(identity.server)
        assert (await agent.store(story())).stored == len(story())

    assert servers(tables) == {"mx1.example.com": len(story())}
    assert identity.collectors == (secured.address,)
    lifetime = timedelta(microseconds=identity.not_after_us - identity.not_before_us)
    assert lifetime == timedelta(days=90, minutes=10)
    with pytest.raises(EnrolmentError, match="was used already"):
        await asyncio.to_thread(enroll, token, "")
    listed = json.loads((await secured.agents("list", "--json")).stdout)["agents"]
    (row,) = listed
    der = ssl.PEM_cert_to_DER_cert(identity.certificate)
    assert row["certificate_sha256"] == sha256(der).hexdigest()
    assert (row["server"], row["state"]) == ("mx1.example.com", "good")


async def test_a_token_that_is_not_good_is_refused(secured: Certified, tables: Tables) -> None:
    good = parse_token(await secured.token("mx1"))
    wrong_secret = replace(good, secret=b"x" * 32)
    old = replace(good, secret=b"o" * 32)
    before_us = time.time_ns() // 1_000 - 1
    with tables.database.connection_context():
        transact_on(tables.database)(
            lambda sql: invite(sql, "mx9", sha256(old.secret).digest(), 0, before_us)
        )
    for token in (wrong_secret, old):
        with pytest.raises(EnrolmentError, match="agents invite NAME"):
            await asyncio.to_thread(enroll, token, "")
    with pytest.raises(EnrolmentError, match="somebody stands between"):
        await asyncio.to_thread(enroll, replace(good, pin=b"p" * 32), "")
    with pytest.raises(EnrolmentError, match="is for mx1, and this agent is configured as mx2"):
        await asyncio.to_thread(enroll, good, "mx2")
    with pytest.raises(EnrolmentError, match="cannot be reached"):
        await asyncio.to_thread(enroll, Token(good.pin, good.secret, ("localhost:1",)), "")
    assert (await asyncio.to_thread(enroll, good, "mx1")).server == "mx1"  # nothing used it up


async def test_the_secret_is_nowhere_in_the_database(secured: Certified, tables: Tables) -> None:
    token = parse_token(await secured.token("mx1"))
    with tables.database.connection_context():
        (row,) = tables.sql.run("SELECT * FROM invitation").fetchall()
    kept = [bytes(one) for one in row if isinstance(one, bytes | memoryview)]
    assert kept == [sha256(token.secret).digest()]


async def test_a_certificate_of_one_server_writes_no_row_for_another(
    secured: Certified, tables: Tables
) -> None:
    mine, other = await secured.enrolled("mx1"), await secured.enrolled("mx2")
    async with reporting(secured.address, mine) as agent:
        code, details = await refused(agent, "mx2")
    assert (code, details) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "the client certificate is for mx1, not for mx2",
    )
    assert servers(tables) == {}

    assert (await secured.agents("rename", "mx1", "mx3")).returncode == 0
    for name in ("mx2", "mx4"):
        async with reporting(secured.address, mine) as agent:
            assert (await refused(agent, name))[0] == grpc.StatusCode.PERMISSION_DENIED
    async with reporting(secured.address, mine) as agent:
        await agent.hello("mx1")  # what its certificate says still
        await agent.store(story())
    async with reporting(secured.address, other) as agent:
        assert (await refused(agent, "mx3"))[0] == grpc.StatusCode.PERMISSION_DENIED
    assert servers(tables) == {"mx3": len(story())}


async def test_a_revoked_certificate_ends_the_open_stream_and_opens_none(
    secured: Certified, tables: Tables
) -> None:
    identity = await secured.enrolled("mx1")
    async with reporting(secured.address, identity) as agent:
        await agent.hello("mx1")
        await agent.store(story())
        assert (await secured.agents("revoke", "mx1")).returncode == 0
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            async with asyncio.timeout(SECONDS):
                await agent.read()
    assert ended.value.code() == grpc.StatusCode.UNAUTHENTICATED
    details = ended.value.details() or ""
    assert details.startswith("the certificate of mx1 was revoked on ")
    assert "mailtally-collector agents invite mx1 on the collector" in details
    async with reporting(secured.address, identity) as agent:
        assert await refused(agent, "mx1") == (grpc.StatusCode.UNAUTHENTICATED, details)
    assert servers(tables) == {"mx1": len(story())}

    again = await secured.enrolled("mx1")
    async with reporting(secured.address, again) as agent:
        assert not (await agent.hello("mx1")).resync


async def test_a_certificate_that_ends_ends_the_open_stream(
    location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "CHECK_SECONDS", 0.2)
    async with certified(tmp_path, location, certificate_days=2.5 / 86_400) as secured:
        identity = await secured.enrolled("mx1")
        async with reporting(secured.address, identity) as agent:
            await agent.hello("mx1")
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                async with asyncio.timeout(SECONDS):
                    await agent.read()
        assert ended.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert (ended.value.details() or "").startswith("the certificate of mx1 ended on ")


async def test_a_certificate_that_the_database_forgot_is_refused(
    secured: Certified, tables: Tables
) -> None:
    identity = await secured.enrolled("mx1")
    with tables.database.connection_context():
        tables.sql.run("DELETE FROM agent_certificate")
    async with reporting(secured.address, identity) as agent:
        code, details = await refused(agent, "mx1")
    assert code == grpc.StatusCode.UNAUTHENTICATED
    assert "restored from an older backup" in details


async def test_a_renamed_server_keeps_its_rows_and_its_open_stream_goes_on(
    secured: Certified, tables: Tables
) -> None:
    identity = await secured.enrolled("mx1")
    async with reporting(secured.address, identity) as agent:
        await agent.hello("mx1")
        await agent.store(story())
        assert (await secured.agents("rename", "mx1", "mx2")).returncode == 0
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await known_for_ever(agent)
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    async with reporting(secured.address, identity) as agent:
        await agent.hello("mx1")
        assert (await agent.store(story())).known == len(story())
    assert servers(tables) == {"mx2": len(story())}

    taken = await secured.agents("rename", "mx2", "mx2")
    assert (taken.returncode, "another server already" in taken.stderr) == (1, True)
    unknown = await secured.agents("rename", "mx7", "mx8")
    assert (unknown.returncode, "agents list" in unknown.stderr) == (1, True)

    successor = await secured.enrolled("mx1")  # another host gets the old name
    async with reporting(secured.address, identity) as agent:  # whose certificate still says it
        await agent.hello("mx1")
        assert (await agent.store(story())).known == len(story())
    async with reporting(secured.address, successor) as agent:
        await agent.hello("mx1")
        assert (await agent.store(story())).stored == len(story())
    assert servers(tables) == {"mx1": len(story()), "mx2": len(story())}


async def test_an_agent_renews_its_certificate_by_itself_and_learns_its_name(
    location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, "EARLIER", timedelta(0))
    monkeypatch.setattr(admission, "CHECK_SECONDS", 0.2)
    lifetime = 6.0
    async with certified(tmp_path, location, certificate_days=lifetime / 86_400) as secured:
        first = await secured.enrolled("mx1")
        config = secured.agent_config(tmp_path, first)
        log = (tmp_path / "agent.log").open("wb")
        command: list[str | Path] = [AGENT, "run", "--config", config]
        process = subprocess.Popen(command, stderr=log)  # noqa: ASYNC220 - ends with the test
        log.close()
        try:
            await secured.agents("rename", "mx1", "mx2")
            end = time.monotonic() + 2.5 * lifetime
            seen = {first.certificate}
            while time.monotonic() < end:
                kept = read_identity(tmp_path / "state") or first
                seen.add(kept.certificate)
                await asyncio.sleep(0.1)
            assert kept.server == "mx2"
            assert len(seen) >= 3
            told = (tmp_path / "agent.log").read_text()
            assert process.poll() is None, told
            assert "ended on" not in told
            assert "server=mx2" in told
        finally:
            process.terminate()
            process.wait()


async def test_who_reports_does_not_ask_and_who_asks_does_not_report(secured: Certified) -> None:
    identity = await secured.enrolled("mx1")
    mine = credentials_of(identity)
    async with grpc.aio.secure_channel(secured.address, mine) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        query: Any = query_pb2_grpc.QueryServiceStub(channel)
        calls = (
            query.ListServers(query_pb2.ListServersRequest()),
            anext(aiter(query.TailEvents(query_pb2.TailEventsRequest()))),
        )
        for call in calls:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call
            assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
            assert "query.pem" in (error.value.details() or "")
    asks = secured.query_credentials()
    async with grpc.aio.secure_channel(secured.address, asks) as channel:
        query = query_pb2_grpc.QueryServiceStub(channel)
        assert not (await query.ListServers(query_pb2.ListServersRequest())).servers
        assert (await refused(Agent(channel), "mx1"))[0] == grpc.StatusCode.PERMISSION_DENIED
        renewal: Any = enrollment_pb2_grpc.RenewalServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await renewal.Renew(enrollment_pb2.RenewRequest(certificate_request=b""))
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_what_is_no_certificate_request_is_refused(secured: Certified) -> None:
    identity = await secured.enrolled("mx1")
    mine = credentials_of(identity)
    async with grpc.aio.secure_channel(secured.address, mine) as channel:
        renewal: Any = enrollment_pb2_grpc.RenewalServiceStub(channel)
        for request in (b"", b"\x30\x82", b"x" * 20_000):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await renewal.Renew(enrollment_pb2.RenewRequest(certificate_request=request))
            assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_the_newest_stream_of_a_server_wins(secured: Certified) -> None:
    identity = await secured.enrolled("mx1")
    async with (
        reporting(secured.address, identity) as old,
        reporting(secured.address, identity) as importing,
        reporting(secured.address, identity) as new,
    ):
        await old.hello("mx1")
        await importing.hello("mx1", old_logs=True)
        await old.store(story())
        await new.hello("mx1")
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await old.read()
        assert ended.value.code() == grpc.StatusCode.ABORTED
        assert "another agent reports as mx1 now" in (ended.value.details() or "")
        assert (await importing.store(story())).known == len(story())
        assert (await new.store(story())).known == len(story())


def test_who_opens_one_stream_after_another_waits_ever_longer() -> None:
    now = 1_000.0
    streams = Streams(lambda: now)
    assert [streams.wait_seconds(b"a") for _ in range(20)] == [0.0] * 20
    assert [streams.wait_seconds(b"a") for _ in range(8)] == [float(one) for one in range(1, 9)]
    with pytest.raises(StreamRefusedError, match="in use on several hosts"):
        streams.wait_seconds(b"a")
    assert streams.wait_seconds(b"b") == 0.0
    now += 9
    assert streams.wait_seconds(b"a") == 0.0
    now += 3_600
    assert [streams.wait_seconds(b"a") for _ in range(21)] == [0.0] * 20 + [1.0]


def test_the_key_of_the_authority_is_for_the_collector_alone(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    made = open_authority(folder)
    key = folder / "ca.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert open_authority(folder).pem == made.pem
    key.chmod(0o640)
    with pytest.raises(AuthorityError, match=f"chmod 0600 {key}"):
        open_authority(folder)
    key.chmod(0o600)
    (folder / "ca.pem").write_bytes(open_authority(tmp_path / "other").pem)
    with pytest.raises(AuthorityError, match="copy both"):
        open_authority(folder)
    (folder / "ca.pem").unlink()  # killed between the two files
    assert open_authority(folder).pem.startswith(b"-----BEGIN CERTIFICATE")


def test_an_authority_that_ends_signs_nothing_beyond_its_end(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    made = open_authority(tmp_path, now - timedelta(days=365 * authority.CA_YEARS - 1))
    credential = made.server_credential(["localhost"], now)
    (tmp_path / "leaf.pem").write_bytes(credential.certificate)
    shown = subprocess.run(
        ["openssl", "verify", "-CAfile", tmp_path / "ca.pem", tmp_path / "leaf.pem"],
        capture_output=True,
        check=True,
    )
    assert shown.stdout.endswith(b"OK\n")
    with pytest.raises(AuthorityError, match="the authority itself ended"):
        made.server_credential(["localhost"], now + timedelta(days=2))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_root_makes_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    open_authority(tmp_path / "ca")
    for path in (tmp_path / "ca", tmp_path / "ca" / "ca.key", tmp_path / "ca" / "ca.pem"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)


async def test_invite_refuses_what_cannot_be(secured: Certified, tmp_path: Path) -> None:
    for name in ("", "a b", "../x", "mx1\n", "é"):
        assert (await secured.agents("invite", name)).returncode == 2
    config = tmp_path / "plain.toml"
    config.write_text(f'[listen]\ninsecure = true\n[storage]\ndatabase = "{tmp_path}/x.db"\n')
    done = await Certified("", config).agents("invite", "mx1")
    assert (done.returncode, "agents need no certificate" in done.stderr) == (1, True)
    unknown = await secured.agents("revoke", "mx7")
    assert (unknown.returncode, "agents list" in unknown.stderr) == (1, True)


async def test_withdrawn_and_replaced_invitations_are_worth_nothing(secured: Certified) -> None:
    replaced = parse_token(await secured.token("mx1"))
    withdrawn = parse_token(await secured.token("mx1"))
    assert "invited" in (await secured.agents("list")).stdout
    assert (await secured.agents("revoke", "mx1")).returncode == 0
    for token in (replaced, withdrawn):
        with pytest.raises(EnrolmentError, match="was withdrawn"):
            await asyncio.to_thread(enroll, token, "")


async def test_a_batch_of_a_revoked_certificate_is_not_stored(
    secured: Certified, tables: Tables
) -> None:
    identity = await secured.enrolled("mx1")
    async with reporting(secured.address, identity) as agent:
        await agent.hello("mx1")
        assert (await secured.agents("revoke", "mx1")).returncode == 0
        await asyncio.sleep(FRESH_SECONDS)
        async with reporting(secured.address, identity) as other:  # lets the collector look
            assert (await refused(other, "mx1"))[0] == grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError):
            await agent.store(story())
    assert servers(tables) == {"mx1": 0}


async def test_a_status_keeps_its_stream_and_silence_ends_it(
    location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mailtally_collector.daemon.IngestService", partial(IngestService, idle_seconds=1.0)
    )
    async with certified(tmp_path, location) as secured:
        identity = await secured.enrolled("mx1")
        async with reporting(secured.address, identity) as agent:
            await agent.hello("mx1")
            for _ in range(4):
                await asyncio.sleep(0.5)
                await agent.call.write(ingest_pb2.ReportRequest())
            began = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await agent.read()
        assert time.monotonic() - began > 0.5
        assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
