"""Whether the logs of a configuration can be read, and mean something; with what to do if not."""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path

from mailtally_agent.config import Config
from mailtally_agent.daemon import clock_us
from mailtally_agent.line_format import canonical
from mailtally_agent.log_reader import LogReader
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.journal import Journal
from mailtally_agent.source.journalctl import Journalctl, JournalOptions
from mailtally_agent.source.lines import CHUNK_BYTES
from mailtally_agent.source.log_file import LogFile
from mailtally_agent.source.log_source import LogSource
from mailtally_agent.syslog import split_head

Finding = tuple[str, str | None]
# Program, pid and text of lines, with their moments.
Moments = dict[str, int]

_TWICE = (
    "they hold the same lines with other time stamps, which would count twice; leave one of them"
    " out of source.log or source.journal"
)

# Of how many of its newest entries the journal is asked, and how long we wait for anything of it.
_ENTRIES = 2_000
_WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.02


def check_logs(config: Config) -> list[Finding]:
    """What each log is called, and what is wrong with it; None for nothing."""
    findings: list[Finding] = []
    newest: dict[str, Moments] = {}
    for path in config.logs:
        findings.append((f"log {path}", _check_file(config, path)))
        newest[str(path)] = _moments(config, _newest_lines(path))
    if config.journal is not None:
        name = config.journal.name
        problem = _check_journal(config, config.journal)
        findings.append((f"log {name}", problem))
        if problem is None:
            newest[name] = _moments(config, _newest_entries(config.journal))
    findings += [
        (f"logs {one} and {other}", _TWICE)
        for one, other in itertools.combinations(newest, 2)
        if _count_twice(newest[one], newest[other])
    ]
    return findings


def _check_file(config: Config, path: Path) -> str | None:
    log_file = LogFile(RealDisk(), str(path), None)
    try:
        newest_us = log_file.first_change_us() or clock_us()
        lines = _first_lines(log_file)
    except PermissionError:
        return "permission denied; add the agent's user to the group adm"
    except OSError as error:
        return f"{error.strerror or error}; set source.log if mail is logged elsewhere"
    finally:
        log_file.close()
    if not lines:
        return "no line yet; set source.log if mail is logged elsewhere"
    return _meaning(config, lines, newest_us)


def _check_journal(config: Config, options: JournalOptions) -> str | None:
    journal = Journal(options, None)
    try:
        lines = _first_lines(journal)
    except OSError as error:
        return str(error.strerror or error)
    finally:
        journal.close()
    if not lines:
        of = " of these units; see systemctl list-units 'postfix*'" if options.units else ""
        return f"no mail is logged there yet{of}; set source.log if it is logged to a file"
    return _meaning(config, lines, clock_us())


def _first_lines(log: LogSource) -> list[str]:
    """Its oldest lines; none when it has none. Raises OSError."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while not (lines := log.read()) and time.monotonic() < deadline:
        if log.caught_up():
            return log.read()
        if not log.busy:
            time.sleep(_POLL_SECONDS)
    return lines


def _meaning(config: Config, lines: Sequence[str], newest_us: int) -> str | None:
    reader = LogReader(config.time_zone, newest_us, config.rules)
    reader.read(lines)
    return reader.problem() or None


def _newest_lines(path: Path) -> list[str]:
    """Of the log itself; none when it cannot be read."""
    try:
        file = RealDisk().open(str(path))
    except OSError:
        return []
    size = file.stat().size
    content = file.read_at(max(0, size - CHUNK_BYTES), CHUNK_BYTES)
    file.close()
    return content.decode("utf-8", "surrogateescape").split("\n")[1:-1]


def _newest_entries(options: JournalOptions) -> list[str]:
    """Of the journal, as JSON."""
    child = Journalctl(options, f"--lines={_ENTRIES}")
    content = b""
    deadline = time.monotonic() + _WAIT_SECONDS
    while child.ended() is None and time.monotonic() < deadline:
        content += child.read(CHUNK_BYTES)
        time.sleep(_POLL_SECONDS)
    child.close()
    return content.decode("utf-8", "surrogateescape").split("\n")[:-1]


def _moments(config: Config, lines: Sequence[str]) -> Moments:
    reader = LogReader(config.time_zone, clock_us(), config.rules)
    moments = {}
    for line in lines:
        text = canonical(line) or line if line[:1] in {"{", "<"} else line
        parts = split_head(text)
        said = parts[1].partition(" ")[2] if parts else ""
        if said.startswith("postfix") and (moment := reader.first_moment_us([text])) is not None:
            moments[said] = moment
    return moments


def _count_twice(some: Moments, others: Moments) -> bool:
    """Whether a line is in both, and its moments are not the same."""
    return any(others[said] != moment for said, moment in some.items() if said in others)
