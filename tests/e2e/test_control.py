"""Settings and updates from the command line, with real collectors and agents."""

import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.bundled import BUNDLED
from tests.e2e.processes import (
    BIN,
    STARTED,
    Agent,
    Collector,
    date_like_bundled,
    ledger_by_state,
    run,
)

WAIT_SECONDS = 30.0


def until(condition: Callable[[], Any]) -> Any:
    """Wait for something, and give it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def ask(collector: Collector, *arguments: str) -> Any:
    """What a command writes as JSON; it must succeed."""
    done = run("mailtally", *arguments, "--json", "-q", "--collector", collector.address)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def follows(collector: Collector, server: str = "mx1") -> bool:
    """Whether the agent says that the settings in force are those that hold for it."""
    for one in ask(collector, "settings", "show")["servers"]:
        if one["server"] == server:
            return bool(one["revision"] == one["agent_revision"])
    return False


def states(collector: Collector) -> dict[str, int]:
    query = collector.query()
    try:
        return query.by_state()
    finally:
        query.close()


def write_bundled(log: Path) -> None:
    with log.open("ab") as file:
        file.write(BUNDLED.log.read_bytes())
    date_like_bundled(log)


@pytest.fixture
def agent(collector: Collector, tmp_path: Path) -> Agent:
    """An agent whose log is empty, and that is told to collect nothing by itself."""
    log = tmp_path / "mail.log"
    log.touch()
    running = Agent(tmp_path, collector.address, log)
    running.start()
    until(lambda: follows(collector))
    ask(collector, "settings", "set", "--collection", "off")
    until(lambda: follows(collector))
    return running


def test_off_collects_nothing_until_update_stores_all_of_it(
    collector: Collector, agent: Agent
) -> None:
    write_bundled(agent.log)
    time.sleep(1)
    assert states(collector) == {}

    (done,) = ask(collector, "update")["servers"]

    assert (done["server"], done["state"], done["error"]) == ("mx1", "done", "")
    assert done["records"] > 1000
    assert states(collector) == ledger_by_state()
    told = ask(collector, "server", "mx1")
    assert (told["collection_enabled"], told["lag_seconds"]) == (False, 0)
    again = run("mailtally", "update", "--collector", collector.address)
    assert again.returncode == 0
    assert "done, 0 records" in again.stderr
    assert again.stdout.splitlines()[1].split() == ["mx1", "0", "done"]


def test_settings_survive_restarts_of_agent_and_collector(
    collector: Collector, agent: Agent
) -> None:
    agent.end()
    collector.end()
    write_bundled(agent.log)
    agent.start()
    time.sleep(1)
    collector.start()
    until(lambda: follows(collector))
    time.sleep(1)
    assert states(collector) == {}
    assert (
        run("mailtally-agent", "status", "--config", str(agent.config)).stdout.count('"off"') == 1
    )

    ask(collector, "settings", "set", "--collection", "continuous")
    until(lambda: states(collector) == ledger_by_state())


def test_an_interval_reads_nothing_before_its_time(collector: Collector, agent: Agent) -> None:
    agent.log.write_bytes(BUNDLED.log.read_bytes().partition(b" ")[0] + b" is no header\n")
    date_like_bundled(agent.log)
    ask(collector, "settings", "set", "--collection", "continuous")
    until(lambda: ask(collector, "server", "mx1")["lines_read"])
    ask(collector, "settings", "set", "--collection", "interval", "--every", "24h")
    until(lambda: follows(collector))
    write_bundled(agent.log)
    until(lambda: ask(collector, "server", "mx1")["backlog_bytes"])
    assert states(collector) == {}
    told = ask(collector, "server", "mx1")
    assert told["connected"]
    assert told["collection_interval_seconds"] == 86_400
    assert told["next_collection"] is not None
    assert told["lines_read"] == 1
    assert [one["daemon"] for one in told["unparsed_samples"]] == ["header"]

    # As if its moment had come while the agent was away.
    agent.end()
    file = agent.state / "settings.json"
    saved = json.loads(file.read_text())
    saved["collected_us"] -= 25 * 3_600_000_000
    file.write_text(json.dumps(saved))
    agent.start()
    until(lambda: states(collector) == ledger_by_state())
    assert ask(collector, "servers")["servers"][0]["collection_interval_seconds"] == 86_400


@pytest.mark.usefixtures("agent")
def test_servers_have_settings_of_their_own_and_give_them_back(
    collector: Collector, tmp_path: Path
) -> None:
    other_log = tmp_path / "other.log"
    write_bundled(other_log)
    other = Agent(tmp_path, collector.address, other_log, "mx2")
    other.start()
    until(lambda: follows(collector, "mx2"))
    assert states(collector) == {}
    ask(collector, "settings", "set", "--collection", "continuous", "--server", "mx2")
    until(lambda: states(collector) == ledger_by_state())
    listed = ask(collector, "settings")
    assert listed["fleet"]["enabled"] is False
    assert [(one["server"], one["own"], one["enabled"]) for one in listed["servers"]] == [
        ("mx1", False, False),
        ("mx2", True, True),
    ]
    ask(collector, "settings", "clear", "--server", "mx2")
    until(lambda: follows(collector, "mx2"))
    assert [one["enabled"] for one in ask(collector, "settings")["servers"]] == [False, False]
    actions = [(one["action"], one["scope"]) for one in ask(collector, "audit")["entries"]]
    assert actions == [
        ("clear-settings", "mx2"),
        ("update-settings", "mx2"),
        ("update-settings", "fleet"),
    ]


def test_an_update_says_who_is_not_connected(collector: Collector, agent: Agent) -> None:
    agent.end()
    done = run("mailtally", "update", "--collector", collector.address, "--wait", "40")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].split() == ["mx1", "0", "not", "connected"]
    unknown = run("mailtally", "update", "--server", "mx9", "--collector", collector.address)
    assert unknown.returncode == 2
    assert "no server of the name mx9 has reported; known are mx1" in unknown.stderr


def test_an_update_of_a_log_that_cannot_be_read_says_so(collector: Collector, agent: Agent) -> None:
    agent.log.unlink()
    agent.log.mkdir()
    done = run("mailtally", "update", "--collector", collector.address)
    assert done.returncode == 1
    assert "failed: the log cannot be read" in done.stdout


def test_an_update_ends_after_the_collector_was_killed_and_the_agent_came_back(
    collector: Collector, agent: Agent
) -> None:
    """The request is in the database; the agent gets it again, and what it read is stored."""
    write_bundled(agent.log)
    assert agent.process is not None
    agent.process.send_signal(signal.SIGSTOP)
    command = [str(BIN / "mailtally"), "update", "--collector", collector.address]
    asking = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    STARTED.append(asking)
    assert asking.stderr is not None
    assert b"mx1: waiting for the agent" in asking.stderr.readline()
    collector.end(signal.SIGKILL)
    assert asking.wait(WAIT_SECONDS) == 3
    asking.stderr.close()
    agent.process.send_signal(signal.SIGCONT)
    collector.start()
    until(lambda: states(collector) == ledger_by_state())


def test_ctrl_c_ends_the_command_with_130_and_the_agent_goes_on(
    collector: Collector, agent: Agent
) -> None:
    write_bundled(agent.log)
    assert agent.process is not None
    agent.process.send_signal(signal.SIGSTOP)
    command = [str(BIN / "mailtally"), "update", "--collector", collector.address]
    asking = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    STARTED.append(asking)
    assert asking.stderr is not None
    assert b"waiting" in asking.stderr.readline()
    asking.send_signal(signal.SIGINT)
    _, said = asking.communicate(timeout=WAIT_SECONDS)
    assert asking.returncode == 130
    assert b"Traceback" not in said
    agent.process.send_signal(signal.SIGCONT)
    until(lambda: states(collector) == ledger_by_state())


def test_on_a_terminal_the_progress_is_shown_and_taken_away(
    collector: Collector, agent: Agent
) -> None:
    write_bundled(agent.log)
    ours, theirs = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(ours, 4096):
                shown.append(part)
        except OSError:  # the other side is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    command = [str(BIN / "mailtally"), "update", "--collector", collector.address]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=False)
    os.close(theirs)
    reader.join()
    os.close(ours)
    assert done.returncode == 0
    assert b"of 1 servers" in b"".join(shown)
    assert b"done" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--collection", "interval"], "--every need each other"),
        (["--collection", "off", "--every", "6h"], "--every need each other"),
        (["--collection", "interval", "--every", "soon"], "no length of time"),
        (["--collection", "interval", "--every", "59m"], "every 1 h to every 24 h"),
        (["--collection", "interval", "--every", "25h"], "interval_seconds: 90000"),
        (["--collection", "sometimes"], "continuous"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    collector: Collector, arguments: list[str], words: str
) -> None:
    address = ["--collector", collector.address]
    done = run("mailtally", "settings", "set", *arguments, *address)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", "").split())
    assert ask(collector, "settings")["fleet"]["changed"] is None
