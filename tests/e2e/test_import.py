"""Old logs imported: the same figures as following them gave, whatever happens on the way."""

import bz2
import gzip
import json
import lzma
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from mailtally.v1 import query_pb2 as pb
from tests.corpus.bundled import BUNDLED
from tests.e2e.processes import (
    BIN,
    Agent,
    Collector,
    Query,
    bundled_log,
    date_like_bundled,
    ledger_by_state,
    run,
)

ROOT = Path(__file__).resolve().parents[2]
LOG = BUNDLED.log.read_bytes()
PACK: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("", bytes),
    (".gz", lambda content: gzip.compress(content, mtime=0)),
    (".bz2", bz2.compress),
    (".xz", lzma.compress),
)
# Few records at a time, so that an import takes seconds.
SLOWLY = ["[ship]", "batch_records = 4", "batches_in_flight = 2"]
DAYS = (b"Nov 22", b"Nov 23")


def part(folder: Path, name: str, content: bytes) -> Path:
    """A file dated like the bundled log."""
    path = folder / name
    path.write_bytes(content)
    date_like_bundled(path)
    return path


def parts(folder: Path, count: int, content: bytes = LOG) -> list[Path]:
    """A log in parts, each packed in another way, newest first as a shell lists them."""
    lines = content.splitlines(keepends=True)
    cuts = [len(lines) * number // count for number in range(count + 1)]
    paths = []
    for number, (first, end) in enumerate(pairwise(cuts)):
        suffix, pack = PACK[number % len(PACK)]
        name = f"old.{count - number:02}{suffix}"
        paths.append(part(folder, name, pack(b"".join(lines[first:end]))))
    return paths[::-1]


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    counts: dict[str, Any] = json.loads(done.stdout)
    return counts


def server(query: Query) -> dict[str, Any]:
    """What the collector knows of the host, without when it was seen."""
    (only,) = query.stub.ListServers(pb.ListServersRequest(), timeout=30).servers
    only.ClearField("last_seen")
    return MessageToDict(only)


def assert_ledger(collector: Collector) -> None:
    query = collector.query()
    assert ledger_by_state() == query.by_state()
    query.close()


def test_import_gives_what_following_gives_and_leaves_no_trace(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))

    counts = summary(agent.import_logs("--json", *parts(tmp_path, 9)))

    assert_ledger(collector)
    assert counts["lines"] == LOG.count(b"\n")
    assert counts["records"] == counts["stored"] > 2_000
    assert (counts["known"], counts["quarantined"], counts["unparsed"]) == (0, 0, 0)
    assert list(agent.state.iterdir()) == []
    documented = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "operation.md").read_text()))
    assert set(counts) <= documented

    query = collector.query()
    imported = query.everything()
    (tmp_path / "again").mkdir()
    followed = Collector(tmp_path / "again")
    followed.start()
    Agent(tmp_path / "again", followed.address, agent.log).run_until_end()
    other = followed.query()
    assert without_ids(imported) == without_ids(other.everything())
    agent.run_until_end()
    assert imported == query.everything()
    query.close()
    other.close()


def without_ids(everything: dict[str, Any]) -> tuple[object, ...]:
    """What two collectors can agree on: ids follow the way in which batches were cut."""
    events = [
        {name: value for name, value in event.items() if name != "message"}
        for event in everything["2"]["events"]
    ]
    return everything["0"], everything["1"], sorted(events, key=repr)


