"""``mailtally settings``, ``update``, ``server`` and ``audit``: what they ask and show."""

import csv
import io
import json

import pytest

from mailtally.v1 import control_pb2, query_pb2
from tests.unit.query_cli.canned import Canned
from tests.unit.query_cli.running import run
from tests.unit.query_cli.samples import HOSTILE, as_string, at, server

BEFORE, MORE = "18", "17"
EVERY_6H = control_pb2.CollectionSettings(
    enabled=True, interval_seconds=21_600, revision=4, changed=at(3), changed_by="local"
)


def settings() -> control_pb2.GetSettingsResponse:
    own = control_pb2.CollectionSettings(enabled=False, interval_seconds=3_600, revision=5)
    return control_pb2.GetSettingsResponse(
        fleet=EVERY_6H,
        servers=[
            control_pb2.ServerSettings(server="mx1", settings=EVERY_6H, agent_revision=4),
            control_pb2.ServerSettings(server="mx2", settings=own, own=True, agent_revision=4),
        ],
    )


def test_settings_say_what_holds_for_whom_and_who_follows(canned: Canned) -> None:
    canned.settings = settings()
    for command in (["settings"], ["settings", "show"]):
        lines = run(canned, *command).out.splitlines()
        assert [line.split()[:5] for line in lines[1:]] == [
            ["fleet", "every", "6", "h", "fleet"],
            ["mx1", "every", "6", "h", "fleet"],
            ["mx2", "off", "server", "not", "yet"],
        ]
        assert lines[1].endswith("local")
        assert "follows" in lines[2]


def test_settings_as_json_and_csv(canned: Canned) -> None:
    canned.settings = settings()
    document = json.loads(run(canned, "settings", "--json", "--time-zone", "UTC").out)
    assert document["fleet"] == {
        "enabled": True,
        "interval_seconds": 21_600,
        "revision": 4,
        "changed": "2026-11-03T00:00:00+00:00",
        "changed_by": "local",
    }
    assert document["servers"][1]["changed"] is None
    rows = list(csv.DictReader(io.StringIO(run(canned, "settings", "show", "--csv").out)))
    assert [row["server"] for row in rows] == ["", "mx1", "mx2"]
    assert list(rows[1]) == list(document["servers"][0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--collection off", control_pb2.UpdateSettingsRequest(enabled=False)),
        (
            "--collection continuous --server mx1 --server mx2",
            control_pb2.UpdateSettingsRequest(
                servers=["mx1", "mx2"], enabled=True, interval_seconds=0
            ),
        ),
        (
            "--collection interval --every 90m",
            control_pb2.UpdateSettingsRequest(enabled=True, interval_seconds=5_400),
        ),
    ],
)
def test_what_is_set_reaches_the_collector(
    canned: Canned, options: str, expected: control_pb2.UpdateSettingsRequest
) -> None:
    """Off keeps the interval, for when collection is turned on again."""
    ended = run(canned, "settings", "set", *options.split())
    assert ended.code == 0, ended.err
    assert canned.asked == [expected]


def test_options_before_a_command_of_the_group_are_refused(canned: Canned) -> None:
    ended = run(canned, "settings", "--json", "show")
    assert ended.code == 2
    assert canned.asked == []


def progress(name: str, state: int, records: int = 0, error: str = "") -> bytes:
    return control_pb2.CollectProgress(
        server=name,
        state=control_pb2.CollectState.ValueType(state),
        records=records,
        backlog_bytes=2_048,
        error=error,
    ).SerializeToString()


def parts(*several: list[bytes]) -> list[control_pb2.CollectNowResponse]:
    return [
        control_pb2.CollectNowResponse(
            servers=[control_pb2.CollectProgress.FromString(one) for one in few]
        )
        for few in several
    ]


def test_an_update_tells_the_progress_and_then_the_result(canned: Canned) -> None:
    canned.collected = parts(
        [progress("mx2", 1), progress("mx1", 1)],
        [],
        [progress("mx1", 2, 7)],
        [progress("mx1", 2, 8)],
        [progress("mx1", 3, 9), progress("mx2", 3)],
    )
    ended = run(canned, "update", "--server", "mx1", "--server", "mx2", "--wait", "5")
    assert ended.code == 0
    assert canned.asked == [control_pb2.CollectNowRequest(servers=["mx1", "mx2"], wait_seconds=5)]
    assert ended.err.splitlines() == [
        "mx2: waiting for the agent",
        "mx1: waiting for the agent",
        "mx1: reading, 7 records, 2.0 KiB to go",
        "mx1: done, 9 records",
        "mx2: done, 0 records",
    ]
    assert [line.split() for line in ended.out.splitlines()[1:]] == [
        ["mx1", "9", "done"],
        ["mx2", "0", "done"],
    ]


