"""Questions and orders over gRPC by token: who is who, who may what, and what the audit keeps."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner

from mailtally.v1 import control_pb2, control_pb2_grpc, ingest_pb2_grpc, query_pb2, query_pb2_grpc
from mailtally_collector.durations import DAY_US
from mailtally_collector.people import register
from mailtally_collector.people.secret import token_parts
from mailtally_collector.query_cli.app import app as query_app
from mailtally_collector.store.location import Location
from mailtally_collector.store.people import disable, person_named
from mailtally_collector.store.sign_ins import delete_ended, tokens_of
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.transact import Transact
from tests.integration.collector.conftest import collector
from tests.integration.collector.mixed_mail import mixed_mail
from tests.integration.collector.site import add_person, writing
from tests.integration.collector.tables import Tables

DENIED, UNKNOWN = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED
# Far ahead of every clock: tokens made then are good.
NOW_US = 4_000_000_000_000_000


def make_token(
    sql: Sql, name: str, *, role: str = "", domains: tuple[str, ...] = (), days: int = 1
) -> str:
    """Make a token of a person's own role, or another."""
    person = person_named(sql, name)
    assert person is not None
    return register.make_token(
        *(sql, NOW_US, person), name="t", role=role or person.role, domains=domains, days=days
    )


@pytest.fixture
def transact(location: Location) -> Iterator[Transact]:
    with writing(location) as opened:
        opened(lambda sql: add_person(sql, "ann", "admin"))
        opened(lambda sql: add_person(sql, "sue", "support"))
        opened(lambda sql: add_person(sql, "cat", "customer", ("one.example",)))
        yield opened


@asynccontextmanager
async def stubs(address: str) -> AsyncIterator[tuple[Any, Any]]:
    async with grpc.aio.insecure_channel(address) as channel:
        query: Any = query_pb2_grpc.QueryServiceStub(channel)
        control: Any = control_pb2_grpc.ControlServiceStub(channel)
        yield query, control


def bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")]


async def status(call: Any) -> grpc.StatusCode:
    try:
        await (call.read() if hasattr(call, "read") else call)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_each_role_may_what_it_may(location: Location, transact: Transact) -> None:
    tokens = {name: transact(partial(make_token, name=name)) for name in ("ann", "sue", "cat")}
    tokens["ann as support"] = transact(partial(make_token, name="ann", role="support"))
    pb = control_pb2
    async with collector(location) as address, stubs(address) as (query, control):
        calls: dict[str, Callable[[Any], Any]] = {
            "Summary": lambda m: query.Summary(query_pb2.SummaryRequest(), metadata=m),
            "ListJobs": lambda m: query.ListJobs(query_pb2.ListJobsRequest(), metadata=m),
            "GetRules": lambda m: query.GetRules(query_pb2.GetRulesRequest(), metadata=m),
            "GetSettings": lambda m: control.GetSettings(pb.GetSettingsRequest(), metadata=m),
            "CollectNow": lambda m: control.CollectNow(pb.CollectNowRequest(), metadata=m),
            "ListAudit": lambda m: control.ListAudit(pb.ListAuditRequest(), metadata=m),
            "UpdateSettings": lambda m: control.UpdateSettings(
                pb.UpdateSettingsRequest(enabled=True), metadata=m
            ),
            "ClearSettings": lambda m: control.ClearSettings(
                pb.ClearSettingsRequest(servers=["no"]), metadata=m
            ),
        }
        may: dict[str, set[str]] = {}
        for who, metadata in {"": [], **{n: bearer(t) for n, t in tokens.items()}}.items():
            may[who] = {
                name for name, call in calls.items() if await status(call(metadata)) != DENIED
            }
    staff = {"Summary", "ListJobs", "GetRules", "GetSettings", "CollectNow"}
    assert may == {
        "": set(calls),
        "ann": set(calls),
        "sue": staff,
        "ann as support": staff,
        "cat": {"Summary"},
    }
    rows = transact(
        lambda sql: sql.run("SELECT who, action FROM audit WHERE action <> 'x'").fetchall()
    )
    assert {("ann", "update-settings"), ("local", "update-settings"), ("sue", "collect-now")} <= {
        (who, action) for who, action in rows
    }
    changed_by = "SELECT changed_by FROM settings"
    assert transact(lambda sql: sql.run(changed_by).fetchone()[0]) == "ann"


async def test_what_is_no_good_token_is_refused_and_never_taken_for_none(
    location: Location, transact: Transact
) -> None:
    good = transact(lambda sql: make_token(sql, "cat"))
    ended = transact(lambda sql: make_token(sql, "cat"))
    transact(lambda sql: sql.run("UPDATE api_token SET expires_us = 5 WHERE id = 2"))
    disabled = transact(lambda sql: make_token(sql, "sue"))
    sue = transact(lambda sql: person_named(sql, "sue"))
    assert sue is not None
    transact(lambda sql: disable(sql, sue.id, 5))
    key, secret = token_parts(good) or ("", "")
    bad = [
        *(ended, disabled, "", "x", "mt__", f"mt_{key}_", f"mt_{key}_{secret[:-1]}"),
        *(f"mt_{'0' * 12}_{secret}", good + "x", good.upper()),
    ]
    async with collector(location) as address, stubs(address) as (query, control):

        async def asked(metadata: list[tuple[str, str]]) -> list[grpc.StatusCode]:
            return [
                await status(query.Summary(query_pb2.SummaryRequest(), metadata=metadata)),
                await status(query.TailEvents(query_pb2.TailEventsRequest(), metadata=metadata)),
                await status(
                    control.GetSettings(control_pb2.GetSettingsRequest(), metadata=metadata)
                ),
            ]

        ok = grpc.StatusCode.OK
        assert await asked([]) == [ok, ok, ok]
        assert await asked(bearer(good)) == [ok, ok, DENIED]
        for token in bad:
            assert await asked(bearer(token)) == [UNKNOWN] * 3, token
        assert await asked([("authorization", f"Basic {good}")]) == [UNKNOWN] * 3
        assert await asked([*bearer(good), *bearer(good)]) == [UNKNOWN] * 3
        transact(lambda sql: sql.run("DELETE FROM api_token WHERE key = ?", (key,)))
        assert await asked(bearer(good)) == [UNKNOWN] * 3


