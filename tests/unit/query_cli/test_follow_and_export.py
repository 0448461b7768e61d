"""Answers in parts: following new events, and exports that break off."""

import csv
import io
import json
import signal
import threading
from pathlib import Path

import grpc
import pytest

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli import export_events, follow
from tests.unit.query_cli.canned import Canned, serving
from tests.unit.query_cli.running import run, start
from tests.unit.query_cli.samples import HOSTILE, event, hostile, ordinary

MANY = 1_100


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Canned:
    monkeypatch.setattr(export_events, "PAUSE_SECONDS", 0.01)
    canned = ordinary()
    canned.events = [event() for _ in range(MANY)]
    for number, one in enumerate(canned.events):
        one.message = number
    return canned


def requests(canned: Canned) -> list[query_pb2.ExportEventsRequest]:
    return [one for one in canned.asked if isinstance(one, query_pb2.ExportEventsRequest)]


def test_follow_writes_each_event_as_it_comes(canned: Canned) -> None:
    told = run(canned, "events", "--follow", "--domain", "example.com", "--json")

    assert [json.loads(line)["queue_id"] for line in told.out.splitlines()] == ["3F2A1B0C9D"] * 2
    (asked,) = canned.asked
    assert isinstance(asked, query_pb2.TailEventsRequest)
    assert asked.filter.domain == "example.com"
    assert not asked.filter.HasField("start")
    assert not asked.filter.HasField("end")
    assert "end with Ctrl-C" in told.err

    text = run(canned, "events", "-f", "-q")
    assert text.err == ""
    assert len(text.out.splitlines()) == 2
    assert "alice@Example.com -> bob@gmail.com" in text.out
    rows = [*csv.DictReader(io.StringIO(run(canned, "events", "-f", "--csv").out))]
    assert [row["recipient"] for row in rows] == ["bob@gmail.com"] * 2


def test_a_silent_collector_ends_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "SILENCE_SECONDS", 0.3)
    canned = ordinary()
    canned.hold = threading.Event()
    with serving(canned):
        ended = run(canned, "events", "--follow")
    assert (ended.code, ended.out) == (3, "")
    assert "said nothing for 0.3 s" in ended.err


def test_ctrl_c_ends_what_follows() -> None:
    canned = ordinary()
    canned.hold = threading.Event()
    with serving(canned):
        process = start(canned.address, "events", "--follow")
        assert canned.was_asked.wait(30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_an_export_is_written_whole(many: Canned, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    with serving(many):
        ended = run(many, "export", "events", "-o", str(target), "--domain", "example.com")
        plain = run(many, "export", "events", "--format", "ndjson", "-q")
    assert (ended.code, ended.out) == (0, "")
    assert f"{MANY} events written to {target}" in ended.err
    with target.open(newline="", encoding="utf-8") as file:
        assert [int(row["message"]) for row in csv.DictReader(file)] == list(range(MANY))
    assert [*tmp_path.iterdir()] == [target]
    assert requests(many)[0].filter.domain == "example.com"
    assert [json.loads(line)["message"] for line in plain.out.splitlines()] == list(range(MANY))
    assert plain.err == ""


def test_an_export_goes_on_where_the_connection_broke(many: Canned) -> None:
    many.breaks_after = 2
    with serving(many):
        ended = run(many, "export", "events", "--format", "ndjson")
    assert ended.code == 0, ended.err
    assert [json.loads(line)["message"] for line in ended.out.splitlines()] == list(range(MANY))
    assert [one.page_token for one in requests(many)] == ["", "500"]


def test_what_was_interrupted_does_not_look_whole(many: Canned, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("from before")
    many.events[700].reply_text = b"x" * 4_000_000  # more than a client takes in one part
    many.events[700].relay.host = b"x" * 70_000_000
    with serving(many):
        ended = run(many, "export", "events", "-o", str(target))
    assert ended.code == 1
    assert "not complete; what came so far is in" in ended.err
    assert target.read_text() == "from before"
    rows = (tmp_path / "out.csv.part").read_text().splitlines()
    assert len(rows) == 501


def test_a_refused_export_leaves_no_file(tmp_path: Path) -> None:
    canned = ordinary()
    canned.status, canned.details = grpc.StatusCode.INVALID_ARGUMENT, "no such thing"
    with serving(canned):
        ended = run(canned, "export", "events", "-o", str(tmp_path / "out.csv"))
    assert ended.code == 2
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_exports_hold_text_as_text(form: str) -> None:
    canned = hostile()
    with serving(canned):
        ended = run(canned, "export", "events", "--format", form)
    lines = ended.out.replace("\r\n", "\n")
    assert {letter for letter in lines if not letter.isprintable() and letter != "\n"} == set()
    if form == "csv":
        for row in csv.DictReader(io.StringIO(ended.out)):
            assert not row["reply_text"].startswith(("=", "+", "-", "@"))
    assert len(ended.out.splitlines()) == len(HOSTILE) + (form == "csv")


def test_rows_of_a_breakdown_and_their_total(canned: Canned) -> None:
    text = run(canned, "by", "domain", "--sort", "failed", "--limit", "1")
    lines = [line.split() for line in text.out.splitlines()]
    assert lines[1] == ["example.com", *["10", "7", "2", "0", "1", "9", "22.2", "%", "50.0", "%"]]
    assert lines[2][:3] == ["Total", "20", "15"]
    assert "1 of 2 rows" in text.out
    (asked,) = canned.asked
    assert isinstance(asked, query_pb2.BreakdownRequest)
    assert (asked.dimension, asked.order, asked.limit) == (2, 10, 1)
    document = json.loads(run(canned, "by", "provider", "--json").out)
    assert document["rows"][0]["bounce_rate"] == pytest.approx(2 / 9)
    assert (document["by"], document["rows_total"], document["total"]["sent"]) == (
        "provider",
        2,
        20,
    )


def test_every_filter_reaches_the_collector(canned: Canned) -> None:
    options = (
        "--text unknown --queue-id 4Q --message-id <1@x> --recipient a@b.example"
        " --code 550 --code 0 --enhanced-status 5.1.1 --unknown"
        " --mail-filter proofpoint --provider google"
    )
    run(canned, "events", *options.split(), "--sort", "size", "--ascending")
    (asked,) = canned.asked
    assert isinstance(asked, query_pb2.ListEventsRequest)
    assert (asked.order, asked.ascending) == (query_pb2.EVENT_ORDER_SIZE, True)
    asked.filter.ClearField("start")
    asked.filter.ClearField("end")
    assert asked.filter == query_pb2.Filter(
        time_basis=query_pb2.TIME_BASIS_ACCEPTED,
        text="unknown",
        queue_id="4Q",
        message_id="<1@x>",
        recipient="a@b.example",
        reply_codes=[550, 0],
        enhanced_statuses=["5.1.1"],
        unknown_only=True,
        mail_filters=["proofpoint"],
        providers=["google"],
    )
