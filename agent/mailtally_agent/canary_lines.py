"""Lines of a canary: what they say, and how they get into the log.

Mirrors   what Postfix logs of one message to one recipient that is delivered at once, under an
          instance of its own (``mailtally-canary``): the collector keeps all of that instance out
          of every figure. Its domain is in .invalid, where nobody can have mail (RFC 6761).
Gives     ``lines_of`` a queue id, and where to write them: ``Syslog``, as syslog(3) does, which is
          how Postfix logs, or ``LogFile``, as postlogd writes a maillog_file.
"""

import os
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import NamedTuple

INSTANCE = "mailtally-canary"
ADDRESS = f"canary@{INSTANCE}.invalid"
# Facility mail, severity info (RFC 5424, section 6.2.1).
PRIORITY = 2 * 8 + 6
SEND_SECONDS = 5.0
MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


class CanaryLine(NamedTuple):
    """One line, and what is to be found of it: ``accepted``, ``attempt`` or ``completed``."""

    name: str
    daemon: str
    text: str


def new_queue_id() -> str:
    """A queue id that no message has: 64 bits by chance, in the form of Postfix's short ones."""
    return secrets.token_hex(8).upper()


def lines_of(queue_id: str) -> list[CanaryLine]:
    """The three lines, in the order in which they are written."""
    active = f"from=<{ADDRESS}>, size=1, nrcpt=1 (queue active)"
    sent = f"to=<{ADDRESS}>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (canary)"
    return [
        CanaryLine("accepted", "qmgr", f"{queue_id}: {active}"),
        CanaryLine("attempt", "smtp", f"{queue_id}: {sent}"),
        CanaryLine("completed", "qmgr", f"{queue_id}: removed"),
    ]


class Syslog:
    """The syslog daemon (or the journal) behind its socket."""

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        """Write to the socket of that name, with local time stamps."""
        self._path = path
        self._clock = clock

    def write(self, lines: list[CanaryLine]) -> None:
        """Send each as a message. Raises OSError, also when the daemon takes none for a while.

        Connected anew each time: the daemon may have been restarted.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.settimeout(SEND_SECONDS)
            daemon.connect(str(self._path))
            for line in lines:
                head = f"<{PRIORITY}>{_stamp(self._clock())} {_program(line)}"
                daemon.send(f"{head}: {line.text}".encode())


class LogFile:
    """A log that Postfix writes itself (maillog_file)."""

    def __init__(self, path: Path, host: str, zone: tzinfo, clock: Callable[[], datetime]) -> None:
        """Append to the file, with the host's name and time stamps of that zone."""
        self._path = path
        self._host = host
        self._zone = zone
        self._clock = clock

    def write(self, lines: list[CanaryLine]) -> None:
        """Append each as a whole. Raises OSError; a file that is missing is not made.

        Opened anew each time: the log may have been rotated.
        """
        log = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            for line in lines:
                stamp = _stamp(self._clock().astimezone(self._zone))
                os.write(log, f"{stamp} {self._host} {_program(line)}: {line.text}\n".encode())
        finally:
            os.close(log)


def _program(line: CanaryLine) -> str:
    return f"{INSTANCE}/{line.daemon}[{os.getpid()}]"


def _stamp(moment: datetime) -> str:
    """``Mar  1 09:05:07``, in English whatever the locale."""
    month = MONTHS[3 * moment.month - 3 : 3 * moment.month]
    return f"{month} {moment.day:2} {moment:%H:%M:%S}"