def test_importing_what_was_followed_changes_nothing(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    agent.run_until_end()
    checkpoint = (agent.state / "checkpoint.json").read_bytes()
    query = collector.query()
    before, host = query.everything(), server(query)
    halves = LOG[: LOG.index(b"\n", len(LOG) // 2) + 1], LOG[LOG.index(b"\n", len(LOG) // 2) + 1 :]
    logs = [
        agent.log,
        part(tmp_path, "a.gz", gzip.compress(LOG)),
        part(tmp_path, "first.xz", lzma.compress(halves[0])),
        part(tmp_path, "second", halves[1]),
    ]

    for arguments in (*logs, logs[1], logs):
        several = arguments if isinstance(arguments, list) else [arguments]
        counts = summary(agent.import_logs("--json", *several))
        assert counts["stored"] == 0
        assert counts["records"] == counts["known"] > 1_000
        assert before == query.everything()

    assert host == server(query)
    assert (agent.state / "checkpoint.json").read_bytes() == checkpoint
    assert [path.name for path in sorted(agent.state.iterdir())] == [
        "checkpoint.json",
        "status.json",
    ]
    query.close()


def test_half_imported_then_all_followed(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    half = LOG[: LOG.index(b"\n", len(LOG) // 2) + 1]
    counts = summary(agent.import_logs("--json", part(tmp_path, "half.gz", gzip.compress(half))))
    assert counts["stored"] > 1_000
    assert counts["open_messages"] > 0

    agent.run_until_end()

    assert_ledger(collector)


@pytest.mark.parametrize("seed", range(4))
def test_parts_imported_one_by_one_in_any_order(
    seed: int, collector: Collector, tmp_path: Path
) -> None:
    """A message whose end came first is the one whose beginning comes later."""
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    logs = parts(tmp_path, 5)
    if seed:
        random.Random(seed).shuffle(logs)  # noqa: S311 - repeatable
    for log in logs:
        summary(agent.import_logs("--json", log))
    agent.run_until_end()

    assert_ledger(collector)


def test_import_beside_the_running_agent(collector: Collector, tmp_path: Path) -> None:
    """Both report the same host at once, and the agent goes on where it was."""
    log = part(tmp_path, "mail.log", b"")
    agent = Agent(tmp_path, collector.address, log)
    agent.settings += SLOWLY
    agent.start()
    importing = agent.begin_import("--quiet", *parts(tmp_path, 4))
    for start in range(0, len(LOG), len(LOG) // 8):
        with log.open("ab") as file:
            file.write(LOG[start : start + len(LOG) // 8])
        date_like_bundled(log)
        time.sleep(0.1)
    assert importing.wait(120) == 0, agent.output.read_text()
    assert agent.end() == 0
    agent.run_until_end()

    assert_ledger(collector)
    assert "resync=True" not in collector.output.read_text()


@pytest.mark.parametrize("seed", range(3))
def test_import_that_is_killed_goes_on_where_it_was(
    seed: int, collector: Collector, tmp_path: Path
) -> None:
    generator = random.Random(seed)  # noqa: S311 - repeatable
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    agent.settings += SLOWLY
    days = b"".join(LOG.replace(b"Nov 23", day) for day in DAYS)
    logs = parts(tmp_path, 50, days)
    kills = 0
    process = agent.begin_import("--json", *logs)
    while process.poll() is None and kills < 4:
        try:
            process.wait(generator.uniform(0.9, 2.0))
        except subprocess.TimeoutExpired:
            victim = generator.choice(["import", "import", "collector"])
            kills += 1
            if victim == "collector":
                collector.end(signal.SIGKILL)
                collector.start()
                continue
            process.kill()
            process.wait()
            generator.shuffle(logs)
            process = agent.begin_import("--json", *logs)
    assert process.wait(120) == 0, agent.output.read_text()

    output = agent.output.read_text()
    assert kills >= 2, output
    assert "going on where the last import of these logs ended" in output
    assert "Traceback" not in output
    assert "reading the log again" not in output
    last = json.loads(output.splitlines()[-1])
    assert last["resumed"] is True
    assert last["lines"] < days.count(b"\n")
    query = collector.query()
    assert {
        state: len(DAYS) * count for state, count in ledger_by_state().items()
    } == query.by_state()
    query.close()
    assert list(agent.state.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_import_says_how_to_go_on(
    number: signal.Signals, status: int, collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    agent.settings += SLOWLY
    logs = parts(tmp_path, 12)
    process = agent.begin_import(*logs)
    deadline = time.monotonic() + 30
    while not list(agent.state.glob("import-*.json")):
        assert time.monotonic() < deadline, agent.output.read_text()
        time.sleep(0.05)
    process.send_signal(number)

    assert process.wait(20) == status
    output = agent.output.read_text()
    assert "interrupted; run the same command again to go on" in output
    assert "12 logs from 2026-11-23T23:27:03+00:00" in output
    assert "Traceback" not in output
    (checkpoint,) = agent.state.iterdir()
    assert checkpoint.stat().st_mode & 0o777 == 0o600
    agent.settings = agent.settings[:1]
    counts = summary(agent.import_logs("--json", *logs))
    assert counts["resumed"] is True
    assert_ledger(collector)


def test_checkpoint_of_another_collector_is_read_again(
    collector: Collector, tmp_path: Path
) -> None:
    """The database was replaced: what it does not know is sent again."""
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    agent.settings += SLOWLY
    logs = parts(tmp_path, 12)
    process = agent.begin_import(*logs)
    while not list(agent.state.glob("import-*.json")):
        time.sleep(0.05)
    process.kill()
    process.wait()
    collector.end()
    for file in tmp_path.glob("collector.db*"):
        file.unlink()
    collector.start()

    agent.settings = agent.settings[:1]
    counts = summary(agent.import_logs("--json", *logs))

    assert counts["lines"] == LOG.count(b"\n")
    assert_ledger(collector)


def test_collector_that_is_away(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    logs = parts(tmp_path, 3)
    collector.end()

    began = time.monotonic()
    done = agent.import_logs("--wait", "1", *logs)

    assert time.monotonic() - began < 15
    assert done.returncode == 1
    assert "is it running" in done.stderr
    assert "run the same command again to go on" in done.stderr
    collector.start()
    assert agent.import_logs("--quiet", *logs).returncode == 0
    assert_ledger(collector)


def test_damaged_log_is_named_and_the_others_are_imported(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    logs = parts(tmp_path, 6)
    whole = next(path for path in logs if path.suffix == ".gz")
    content = whole.read_bytes()
    part(tmp_path, whole.name, content[:-200])

    done = agent.import_logs("--json", *logs)

    assert done.returncode == 1
    byte = len(content) - 200
    assert f"{whole}: damaged at byte {byte}: it ends in the middle of its gzip data" in done.stderr
    counts = json.loads(done.stdout)
    assert counts["complete"] is True
    assert [(one["log"], one["byte"]) for one in counts["damaged"]] == [(str(whole), byte)]
    lost = LOG.count(b"\n") - counts["lines"]
    assert 0 < lost < 40
    assert list(agent.state.iterdir()) == []

    part(tmp_path, whole.name, content)
    summary(agent.import_logs("--json", *logs))
    assert_ledger(collector)


def test_log_that_is_restored_while_the_import_is_interrupted_is_read(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    agent.settings += SLOWLY
    logs = parts(tmp_path, 12)
    early = next(path for path in reversed(logs) if path.suffix == ".gz")
    content = early.read_bytes()
    part(tmp_path, early.name, content[: len(content) // 2])
    process = agent.begin_import(*logs)
    while "damaged at byte" not in agent.output.read_text():
        time.sleep(0.02)
    time.sleep(1)
    process.kill()
    process.wait()
    (checkpoint,) = agent.state.glob("import-*.json")
    assert json.loads(checkpoint.read_text())["token"]

    part(tmp_path, early.name, content)
    agent.settings = agent.settings[:1]
    summary(agent.import_logs("--json", *logs))

    assert_ledger(collector)


def test_nothing_is_sent_when_a_log_cannot_be_imported(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    packed = part(tmp_path, "a.lz4", b"\x04\x22\x4d\x18")

    done = agent.import_logs(agent.log, tmp_path / "no.log", tmp_path, packed)

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"mailtally-agent import: {tmp_path}/no.log: No such file or directory",
        f"mailtally-agent import: {tmp_path}: not a regular file",
        f"mailtally-agent import: {packed}: it is packed by lz4; unpack it first: lz4 -d FILE",
        "mailtally-agent import: nothing was imported",
    ]
    query = collector.query()
    assert query.by_state() == {}
    query.close()


def test_empty_log_is_left_out_and_nothing_else_is_an_error(
    collector: Collector, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, collector.address, bundled_log(tmp_path))
    empty = part(tmp_path, "empty", b"")

    done = agent.import_logs(empty)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"{empty}: empty, left out",
        "mailtally-agent import: there is nothing to import",
    ]

    assert agent.import_logs(empty, agent.log).returncode == 0
    assert_ledger(collector)


def test_years_of_logs_without_a_year(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    said = b"A1B2C3D4: from=<a@b.example>, size=1, nrcpt=1 (queue active)\n"
    line = b"Nov 23 10:00:00 mx1 postfix/qmgr[7]: " + said
    in_2010 = 1_290_600_000
    old = part(tmp_path, "old.gz", gzip.compress(line.replace(b"A1B2", b"B1B2"), mtime=in_2010))
    new = part(tmp_path, "new", line)

    counts = summary(agent.import_logs("--json", new, old))
    assert (counts["oldest_line"], counts["newest_line"], counts["stored"]) == (
        "2010-11-23T10:00:00+00:00",
        "2026-11-23T10:00:00+00:00",
        2,
    )

    counts = summary(agent.import_logs("--json", old))
    assert (counts["newest_line"], counts["stored"]) == ("2010-11-23T10:00:00+00:00", 0)

    other = part(tmp_path, "other", line.replace(b"A1B2", b"C1B2"))
    counts = summary(agent.import_logs("--json", "--year", "2009", other, "--tz", "Asia/Tokyo"))
    assert (counts["newest_line"], counts["stored"]) == ("2009-11-23T01:00:00+00:00", 1)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--tz", "Mars"], "Mars"),
        (["--year", "99999"], "year"),
        (["--internal-next-hop", "1.2.3"], "1.2.3"),
        (["--wait", "-1"], "--wait"),
        (["--wait", "nan"], "--wait"),
        ([], "LOG"),
    ],
)
def test_wrong_arguments(options: list[str], problem: str, tmp_path: Path) -> None:
    agent = Agent(tmp_path, "127.0.0.1:1", bundled_log(tmp_path))

    done = agent.import_logs(*options, *([agent.log] if options else []))

    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_log_that_names_no_daemon_is_told_with_the_fix(
    collector: Collector, tmp_path: Path
) -> None:
    line = b"<22>1 2026-11-23T20:42:58Z mx1 postfix 8803 - - A1B2C3: removed\n"
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")

    done = agent.import_logs(part(tmp_path, "old", line))

    assert done.returncode == 1
    assert "set your syslog daemon" in done.stderr
    assert "1 lines read: 1 unparsed" in done.stdout


def test_second_import_at_once_is_refused(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    agent.settings += SLOWLY
    logs = parts(tmp_path, 3)
    first = agent.begin_import(*logs)
    while not list(agent.state.glob("import-*.json")):
        time.sleep(0.05)

    second = agent.import_logs(*logs)

    assert second.returncode == 1
    assert "another import is running" in second.stderr
    first.kill()
    first.wait()
    assert agent.import_logs("--quiet", *logs).returncode == 0


def test_progress_bar_on_a_terminal(collector: Collector, tmp_path: Path) -> None:
    agent = Agent(tmp_path, collector.address, tmp_path / "mail.log")
    agent.settings += SLOWLY
    command: list[str | Path] = [BIN / "mailtally-agent", "import"]
    command += ["--config", agent.write_config(), *parts(tmp_path, 3)]
    main, side = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=side)
    os.close(side)
    shown = b""
    # A terminal that nobody holds open any more gives EIO.
    try:
        while data := os.read(main, 4096):
            shown += data
    except OSError:
        pass
    os.close(main)

    assert process.wait(30) == 0
    assert b"KiB" in shown
    assert b"records" in shown
    assert b" left" in shown
    assert shown.endswith(b"\r\x1b[K")


def test_help_names_the_options(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    done = run("mailtally-agent", "import", "--help")

    assert done.returncode == 0
    assert "as source.time_zone says" in " ".join(done.stdout.split())
