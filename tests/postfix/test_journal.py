"""The journal, through the real journalctl: from files made for it, and of a real journald."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailtally_agent.source.hole import Hole
from mailtally_agent.source.journal import Journal, JournalPlace
from mailtally_agent.source.journalctl import JournalOptions
from mailtally_agent.terms import GapCause
from tests.corpus.formats.daemons import beside_journald
from tests.corpus.formats.reading import made_lines, read
from tests.e2e.processes import STARTED, Agent, Collector, run
from tests.postfix.journal_files import entry, write_journal

WAIT_SECONDS = 20.0


class Seconds:
    """A clock of the pauses, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


Open = Callable[..., Journal]


@pytest.fixture
def open_journal(tmp_path: Path, seconds: Seconds) -> Iterator[Open]:
    """Opens the journal of the test's folder; none outlives the test."""
    opened: list[Journal] = []

    def run(place: JournalPlace | None = None, *units: str) -> Journal:
        journal = Journal(JournalOptions(units, str(tmp_path)), place, seconds)
        opened.append(journal)
        return journal

    yield run
    for journal in opened:
        journal.close()


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()


def wait_for(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def read_all(journal: Journal) -> list[str]:
    """Everything that the journal holds now."""
    lines: list[str] = []

    def at_end() -> bool:
        given = journal.read()
        lines.extend(given)
        return not given and not journal.busy and journal.caught_up()

    wait_for(at_end)
    return lines


def numbers(lines: list[str]) -> list[int]:
    """Of the entries that entry() made."""
    return [int(match[1], 16) for line in lines if (match := re.search(r": A(.{5})B: ", line))]


def children() -> list[str]:
    """Processes of ours that were started and not waited for."""
    of_us = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    return Path(of_us).read_text().split()


def test_entries_of_all_boots_come_in_order(tmp_path: Path, open_journal: Open) -> None:
    write_journal(tmp_path / "a.journal", map(entry, range(12)))
    journal = open_journal()

    lines = read_all(journal)

    assert numbers(lines) == [*range(12)]
    assert lines[0] == "2026-03-01T10:00:00+00:00 mx1 postfix/postsuper[7]: A00000B: placed on hold"
    assert journal.take_holes() == []


def test_lines_are_those_of_the_journal_as_json(tmp_path: Path, open_journal: Open) -> None:
    lines = made_lines("journal-json")
    entries = []
    for line in lines:
        fields = json.loads(line)
        del fields["__CURSOR"]
        message = fields["MESSAGE"]
        fields["MESSAGE"] = bytes(message) if isinstance(message, list) else message
        entries.append({**fields, "SYSLOG_FACILITY": "2"})
    write_journal(tmp_path / "a.journal", entries)

    found = read(read_all(open_journal()), 0)

    assert found == read(lines, 0)
    assert len(found.records) > 100


def test_only_mail_is_read_and_what_journald_says_of_it(tmp_path: Path, open_journal: Open) -> None:
    dropped = {"MESSAGE_ID": "a596d6fe7bfa4994828e72309e95d61e", "SYSLOG_FACILITY": "5"}
    dropped["SYSLOG_IDENTIFIER"] = "systemd-journald"
    text = "Suppressed 9 messages from postfix@-.service"
    write_journal(
        tmp_path / "a.journal",
        [
            entry(0),
            entry(1, SYSLOG_FACILITY="3"),
            entry(2, text, **dropped, _TRANSPORT="driver"),
            entry(3, text, **dropped),
            entry(4),
        ],
    )

    lines = read_all(open_journal())

    assert numbers(lines) == [0, 4]
    assert [line for line in lines if text in line] == [
        f"2026-03-01T10:00:02+00:00 mx1 systemd-journald[7]: {text}"
    ]


def test_lines_of_other_units_are_left_out_when_units_are_given(
    tmp_path: Path, open_journal: Open
) -> None:
    units = ["postfix@-.service", "session-1.scope", "postfix@out.service", "postfix@-.service"]
    entries = [entry(number, _SYSTEMD_UNIT=unit) for number, unit in enumerate(units)]
    write_journal(tmp_path / "a.journal", entries)

    assert numbers(read_all(open_journal(None, "postfix@-.service"))) == [0, 3]
    both = ("postfix@-.service", "postfix@out.service")
    assert numbers(read_all(open_journal(None, *both))) == [0, 2, 3]


@pytest.mark.parametrize("count", [1, 5, 7, 12])
def test_reading_goes_on_behind_any_place(count: int, tmp_path: Path, open_journal: Open) -> None:
    write_journal(tmp_path / "a.journal", map(entry, range(count)))
    journal = open_journal()
    read_all(journal)
    place = journal.place()
    assert place is not None
    state = json.loads(json.dumps(place.to_state()))
    write_journal(tmp_path / "b.journal", map(entry, range(count, 20)))
    resumed = open_journal(JournalPlace.from_state(state))

    assert numbers(read_all(resumed)) == [*range(count, 20)]
    assert resumed.take_holes() == []


def test_journal_that_lost_the_entry_is_read_from_its_oldest(
    tmp_path: Path, open_journal: Open
) -> None:
    write_journal(tmp_path / "a.journal", map(entry, range(3)))
    journal = open_journal()
    read_all(journal)
    place = journal.place()
    (tmp_path / "a.journal").unlink()
    write_journal(tmp_path / "b.journal", map(entry, range(6, 9)))
    resumed = open_journal(place)

    assert numbers(read_all(resumed)) == [6, 7, 8]
    # Another journal: whether the old one went on behind the place is not known.
    assert resumed.take_holes() == [Hole(GapCause.JOURNAL_GONE, certain=False)]


def test_journal_that_is_older_than_the_place(
    tmp_path: Path, open_journal: Open, seconds: Seconds
) -> None:
    write_journal(tmp_path / "a.journal", map(entry, range(6, 9)))
    journal = open_journal()
    read_all(journal)
    place = journal.place()
    (tmp_path / "a.journal").unlink()
    write_journal(tmp_path / "b.journal", map(entry, range(3)))
    resumed = open_journal(place)
    wait_for(lambda: resumed.read() or resumed.caught_up() or resumed._newest.answered)  # noqa: SLF001
    assert resumed.take_holes() == []
    seconds.now += 60

    assert numbers(read_all(resumed)) == [0, 1, 2]
    assert resumed.take_holes() == [Hole(GapCause.JOURNAL_GONE, certain=False)]


def test_cursor_that_is_none_costs_a_second_reading(tmp_path: Path, open_journal: Open) -> None:
    write_journal(tmp_path / "a.journal", map(entry, range(3)))
    resumed = open_journal(JournalPlace("no cursor", ""))

    assert numbers(read_all(resumed)) == [0, 1, 2]
    assert len(resumed.take_holes()) == 1


@pytest.mark.parametrize(
    "state", [{}, {"cursor": "a\nb", "entry": ""}, {"cursor": "", "entry": ""}]
)
def test_place_that_is_malformed_is_refused(state: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        JournalPlace.from_state(state)


def test_killed_child_is_a_problem_and_is_started_again(
    tmp_path: Path, open_journal: Open, seconds: Seconds
) -> None:
    write_journal(tmp_path / "a.journal", map(entry, range(3)))
    journal = open_journal()
    assert numbers(read_all(journal)) == [0, 1, 2]
    (child,) = children()

    os.kill(int(child), signal.SIGKILL)
    with pytest.raises(OSError, match="journalctl ended with signal 9"):
        wait_for(journal.read)
    assert children() == []
    with pytest.raises(OSError, match="signal 9"):
        journal.read()
    assert children() == []

    seconds.now += 2
    write_journal(tmp_path / "b.journal", map(entry, range(3, 5)))
    lines: list[str] = []

    def came() -> bool:
        try:
            lines.extend(journal.read())
        except OSError:
            return False
        return len(lines) == 2

    wait_for(came)
    assert numbers(lines) == [3, 4]
    assert journal.take_holes() == []


def test_pauses_grow_while_journalctl_fails(
    tmp_path: Path, open_journal: Open, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "bin" / "journalctl"
    failing.parent.mkdir()
    failing.write_text("#!/bin/sh\necho 'Failed to do it.' >&2\necho x >>$0.calls\nexit 3\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{failing.parent}:/usr/bin:/bin")
    journal = open_journal()

    for _ in range(600):
        with pytest.raises(OSError, match=r"Failed to do it\."):
            wait_for(journal.read)
        seconds.now += 0.2

    calls = failing.with_name("journalctl.calls").read_text().count("x")
    # 1 + 2 + 4 + 8 + 16 + 30 + 30 seconds of two minutes.
    assert 6 <= calls <= 9


def test_host_without_journalctl(open_journal: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(FileNotFoundError, match="no such program: 'journalctl'"):
        open_journal().read()


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_journal_that_we_may_not_read(mode: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.journal")
        write_journal(path, map(entry, range(3)))
        path.chmod(0o600)
        Path(folder).chmod(mode)
        done = _run_script(
            "os.setgroups([])",
            "os.setgid(65534)",
            "os.setuid(65534)",
            f"journal = Journal(JournalOptions((), {folder!r}), None)",
            "while True:",
            "    try:",
            "        journal.read()",
            "    except PermissionError as error:",
            "        sys.exit(str(error))",
            "    time.sleep(0.01)",
        )
        _, said = done.communicate(timeout=WAIT_SECONDS)

    assert b"add the agent's user to the group systemd-journal" in said
    assert done.returncode == 1


def _run_script(*lines: str) -> subprocess.Popen[bytes]:
    """An agent's process that does no more than read the journal."""
    imports = (
        "import os, sys, time",
        "from mailtally_agent.source.journal import Journal",
        "from mailtally_agent.source.journalctl import JournalOptions",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", "\n".join([*imports, *lines])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    STARTED.append(process)
    return process


def test_child_does_not_outlive_an_agent_that_is_killed(tmp_path: Path) -> None:
    write_journal(tmp_path / "a.journal", map(entry, range(2_000)))
    agent = _run_script(
        f"journal = Journal(JournalOptions((), {str(tmp_path)!r}), None)",
        "journal.read()",
        "print(journal._child._process.pid, flush=True)",
        "time.sleep(100)",
    )
    assert agent.stdout is not None
    child = Path("/proc") / agent.stdout.readline().decode().strip()
    assert child.exists()

    agent.kill()
    agent.communicate()
    wait_for(lambda: not child.exists() or "\nState:\tZ" in (child / "status").read_text())


def test_nothing_is_read_ahead(tmp_path: Path, open_journal: Open) -> None:
    """A pipe holds 64 KiB; the rest stays in the journal until it is asked for."""
    write_journal(tmp_path / "a.journal", map(entry, range(5_000)))
    journal = open_journal()
    lines: list[str] = []
    while len(lines) < 100:
        lines += journal.read()
    (child,) = children()
    wait_for(lambda: "pipe_write" in Path(f"/proc/{child}/wchan").read_text())
    before = Path(f"/proc/{child}/io").read_text()
    time.sleep(0.2)
    assert Path(f"/proc/{child}/io").read_text() == before

    assert numbers(lines + read_all(journal)) == [*range(5_000)]


def test_agent_reports_the_journal_and_checks_it(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    write_journal(folder / "a.journal", map(entry, range(12)))
    collector = Collector(tmp_path)
    collector.start()
    agent = Agent(tmp_path, collector.address, tmp_path / "no.log")
    agent.settings += ["journal = true", f"journal_directory = {json.dumps(str(folder))}"]
    config = agent.write_config()
    config.write_text(config.read_text().replace(f"log = {json.dumps(str(agent.log))}", "log = []"))

    done = run("mailtally-agent", "run", "--config", str(config), "--until-end")
    assert done.returncode == 0, done.stderr
    (log,) = json.loads((agent.state / "status.json").read_text())["logs"]
    assert log == {
        "name": f"journal {folder}",
        "newest_line": "2026-03-01T10:00:11.000000+00:00",
        "backlog_bytes": 0,
        "problem": None,
    }
    checked = run("mailtally-agent", "check", "--config", str(config))
    assert checked.returncode == 0, checked.stdout
    assert f"ok  log journal {folder}\n" in checked.stdout
    assert "Traceback" not in done.stderr
    collector.end()


def test_check_warns_when_journal_and_log_hold_the_same_lines(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    write_journal(folder / "a.journal", map(entry, range(12)))
    agent = Agent(tmp_path, "127.0.0.1:1", tmp_path / "mail.log")
    agent.log.write_text(
        "Mar  1 10:00:05 mx1 postfix/anvil[1]: statistics: max\n"
        "Mar  1 10:00:06 mx1 postfix/postsuper[7]: A00005B: placed on hold\n"
    )
    agent.settings += ["journal = true", f"journal_directory = {json.dumps(str(folder))}"]

    checked = run("mailtally-agent", "check", "--config", str(agent.write_config()))

    assert f"BAD logs {agent.log} and journal {folder}: they hold the same lines" in checked.stdout
    agent.log.write_text("Mar  1 10:00:06 mx1 postfix/postsuper[7]: A0000FB: placed on hold\n" * 2)
    checked = run("mailtally-agent", "check", "--config", str(agent.write_config()))
    assert "the same lines" not in checked.stdout


def test_real_journald_is_followed_through_vacuum_and_restart(tmp_path: Path) -> None:
    beside_journald(tmp_path, "tests.postfix.journal_story")
