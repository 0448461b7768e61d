"""``mailtally-agent`` as an operator meets it: errors with what to do, never a traceback."""

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.corpus.bundled import BUNDLED
from tests.e2e.processes import (
    BIN,
    Agent,
    Collector,
    bundled_log,
    date_like_bundled,
    ledger_by_state,
    run,
)

ROOT = Path(__file__).resolve().parents[2]


def parse(content: bytes, *options: str) -> tuple[list[dict[str, object]], str]:
    """Records and standard error of ``parse``."""
    done = subprocess.run(
        [BIN / "mailtally-agent", "parse", *options],
        input=content,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('servr = "a"', ":1: servr: no such setting; did you mean server?"),
        ("[source]\nlogg = 'x'", ":2: source.logg: no such setting; did you mean source.log?"),
        ("[ship]\n\nbatch_records = 0", ":3: ship.batch_records: expected a whole number from 1"),
        (
            "[collector]\naddress = 7",
            ":2: collector.address: expected text in quotes or a list of texts, got 7",
        ),
        ('[source]\ntime_zone = "Mars"', ":2: source.time_zone: no such time zone: 'Mars'"),
        ("[source]\nlog = []", ":2: source.log: names no log, and source.journal is false"),
        ('[source]\nlog = ["a", "b", "a"]', ":2: source.log: names a log twice: a"),
        ("[source]\nlog = [1]", ":2: source.log: expected text in quotes or a list of texts"),
        (
            '[source]\njournal = "yes"',
            ":2: source.journal: expected true, false or a list of texts",
        ),
        ("[source]\njournal = []", ":2: source.journal: names no unit; true reads whatever is"),
        ('[source]\njournal = ["postfix"]', ":2: source.journal: expected names of units like"),
        ('[source]\nsince = "soon"', ':2: source.since: expected "beginning" or a date'),
        ('[log]\nlevel = "loud"', ":2: log.level: expected one of debug, info, warning, error"),
        (
            '[direction]\ninternal_next_hops = ["1.2.3"]',
            ":2: direction.internal_next_hops: expected",
        ),
        (
            '[collector]\naddress = "stats.example:8790"\ninsecure = true',
            ":2: collector.address: stats.example",
        ),
        ('[collector.tls]\nca_file = "x"', ":1: collector.tls.certificate_file: missing"),
        ("server = ", ":1: "),
    ],
)
def test_bad_configuration_names_file_line_and_key(text: str, problem: str, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(text + "\n")

    done = run("mailtally-agent", "run", "--config", str(config))

    assert done.returncode == 78
    assert f"{config}{problem}" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_problems_of_a_configuration_are_told_at_once(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text('servr = "a"\n[ship]\nbatch_records = "b"\nbatches_in_flight = 0\n')

    done = run("mailtally-agent", "check", "--config", str(config))

    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 3


def test_missing_configuration(tmp_path: Path) -> None:
    done = run("mailtally-agent", "run", "--config", str(tmp_path / "no.toml"))

    assert (done.returncode, done.stderr) == (
        78,
        f"{tmp_path / 'no.toml'}: No such file or directory\n",
    )


def test_parse_counts_what_it_cannot_read() -> None:
    delivery = b"Mar  1 10:00:00 mx1 postfix/smtp[7]: A1B2C3D4: to=<a\xff@b>, relay=none, delay=0,"
    good = delivery + b" delays=0/0/0/0, dsn=5.4.4, status=bounced (no \xf0\x28 such host)"

    records, counts = parse(b"\n".join([good, b"\xfe\xff", delivery, b"x" * 10_000_000, good]))

    assert [record["recipient"] for record in records] == ["a\\xff@b", "a\\xff@b"]
    assert "lines=4 unparsed=2 oversize=1" in counts
    assert "unparsed smtp=1" in counts


def test_parse_of_nothing() -> None:
    assert parse(b"") == ([], "lines=0 unparsed=0 oversize=0 open_messages=0\n")


def test_parse_takes_year_and_zone() -> None:
    line = BUNDLED.log.read_bytes().partition(b"status=sent")[0].rpartition(b"\n")[2]
    delivery = b"Mar  1 10:00:00" + line[15:] + b"status=sent (250 ok)\n"

    (record,), _ = parse(delivery, "--year", "2024", "--tz", "Europe/Berlin")

    assert record["time"] == "2024-03-01T09:00:00.000000+00:00"


def test_parse_tells_attempts_and_ends_with_the_documented_fields() -> None:
    document = (ROOT / "docs" / "records.md").read_text()
    documented = set(re.findall(r"`([a-z_]+)`", document))

    records, _ = parse(BUNDLED.log.read_bytes())

    assert {record["kind"] for record in records} == {"attempt", "message_end"}
    for record in records:
        assert set(record) <= documented
    assert {1, 2} <= {record.get("attempt") for record in records}


def test_summary_counts_what_the_records_say() -> None:
    content = BUNDLED.log.read_bytes()
    records, _ = parse(content)
    attempts = [record for record in records if record["kind"] == "attempt"]

    done = subprocess.run(
        [BIN / "mailtally-agent", "parse", "--summary"],
        input=content,
        capture_output=True,
        check=True,
        timeout=60,
    )

    summary = json.loads(done.stdout)
    assert summary["attempts"] == len(attempts)
    for name in ("status", "direction", "traffic_class"):
        assert summary[name] == dict(sorted(Counter(one[name] for one in attempts).items()))
    assert summary["lines"] == content.count(b"\n")
    assert summary["unparsed"] == 0


@pytest.mark.parametrize("options", [["parse"], ["parse", "--summary"], ["audit", "/dev/stdin"]])
def test_log_that_names_no_daemon_is_refused_with_the_fix(options: list[str]) -> None:
    line = "<22>1 2026-11-23T20:42:58Z mx1 postfix 8803 - - A1B2C3: removed\n"

    done = subprocess.run(
        [BIN / "mailtally-agent", *options],
        input=line,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "which Postfix daemon wrote it; set your syslog daemon" in done.stderr
    if "--summary" in options:
        assert "set your syslog daemon" in json.loads(done.stdout)["problem"]


def test_parse_refuses_an_unknown_zone() -> None:
    done = run("mailtally-agent", "parse", "--time-zone", "Mars")

    assert done.returncode == 2
    assert "Mars" in done.stderr


def test_parse_into_a_closed_pipe_is_quiet() -> None:
    command = f"{BIN}/mailtally-agent parse < {BUNDLED.log} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60
    )

    assert "Traceback" not in done.stderr


def test_check_says_what_to_do(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.run_until_end()
    good = run("mailtally-agent", "check", "--config", str(agent.config))
    assert good.returncode == 0, good.stdout
    assert good.stdout.count("ok ") == 4

    collector.end()
    agent.log.write_text("<22>1 2026-11-23T20:42:58Z vm postfix 8803 - -  A1B2C3D4: removed\n")
    bad = run("mailtally-agent", "check", "--config", str(agent.config))

    assert bad.returncode == 1
    assert "BAD log" in bad.stdout
    assert "RSYSLOG_FileFormat" in bad.stdout
    assert f"BAD collector: collector {collector.address}" in bad.stdout
    assert "is it running" in bad.stdout


def test_several_logs_are_reported_and_one_that_is_missing_is_said(
    collector: Collector, tmp_path: Path
) -> None:
    lines = BUNDLED.log.read_bytes().splitlines(keepends=True)
    agent = Agent(tmp_path, collector.address, tmp_path / "one.log")
    config = agent.write_config()
    logs = [tmp_path / name for name in ("one.log", "two.log", "three.log")]
    config.write_text(
        config.read_text().replace(json.dumps(str(logs[0])), json.dumps([*map(str, logs)]))
    )
    # A log of another instance, which has all lines of its own.
    logs[0].write_bytes(b"".join(lines))
    logs[1].write_bytes(b"".join(line.replace(b" postfix/", b" postfix-two/") for line in lines))
    for log in logs[:2]:
        date_like_bundled(log)

    done = run("mailtally-agent", "run", "--config", str(config), "--until-end")

    assert done.returncode == 1
    assert f"no such log: '{logs[2]}'" in done.stderr
    assert "Traceback" not in done.stderr
    query = collector.query()
    assert query.by_state() == {state: 2 * count for state, count in ledger_by_state().items()}
    query.close()
    status = json.loads((agent.state / "status.json").read_text())
    assert [bool(log["problem"]) for log in status["logs"]] == [False, False, True]
    checked = run("mailtally-agent", "check", "--config", str(config))
    assert re.findall(r"(?m)^(ok |BAD) log (\S+?):?(?: |$)", checked.stdout) == [
        ("ok ", str(logs[0])),
        ("ok ", str(logs[1])),
        ("BAD", str(logs[2])),
    ]


def test_missing_log_is_said(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, tmp_path / "no.log")
    with pytest.raises(AssertionError, match="no such log"):
        agent.run_until_end()
    checked = run("mailtally-agent", "check", "--config", str(agent.config))

    assert checked.returncode == 1
    assert "set source.log" in checked.stdout


def test_agent_waits_for_its_collector_and_reports_when_it_comes(tmp_path: Path) -> None:
    collector = Collector(tmp_path)
    collector.start()
    collector.end()
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.start()
    deadline = time.monotonic() + 20
    while not agent.output.exists() or "is it running" not in agent.output.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    status = run("mailtally-agent", "status", "--config", str(agent.config), "--json")
    assert status.returncode == 1
    assert json.loads(status.stdout)["connected"] is False

    collector.start()
    query = collector.query()
    while query.by_state() != ledger_by_state():
        assert time.monotonic() < deadline + 20, agent.output.read_text()
        time.sleep(0.1)
    assert agent.end() == 0
    query.close()
    collector.end()
    assert "Traceback" not in agent.output.read_text()


def test_status_before_the_first_run(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(f"state_dir = {json.dumps(str(tmp_path / 'state'))}\n")

    done = run("mailtally-agent", "status", "--config", str(config))

    assert done.returncode == 1
    assert "no agent has run with this configuration" in done.stderr


def test_damaged_checkpoint_is_reported_and_the_log_read_again(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.run_until_end()
    checkpoint = agent.state / "checkpoint.json"
    content = checkpoint.read_text()
    for damaged in (content[: len(content) // 2], "", "[]", content.replace('"open"', '"opem"')):
        checkpoint.write_text(damaged)
        agent.run_until_end()

    query = collector.query()
    assert ledger_by_state() == query.by_state()
    query.close()


def test_state_is_for_the_agent_alone(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.run_until_end()

    assert agent.state.stat().st_mode & 0o777 == 0o700
    assert (agent.state / "checkpoint.json").stat().st_mode & 0o777 == 0o600


def test_interrupted_agent_leaves_quietly(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.start()
    time.sleep(1)

    assert agent.end(signal.SIGINT) == 0
    assert "Traceback" not in agent.output.read_text()


def test_only_what_arrived_since_a_date_is_reported(collector: Collector, tmp_path: Path) -> None:
    later = BUNDLED.ledger["ended"]
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.settings.append(f'since = "{later}"')
    agent.run_until_end()
    query = collector.query()

    assert query.by_state() == {}
    assert os.path.exists(agent.state / "checkpoint.json")
    query.close()


def test_audit_of_the_bundled_log_and_of_a_part(tmp_path: Path) -> None:
    whole = run("mailtally-agent", "audit", str(BUNDLED.log))
    assert whole.returncode == 0
    assert "0 messages do not balance, 0 lines unparsed" in whole.stdout

    part = tmp_path / "mail.log"
    part.write_bytes(BUNDLED.log.read_bytes()[200_000:])
    cut = run("mailtally-agent", "audit", str(part), "--limit", "1")
    assert cut.returncode == 1
    assert "it began before this log" in cut.stdout
    assert cut.stdout.splitlines()[-1].endswith(" more")

    missing = run("mailtally-agent", "audit", str(tmp_path / "no.log"))
    assert missing.returncode == 1
    assert "No such file or directory" in missing.stderr
    assert "Traceback" not in missing.stderr
