"""What commands say of gaps: ``mailtally gaps``, and one line beneath the figures they touch."""

import csv
import io
import json

import pytest

from mailtally.v1 import ingest_pb2, query_pb2
from tests.unit.query_cli.canned import Canned
from tests.unit.query_cli.running import Ended, run
from tests.unit.query_cli.samples import at

MISSING = "mx3: lines are missing between 2026-11-03 10:02:00 and 10:40:00 (log rotated away)"
COUNTING = (("stats",), ("reasons",), ("by", "server"), ("unknown",))
LISTING = (("events",), ("export", "events"))


def lost(server: str = "mx3") -> query_pb2.LogGap:
    return query_pb2.LogGap(
        server=server,
        start=at(3, 10, 2),
        end=at(3, 10, 40),
        cause=ingest_pb2.GAP_CAUSE_ROTATED_AWAY,
        certain=True,
        source="/var/log/mail.log",
        reported=at(3, 11),
    )


def touch(canned: Canned, *gaps: query_pb2.LogGap, total: int = 0) -> None:
    """Let gaps touch every answer."""
    covered = query_pb2.Coverage(
        hours_complete=22,
        hours_gap_known=1,
        hours_not_read=1,
        gaps=gaps,
        gaps_total=total or len(gaps),
        newest_line=at(3, 12),
    )
    canned.coverage = covered
    for answer in (canned.summary, canned.reasons, canned.breakdown, canned.unknown):
        answer.coverage.CopyFrom(covered)
    canned.traced.gaps.extend(gaps)


def ended(canned: Canned, *arguments: str) -> Ended:
    done = run(canned, *arguments, "--time-zone", "UTC")
    assert done.code == 0, done.err
    return done


@pytest.mark.parametrize("command", COUNTING)
def test_figures_that_a_gap_touches_say_so(canned: Canned, command: tuple[str, ...]) -> None:
    assert "missing" not in ended(canned, *command).out
    touch(canned, lost(), total=5)

    assert ended(canned, *command).out.splitlines()[-1] == f"{MISSING}; 4 more: mailtally gaps"
    table = ended(canned, *command, "--csv")
    assert (MISSING in table.out, MISSING in table.err) == (False, True)
    assert ended(canned, *command, "--csv", "--quiet").err == ""
    document = ended(canned, *command, "--json")
    assert json.loads(document.out)["coverage"] == {
        "hours_complete": 22,
        "hours_gap_known": 1,
        "hours_gap_suspected": 0,
        "hours_not_read": 1,
        "gaps": [
            {
                "server": "mx3",
                "start": "2026-11-03T10:02:00+00:00",
                "end": "2026-11-03T10:40:00+00:00",
                "cause": "rotated_away",
                "certain": True,
                "lost_lines": None,
                "source": "/var/log/mail.log",
                "reported": "2026-11-03T11:00:00+00:00",
            }
        ],
        "gaps_total": 5,
        "newest_line": "2026-11-03T12:00:00+00:00",
    }
    assert MISSING not in document.err


def test_lists_that_a_gap_touches_say_so(canned: Canned) -> None:
    touch(canned, lost())
    assert ended(canned, "events").out.splitlines()[-1] == MISSING
    assert MISSING in ended(canned, "events", "--json").err
    assert MISSING in ended(canned, "events", "--csv").err
    assert MISSING in run(canned, "export", "events").err
    assert MISSING not in run(canned, "export", "events", "--quiet").err
    assert ended(canned, "trace", "4A").out.splitlines()[-1] == MISSING
    assert json.loads(ended(canned, "trace", "4A", "--json").out)["gaps"][0]["server"] == "mx3"


