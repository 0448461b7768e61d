"""Headers of log lines in the formats of syslog daemons: who wrote what, and when.

Time stamps without a year are of the year that is given; those without a zone are UTC.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROCESS = r"(?P<host>\S+) (?P<name>[^\[\s]+)\[(?P<pid>\d+)\]: (?P<text>.*)"
_TRADITIONAL = re.compile(rf"(?P<stamp>[A-Z][a-z][a-z] +\d+ \d\d:\d\d:\d\d) {_PROCESS}", re.DOTALL)
_RFC3339 = re.compile(
    rf"(?P<stamp>\d{{4}}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+)) {_PROCESS}", re.DOTALL
)
_RFC5424 = re.compile(
    r"<\d+>1 (?P<stamp>\S+) (?P<host>\S+) (?P<name>\S+) (?P<pid>\d+) - -  ?(?P<text>.*)", re.DOTALL
)
_PROGRAM = re.compile(r"(?P<instance>[^/]+)/(?:[^/]+/)*(?P<daemon>[^/]+)")


class Header(NamedTuple):
    """One line, its header taken apart; instance is empty for what is not Postfix's."""

    time: datetime
    process: str
    instance: str
    daemon: str
    text: str


def read_header(line: str, year: int) -> Header | None:
    """Take a line apart; None when it is of no known format."""
    if line.startswith("{"):
        return _journal(line)
    for form in (_TRADITIONAL, _RFC3339, _RFC5424):
        match = form.fullmatch(line)
        if match:
            return _header(
                _moment(match["stamp"], year), *match.group("host", "name", "pid", "text")
            )
    return None


def _moment(stamp: str, year: int) -> datetime:
    if stamp[0].isdigit():
        return datetime.fromisoformat(stamp)
    return datetime.strptime(f"{year} {stamp}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)


def _journal(line: str) -> Header:
    entry = json.loads(line)
    micros = int(entry.get("_SOURCE_REALTIME_TIMESTAMP", entry["__REALTIME_TIMESTAMP"]))
    text = entry["MESSAGE"]
    if isinstance(text, list):
        text = bytes(text).decode("utf-8", "surrogateescape")
    pid = entry.get("SYSLOG_PID", entry.get("_PID"))
    name = entry["SYSLOG_IDENTIFIER"]
    return _header(_EPOCH + timedelta(microseconds=micros), entry["_HOSTNAME"], name, pid, text)


def _header(time: datetime, host: str, name: str, pid: str, text: str) -> Header:
    program = _PROGRAM.fullmatch(name)
    instance, daemon = program.group("instance", "daemon") if program else ("", name)
    return Header(time.astimezone(UTC), f"{host} {name}[{pid}", instance, daemon, text)