async def test_look_ups_of_people_stand_in_the_audit_and_the_use_of_tokens(
    location: Location, transact: Transact
) -> None:
    token = transact(lambda sql: make_token(sql, "cat"))
    asked = query_pb2.TraceMessageRequest(queue_id="4Q0001")
    async with collector(location) as address, stubs(address) as (query, _):
        await query.TraceMessage(asked)
        await query.TraceMessage(asked, metadata=bearer(token))
        call = query.ExportEvents(query_pb2.ExportEventsRequest(), metadata=bearer(token))
        await call.read()
    statement = "SELECT who, action, scope, detail FROM audit WHERE scope = 'messages' ORDER BY id"
    rows = transact(lambda sql: sql.run(statement).fetchall())
    assert [tuple(row[:3]) for row in rows] == [
        *(("cat", "trace-message", "messages"), ("cat", "export-events", "messages"))
    ]
    assert 'queue_id: "4Q0001"' in rows[0][3]
    cat = transact(lambda sql: person_named(sql, "cat"))
    assert cat is not None
    (row,) = transact(lambda sql: tokens_of(sql, cat.id))
    assert row.used_us > 0


def test_what_ended_is_deleted(transact: Transact) -> None:
    transact(lambda sql: make_token(sql, "cat"))
    transact(lambda sql: register.new_link(sql, register.By("x", 5), "cat"))
    transact(
        lambda sql: sql.run(
            "INSERT INTO web_session (key_hash, person_id, created_us, seen_us,"
            " expires_us) VALUES (?, 1, 1, 1, 1)",
            (b"x",),
        )
    )

    def counts() -> list[int]:
        tables = ("setup_link", "web_session", "api_token")
        parts = [f"(SELECT count(*) FROM {one})" for one in tables]  # noqa: S608
        return [*transact(lambda sql: sql.run("SELECT " + ", ".join(parts)).fetchone())]

    assert counts() == [1, 1, 1]
    transact(lambda sql: delete_ended(sql, NOW_US + 2 * DAY_US))
    assert counts() == [0, 0, 1]
    transact(lambda sql: delete_ended(sql, NOW_US + 40 * DAY_US))
    assert counts() == [0, 0, 0]


async def test_the_command_line_shows_a_token(
    location: Location, transact: Transact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = Tables(location)
    for sent in mixed_mail(seed=8, count=20):
        tables.store(sent.records, sent.server)
    tables.close()
    file = tmp_path / "token"
    file.write_text(transact(lambda sql: make_token(sql, "cat")) + "\n")
    async with collector(location) as address:

        async def ran(*arguments: str) -> Any:
            whole = [*arguments, "--collector", address]
            return await asyncio.to_thread(CliRunner().invoke, query_app, whole)

        span = ("--from", "2026-01-01", "--to", "2027-01-01")
        everything = await ran("by", "domain", "--csv", *span)
        assert "two.example" in everything.stdout
        mine = await ran("by", "domain", "--csv", *span, "--token-file", str(file))
        assert mine.exit_code == 0
        assert "two.example" not in mine.stdout
        assert "one.example" in mine.stdout
        refused = await ran("audit", "--token-file", str(file))
        assert (refused.exit_code, "this is for admin" in refused.stderr) == (4, True)
        monkeypatch.setenv("MAILTALLY_TOKEN", "mt_0_wrong")
        refused = await ran("events", "--follow")
        assert (refused.exit_code, "not known" in refused.stderr) == (4, True)
        monkeypatch.delenv("MAILTALLY_TOKEN")
        outside = await asyncio.to_thread(
            CliRunner().invoke,
            query_app,
            ["stats", "--collector", "192.0.2.1:1", "--token-file", str(file)],
        )
        assert (outside.exit_code, "goes over TLS" in outside.stderr) == (2, True)


async def test_at_the_port_for_tokens_nobody_passes_without_one(
    location: Location, transact: Transact, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = transact(partial(make_token, name="cat"))
    config = tmp_path / "collector.toml"
    config.write_text(
        f'[listen]\ntokens = "127.0.0.1:0"\n[identity]\nfolder = "{tmp_path / "ca"}"\n'
    )
    async with collector(location, config, insecure=None):
        (port,) = re.findall(r"people ask by token address=127\.0\.0\.1:(\d+)", caplog.text)
        authority = grpc.ssl_channel_credentials((tmp_path / "ca" / "ca.pem").read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{port}", authority) as channel:
            query: Any = query_pb2_grpc.QueryServiceStub(channel)
            ingest: Any = ingest_pb2_grpc.IngestServiceStub(channel)
            asked, tail = query_pb2.SummaryRequest(), query_pb2.TailEventsRequest()
            assert await status(query.Summary(asked)) is UNKNOWN
            assert await status(query.TailEvents(tail)) is UNKNOWN
            assert await status(query.Summary(asked, metadata=bearer("mt_0_x"))) is UNKNOWN
            good = bearer(token)
            assert await status(query.Summary(asked, metadata=good)) is grpc.StatusCode.OK
            assert await status(query.TailEvents(tail, metadata=good)) is grpc.StatusCode.OK
            reporting = ingest.Report(metadata=good)
            assert await status(reporting) is grpc.StatusCode.UNIMPLEMENTED
