"""Log lines of other shapes, written as RFC 3339 lines.

Gives     canonical(): ``<time stamp> <host> <program>[<pid>]: …``, or None for neither shape.
Mirrors   RFC 5424 section 6 (``<PRI>1 TIMESTAMP HOST APP-NAME PROCID MSGID SD MSG``), and the
          journal's JSON export (``journalctl -o json``, systemd.journal-fields(7)): one object a
          line, bytes that are no UTF-8 as a list of numbers.
Limits    rsyslog's RFC 5424 template writes ``postfix`` for ``postfix/smtp``: without the daemon
          such a line cannot be trusted, and the reader counts it as unparsed.
"""

import json
import re
from datetime import UTC, datetime, timedelta

_RFC5424 = re.compile(
    r"<\d{1,3}>1 (?P<stamp>\S+) (?P<host>\S+) (?P<app>\S+) (?P<pid>\S+) \S+"
    r" (?:-|(?:\[(?:[^\]\\]|\\.)*+\])++) ?(?:\ufeff)?(?P<text>.*)",
    re.DOTALL,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def canonical(line: str) -> str | None:
    """The line as RFC 3339, None when it is neither RFC 5424 nor a journal entry.

    >>> canonical("<22>1 2026-03-01T09:05:07Z mx1 postfix/smtp 99 - - A1B2C3: removed")
    '2026-03-01T09:05:07Z mx1 postfix/smtp[99]: A1B2C3: removed'
    """
    if line.startswith("{"):
        return _from_journal(line)
    match = _RFC5424.fullmatch(line)
    if match is None:
        return None
    return (
        f"{match['stamp']} {match['host']} {match['app']}[{match['pid']}]: {match['text'].lstrip()}"
    )


def _from_journal(line: str) -> str | None:
    try:
        entry = json.loads(line)
        time_us = int(entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry["__REALTIME_TIMESTAMP"])
        moment = _EPOCH + timedelta(microseconds=time_us)
        text = _field(entry["MESSAGE"])
        program = _field(entry.get("SYSLOG_IDENTIFIER", "-"))
        pid = _field(entry.get("SYSLOG_PID") or entry.get("_PID", "-"))
        host = _field(entry.get("_HOSTNAME", "-"))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return f"{moment.isoformat()} {host} {program}[{pid}]: {text}"


def _field(value: object) -> str:
    """A field's text; TypeError or ValueError when it is neither text nor a list of bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    if isinstance(value, list):
        return bytes(value).decode("utf-8", "surrogateescape")
    raise TypeError(value)