def test_an_empty_answer_says_so_too(canned: Canned) -> None:
    """Nothing was seen, and not all was read."""
    canned.summary = query_pb2.SummaryResponse()
    touch(canned, lost())
    lines = ended(canned, "stats").out.splitlines()
    assert lines[0].startswith("no mail: ")
    assert lines[1] == MISSING


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda gap: gap.ClearField("start"), "lines are missing before 2026-11-03 10:40:00"),
        (lambda gap: gap.ClearField("end"), "lines are missing after 2026-11-03 10:02:00"),
        (lambda gap: gap.start.CopyFrom(gap.end), "lines are missing at 2026-11-03 10:40:00"),
        (lambda gap: gap.end.CopyFrom(at(4, 1)), "10:02:00 and 2026-11-04 01:00:00"),
        (lambda gap: setattr(gap, "certain", False), "lines may be missing between"),
        (lambda gap: setattr(gap, "lost_lines", 7), "mx3: 7 lines are missing between"),
        (lambda gap: setattr(gap, "cause", 77), "10:40:00 (cause not known)"),
    ],
)
def test_words_for_what_is_known(canned: Canned, change: object, words: str) -> None:
    gap = lost()
    assert callable(change)
    change(gap)
    touch(canned, gap)
    assert words in ended(canned, "stats").out.splitlines()[-1]


def test_gaps_are_listed(canned: Canned) -> None:
    suspected = query_pb2.LogGap(server="mx\x1b[2J", start=at(3, 9), lost_lines=12, source="=a()")
    hours = query_pb2.Coverage(hours_complete=700, hours_gap_known=1, hours_gap_suspected=2)
    canned.gaps = query_pb2.ListGapsResponse(gaps=[lost(), suspected], gaps_total=9, coverage=hours)
    done = ended(canned, "gaps", "--server", "mx3", "--range", "30d", "--limit", "2")
    lines = done.out.splitlines()
    assert lines[1].split() == [
        *("mx3", "2026-11-03", "10:02:00+00:00", "2026-11-03", "10:40:00+00:00"),
        *("missing", "-", "log", "rotated", "away", "/var/log/mail.log"),
    ]
    assert "mx\\x1b[2J" in lines[2]
    assert "maybe missing" in lines[2]
    assert lines[-1] == ("Hours by server: 700 complete, 1 gap known, 2 gap suspected, 0 not read")
    assert "2 of 9 gaps are shown" in done.err
    request = canned.asked[-1]
    assert isinstance(request, query_pb2.ListGapsRequest)
    assert (list(request.servers), request.limit) == (["mx3"], 2)
    assert request.HasField("start")
    assert not request.HasField("end")

    document = json.loads(ended(canned, "gaps", "--json").out)
    assert document["hours"]["hours_complete"] == 700
    assert [one["lost_lines"] for one in document["gaps"]] == [None, 12]
    rows = list(csv.DictReader(io.StringIO(ended(canned, "gaps", "--csv").out)))
    assert [row["source"] for row in rows] == ["/var/log/mail.log", "'=a()"]


def test_no_gap_says_why(canned: Canned) -> None:
    assert ended(canned, "gaps").out == "no gap was reported\n"
    assert "no server of the name mx9" in ended(canned, "gaps", "--server", "mx9").out
    assert ended(canned, "gaps", "--json").err == "no gap was reported\n"
    canned.servers = query_pb2.ListServersResponse()
    assert ended(canned, "gaps").out == "no agent has reported yet\n"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--range", "7x"),
        ("--from", "soon"),
        ("--to", "9999-12-31T23:59:59-12:00"),
        ("--range", "7d", "--from", "2026-11-01"),
        ("--range", "9999999w"),
        ("--limit", "0"),
    ],
)
def test_wrong_options_are_refused(canned: Canned, wrong: tuple[str, ...]) -> None:
    assert run(canned, "gaps", *wrong).code == 2


def test_servers_show_gaps(canned: Canned) -> None:
    server = canned.servers.servers[0]
    server.gaps_known, server.gaps_suspected = 2, 1
    server.oldest_line.CopyFrom(at(1))
    assert ended(canned, "servers").out.splitlines()[1].endswith("2 known, 1 suspected")
    (record,) = json.loads(ended(canned, "servers", "--json").out)["servers"]
    assert (record["gaps_known"], record["gaps_suspected"]) == (2, 1)
    assert record["oldest_line"] == "2026-11-01T00:00:00+00:00"
