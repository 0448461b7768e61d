"""``mailtally-agent canary`` with a real agent and collector: what was written comes, once."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict

from mailtally.v1 import query_pb2 as pb
from mailtally.v1 import record_pb2
from tests.e2e.processes import BIN, STARTED, Agent, Collector, bundled_log, ledger_by_state, run

WAIT = 60


def canary(agent: Agent, *options: str | Path) -> list[str]:
    """The command line; probes come fast."""
    command = ["canary", "--config", str(agent.write_config()), "--timeout", "20"]
    return [*command, *map(str, options)]


def start(agent: Agent, *options: str | Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [BIN / "mailtally-agent", *canary(agent, *options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    STARTED.append(process)  # type: ignore[arg-type]
    return process


@contextmanager
def following(collector: Collector, tmp_path: Path) -> Iterator[Agent]:
    """An agent that follows a log with the bundled mail in it, all of it stored."""
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.run_until_end()
    agent.start()
    yield agent
    assert agent.end() == 0


def figures(collector: Collector) -> dict[str, object]:
    """Everything that is counted, of all of the time: but for how far logs were read."""
    query = collector.query()
    asked = query.filter()
    asked.end.GetCurrentTime()
    asked.end.seconds += 86_400
    answers: list[object] = []
    for dimension in (
        *(pb.DIMENSION_SERVER, pb.DIMENSION_DOMAIN),
        *(pb.DIMENSION_MAILBOX, pb.DIMENSION_PROVIDER),
    ):
        by = query.stub.Breakdown(pb.BreakdownRequest(filter=asked, dimension=dimension))
        answers.append([MessageToDict(row) for row in by.rows])
    for directions in ((), record_pb2.Direction.values()):
        del asked.directions[:]
        asked.directions.extend(directions)
        summary = query.stub.Summary(pb.SummaryRequest(filter=asked, bucket=pb.BUCKET_DAY))
        top = query.stub.TopReasons(pb.TopReasonsRequest(filter=asked, limit=1_000))
        listed = query.stub.ListEvents(pb.ListEventsRequest(filter=asked, page_size=1_000))
        unknown = query.stub.ListUnknownReplies(pb.ListUnknownRepliesRequest(filter=asked))
        parts = query.stub.ExportEvents(pb.ExportEventsRequest(filter=asked))
        answers += [MessageToDict(summary.total), [MessageToDict(one) for one in summary.buckets]]
        answers += [[MessageToDict(one) for one in top.reasons], listed.events, unknown.replies]
        answers.append([event for part in parts for event in part.events])
    query.close()
    return {str(number): answer for number, answer in enumerate(answers)}


def test_lines_come_once_and_no_figure_changes(collector: Collector, tmp_path: Path) -> None:
    with following(collector, tmp_path) as agent:
        before = figures(collector)
        done = run(
            "mailtally-agent",
            *canary(agent, "--file", agent.log, "--count", "5", "--interval", "0.3", "--json"),
        )
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert [report[name] for name in ("probes", "lines", "seen")] == [5, 15, 15]
    assert not any(report[name] for name in ("lost", "doubled", "unanswered", "waiting"))
    latency = report["latency_seconds"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["max"] < 20
    assert figures(collector) == before
    query = collector.query()
    assert query.by_state() == ledger_by_state()
    request = pb.SummaryRequest(filter=pb.Filter(traffic_classes=[record_pb2.TRAFFIC_CLASS_CANARY]))
    assert query.stub.Summary(request).total.delivered == 5
    query.close()


def test_a_trace_shows_canaries_only_when_asked(collector: Collector, tmp_path: Path) -> None:
    with following(collector, tmp_path) as agent:
        done = run("mailtally-agent", *canary(agent, "--once", "--file", agent.log))
    assert done.returncode == 0, done.stderr
    first, *summary = done.stdout.splitlines()
    queue_id = first.split()[2]
    assert first.split()[3:6] == ["3", "lines", "after"]
    assert summary[:2] == [
        "1 probes, 3 lines",
        "3 seen, 0 lost, 0 doubled, 0 unanswered, 0 unwritten, 0 waiting",
    ]
    plain, asked = (
        run("mailtally", "trace", queue_id, "--collector", collector.address, *more)
        for more in ([], ["--canaries"])
    )
    assert f"no message with queue id {queue_id} is stored" in plain.stdout
    assert f"{queue_id} on mx1 (mailtally-canary)" in asked.stdout


def test_a_collector_that_is_away_in_between_loses_nothing(
    collector: Collector, tmp_path: Path
) -> None:
    """Longer than a line may take: while nobody answers, no time passes."""
    with following(collector, tmp_path) as agent:
        command = canary(agent, "--file", agent.log, "--count", "12", "--interval", "0.4", "--json")
        command[command.index("--timeout") + 1] = "8"
        process = subprocess.Popen(
            [BIN / "mailtally-agent", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        STARTED.append(process)  # type: ignore[arg-type]
        time.sleep(1.5)
        collector.end(signal.SIGKILL)
        time.sleep(4)
        collector.start()
        out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0, err
    report = json.loads(out)
    assert (report["seen"], report["lost"], report["doubled"]) == (36, 0, 0)
    assert report["latency_seconds"]["max"] > 2
    assert "(asked again until it answers)" in err.splitlines()[0]
    assert "answers again" in err


def test_lines_that_nobody_reads_are_lost(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.run_until_end()
    done = run(
        "mailtally-agent",
        *canary(agent, "--file", agent.log, "--once", "--timeout", "1", "--json"),
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["lost"], report["seen"]) == (1, 3, 0)
    (queue_id,) = report["lost_queue_ids"]
    assert done.stderr == (
        f"mailtally-agent canary: 3 of 3 lines of {queue_id} did not come:"
        " accepted, attempt, completed\n"
    )


def test_a_line_that_comes_twice_is_told(collector: Collector, tmp_path: Path) -> None:
    """Somebody logs the same a moment later: another line, so that it counts again."""
    with following(collector, tmp_path) as agent:
        process = start(agent, "--file", agent.log, "--count", "2", "--interval", "4", "--json")
        deadline = time.monotonic() + WAIT
        while not (lines := [x for x in agent.log.read_bytes().splitlines() if b"(canary)" in x]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with agent.log.open("ab") as log:
            log.write(lines[0].replace(b"[", b"[1") + b"\n")
        out, err = process.communicate(timeout=WAIT)
    report = json.loads(out)
    assert (process.returncode, report["doubled"], report["lost"]) == (1, 1, 0)
    assert "1 lines of " in err
    assert "came twice" in err


def test_a_collector_that_never_answers_is_a_finding(tmp_path: Path) -> None:
    agent = Agent(tmp_path, "127.0.0.1:1", tmp_path / "mail.log")
    agent.log.touch()
    done = run(
        "mailtally-agent",
        *canary(agent, "--file", agent.log, "--once", "--timeout", "1", "--json"),
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["unanswered"], report["lost"]) == (1, 3, 0)
    assert "collector 127.0.0.1:1: " in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_goes_on_until_it_is_interrupted(
    number: signal.Signals, collector: Collector, tmp_path: Path
) -> None:
    with following(collector, tmp_path) as agent:
        process = start(agent, "--file", agent.log, "--interval", "0.2")
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(3)]
        process.send_signal(number)
        out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, err) == (0, "")
    assert all(" 3 lines after " in line for line in first)
    assert "0 lost, 0 doubled" in out
    assert "latency p50" in out


def test_a_syslog_daemon_gets_lines_as_postfix_sends_them(
    collector: Collector, tmp_path: Path
) -> None:
    """What comes over the socket is written to the log by a daemon of three lines."""
    with following(collector, tmp_path) as agent:
        path = tmp_path / "dev-log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(str(path))
            daemon.settimeout(WAIT)
            process = start(agent, "--socket", path, "--once", "--json")
            messages = [daemon.recv(4_096) for _ in range(3)]
        with agent.log.open("ab") as log:
            for message in messages:
                assert message.startswith(b"<22>")
                log.write(message[4:20] + b"mx1 " + message[20:] + b"\n")
        out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0, err
    assert json.loads(out)["seen"] == 3


def test_where_nothing_can_be_written_is_said(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    for option in ("--file", "--socket"):
        done = run("mailtally-agent", *canary(agent, option, tmp_path / "none", "--once"))
        assert done.returncode == 1
        assert "lines cannot be written: " in done.stderr
        assert "3 unwritten" in done.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--interval", "0"),
        ("--count", "0"),
        ("--timeout", "x"),
        ("--once", "--count", "2"),
        ("--file", "a", "--socket", "b"),
    ],
)
def test_wrong_options_are_refused(wrong: tuple[str, ...], tmp_path: Path) -> None:
    agent = Agent(tmp_path, "127.0.0.1:1", tmp_path / "mail.log")
    assert run("mailtally-agent", *canary(agent, *wrong)).returncode == 2
    assert os.listdir(tmp_path) == ["mx1.toml"]
