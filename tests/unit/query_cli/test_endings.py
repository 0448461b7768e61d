"""Exit codes, and how commands end that have nothing to say or nobody to say it to."""

import signal
import threading

import grpc
import pytest

from mailtally.v1 import query_pb2
from tests.unit.query_cli.canned import Canned, serving
from tests.unit.query_cli.running import run, run_process, start
from tests.unit.query_cli.samples import event, server

COMMANDS = (
    ["stats"],
    ["reasons"],
    ["events"],
    ["events", "--follow"],
    ["by", "provider"],
    ["export", "events"],
    ["trace", "X"],
    ["servers"],
    ["unknown"],
)
STREAMED = (["events", "--follow"], ["export", "events"])
ANSWERED = [command for command in COMMANDS if command not in STREAMED]
CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: 2,
    grpc.StatusCode.UNAVAILABLE: 3,
    grpc.StatusCode.DEADLINE_EXCEEDED: 3,
    grpc.StatusCode.PERMISSION_DENIED: 4,
    grpc.StatusCode.UNAUTHENTICATED: 4,
    grpc.StatusCode.UNIMPLEMENTED: 1,
    grpc.StatusCode.INTERNAL: 1,
}
USAGE_ERRORS = (
    "stats --range 7x",
    "stats --range 0h",
    "stats --range 9999999w",
    "stats --range 1h --from 2026-11-01",
    "stats --from yesterday",
    "stats --from 2026-11-02 --to 2026-11-01",
    "stats --from 0001-01-01T00:00+14:00 --time-zone America/New_York",
    "stats --time-zone Europe",
    "stats --time-zone ../../etc/passwd",
    "stats --bucket year",
    "stats --json --csv",
    "stats --state bouncing",
    "stats --ca-file /nonexistent",
    "events --limit 0",
    "events --follow --range 1h",
    "events --follow --all",
    "events --sort colour",
    "stats --code 1000",
    "by",
    "by colour",
    "by server --sort rate",
    "export",
    "export events --format xml",
    "export events -o /nonexistent/file",
    "trace",
    "no-such-command",
    "explain x --csv",
    "unknown --draft x",
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(("status", "code"), CODES.items(), ids=[status.name for status in CODES])
def test_a_status_of_the_collector_is_a_sentence_and_a_code(
    canned: Canned, command: list[str], status: grpc.StatusCode, code: int
) -> None:
    canned.status, canned.details = status, "because"

    ended = run(canned, *command)

    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("mailtally: ")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("line", USAGE_ERRORS)
def test_wrong_usage_exits_2_before_anything_is_asked(canned: Canned, line: str) -> None:
    ended = run(canned, *line.split())

    assert ended.code == 2
    assert "Error" in ended.err
    assert canned.asked == []


def test_nobody_listens() -> None:
    ended = run_process("127.0.0.1:1", "servers")

    assert ended.code == 3
    assert "the collector at 127.0.0.1:1 is unavailable" in ended.err
    assert "--collector" in ended.err
    assert "Traceback" not in ended.err


def test_no_answer_in_time(canned: Canned) -> None:
    canned.hold = threading.Event()

    ended = run(canned, "stats", "--timeout", "0.2")

    assert ended.code == 3
    assert "within 0.2 s" in ended.err


def test_ctrl_c_exits_130_without_a_traceback(canned: Canned) -> None:
    canned.hold = threading.Event()
    # A shell ignores the signal for what runs in its background, and children inherit that.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = start(canned.address, "stats")
    signal.signal(signal.SIGINT, inherited)
    assert canned.was_asked.wait(30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]], ids=" ".join)
def test_a_reader_that_leaves_ends_the_command_quietly(canned: Canned, form: list[str]) -> None:
    canned.events = [event() for _ in range(5000)]
    process = start(canned.address, "events", "--all", "-q", *form)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()

    assert (process.wait(60), err) == (0, b"")
    process.stderr.close()


def test_a_full_disk_is_a_sentence(canned: Canned) -> None:
    with open("/dev/full", "wb") as full:
        process = start(canned.address, "servers", "--json", stdout=full.fileno())
    _, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert err == b"mailtally: the answer could not be written: No space left on device\n"


@pytest.mark.parametrize("command", ANSWERED, ids=" ".join)
def test_without_any_agent_the_answer_says_so(command: list[str]) -> None:
    with serving(Canned()) as nothing:
        ended = run(nothing, *command)
        json = run(nothing, *command, "--json")
        csv = run(nothing, *command, "--csv", "-q")

    assert (ended.code, ended.out) == (0, "no agent has reported yet\n")
    assert (json.code, json.err) == (0, "no agent has reported yet\n")
    assert (csv.code, csv.err) == (0, "")
    assert len(csv.out.splitlines()) == 1


@pytest.mark.parametrize("command", ["stats", "reasons", "events"])
def test_without_mail_the_answer_names_range_and_filters(command: str) -> None:
    empty = Canned(servers=query_pb2.ListServersResponse(servers=[server()]))
    options = "--domain example.com --from 2026-11-01 --to 2026-11-02 --state bounced"
    with serving(empty):
        ended = run(empty, command, *options.split())

    assert ended.code == 0
    assert "from 2026-11-01 00:00:00+00:00 to 2026-11-02 00:00:00+00:00 (UTC)" in ended.out
    assert "domain example.com, state bounced" in ended.out
    assert "newest log line is of 2026-11-03 12:59:00+00:00" in ended.out


def test_an_unknown_server_is_named_beside_the_known_ones() -> None:
    empty = Canned(servers=query_pb2.ListServersResponse(servers=[server()]))
    with serving(empty):
        ended = run(empty, "stats", "--server", "mx9")

    assert ended.out == "no server of the name mx9 has reported; known are mx1\n"


def test_trace_of_an_unknown_message_says_what_was_looked_for() -> None:
    empty = Canned(servers=query_pb2.ListServersResponse(servers=[server()]))
    with serving(empty):
        ended = run(empty, "trace", "3F2A", "--recipient", "a@example.net")

    assert ended.out == "no message with queue id 3F2A, recipient a@example.net is stored\n"