@pytest.mark.parametrize(
    ("state", "words"),
    [(4, "not connected"), (5, "failed: \\x1b[2J"), (6, "not done in time"), (77, "unknown")],
)
def test_an_update_that_is_not_done_everywhere_is_exit_1(
    canned: Canned, state: int, words: str
) -> None:
    error = "\x1b[2J" if state == 5 else ""
    canned.collected = parts([progress("mx1", state, error=error), progress("mx2", 3)])
    ended = run(canned, "update")
    assert ended.code == 1
    assert words in ended.out
    document = run(canned, "update", "--json", "-q")
    assert (document.code, document.err) == (1, "")
    assert json.loads(document.out)["servers"][0]["error"] == error


def test_an_update_of_nobody_says_why(canned: Canned) -> None:
    ended = run(canned, "update")
    assert (ended.code, ended.out, ended.err) == (0, "", "no agent has reported yet\n")


def detail(text: bytes) -> query_pb2.GetServerResponse:
    name = as_string(text)
    told = query_pb2.GetServerResponse(
        server=server(text),
        settings_revision=2,
        agent_settings_revision=1,
        next_collection=at(3, 18),
        clock_skew_us=-7_500_000,
        reported=at(3, 13),
        unparsed_samples=[query_pb2.ServerSample(daemon=name, line=text)],
        oldest_open_messages=[
            query_pb2.ServerOpenMessage(instance=name, queue_id=name, arrival=at(1))
        ],
        sources=[query_pb2.ServerSource(name=name, backlog_bytes=5, problem=name)],
    )
    told.server.collection_enabled = True
    told.server.collection_interval_seconds = 21_600
    told.server.lag_seconds = 3_700
    return told


def test_a_server_is_told_with_all_that_its_agent_said(canned: Canned) -> None:
    canned.server = detail(b"mx1")
    lines = [" ".join(line.split()) for line in run(canned, "server", "mx1").out.splitlines()]
    assert "Collection every 6 h, which its agent does not follow yet" in lines
    assert "Clock 7 s behind" in lines
    assert "Lag 1 h 1 min" in lines
    assert "Next collection 2026-11-03 18:00:00+00:00" in lines
    document = json.loads(run(canned, "server", "mx1", "--json").out)
    assert document["clock_skew_seconds"] == -7.5
    assert document["oldest_open_messages"][0]["arrival"] == "2026-11-01T00:00:00+00:00"
    assert canned.asked[0] == query_pb2.GetServerRequest(name="mx1")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_wrote_is_escaped(canned: Canned, text: bytes) -> None:
    canned.server = detail(text)
    canned.audit = control_pb2.ListAuditResponse(
        entries=[control_pb2.AuditEntry(who=as_string(text), detail=as_string(text))]
    )
    canned.settings = control_pb2.GetSettingsResponse(
        servers=[control_pb2.ServerSettings(server=as_string(text))]
    )
    canned.collected = parts([progress(as_string(text), 5, error=as_string(text))])
    for command in (["server", "x"], ["audit"], ["settings"], ["update"]):
        for form in ([], ["--json"]):
            ended = run(canned, *command, *form)
            for written in (ended.out, ended.err):
                assert all(one.isprintable() or one == "\n" for one in written), command


def test_the_audit_is_listed_and_names_the_next_page(canned: Canned) -> None:
    assert run(canned, "audit").err == "nothing was changed or asked for yet\n"
    canned.audit = control_pb2.ListAuditResponse(
        entries=[
            control_pb2.AuditEntry(
                time=at(3), who="local", action="collect-now", scope="fleet", detail="servers=2"
            )
        ],
        next_page_token=MORE,
    )
    ended = run(canned, "audit", "--limit", "1", "--page-token", BEFORE)
    assert canned.asked[-1] == control_pb2.ListAuditRequest(limit=1, page_token=BEFORE)
    assert ended.out.splitlines()[1].split()[2:] == ["local", "collect-now", "fleet", "servers=2"]
    assert f"--page-token {MORE}" in ended.err
    document = json.loads(run(canned, "audit", "--json").out)
    assert document["next_page_token"] == MORE
    assert document["entries"][0]["scope"] == "fleet"
