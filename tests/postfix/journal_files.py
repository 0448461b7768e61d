"""Journal files made of entries, by systemd's own program for journals that come from elsewhere.

Mirrors   the journal's export format (systemd's JOURNAL_EXPORT_FORMATS): ``FIELD=text`` lines, or
          the field's name, a length of eight bytes and the bytes; an empty line behind an entry.
Gives     write_journal(); entry() and moments of entries that differ in what matters here.
Limits    Needs the package systemd-journal-remote. Each file is a journal of its own.
"""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

_REMOTE = "/lib/systemd/systemd-journal-remote"
START_US = 1_772_359_200_000_000

Entry = Mapping[str, str | bytes]


def entry(number: int, text: str = "", **fields: str) -> Entry:
    """A line of Postfix, one second after the one before; every fifth begins another boot."""
    return {
        "__REALTIME_TIMESTAMP": str(START_US + number * 1_000_000),
        "__MONOTONIC_TIMESTAMP": str(1 + number * 1_000_000),
        "_BOOT_ID": f"{1 + number // 5:032x}",
        "_TRANSPORT": "syslog",
        "SYSLOG_FACILITY": "2",
        "SYSLOG_IDENTIFIER": "postfix/postsuper",
        "_PID": "7",
        "_HOSTNAME": "mx1",
        "_SYSTEMD_UNIT": "postfix@-.service",
        "MESSAGE": text or f"A{number:05X}B: placed on hold",
        **fields,
    }


def write_journal(path: Path, entries: Iterable[Entry]) -> None:
    """Make a journal file."""
    export = b"".join(
        b"".join(_field(name, value) for name, value in one.items()) + b"\n" for one in entries
    )
    subprocess.run(
        [_REMOTE, f"--output={path}", "-"], input=export, check=True, capture_output=True
    )
    path.chmod(0o644)


def _field(name: str, value: str | bytes) -> bytes:
    content = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    if b"\n" in content:
        return name.encode() + b"\n" + len(content).to_bytes(8, "little") + content + b"\n"
    return name.encode() + b"=" + content + b"\n"
