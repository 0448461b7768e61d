"""Log a postlogd log's lines again, as Postfix does to a syslog daemon: ``replay SOCKET < LOG``.

Mirrors   postfix src/util/msg_syslog.c (facility mail, severity by the word before the text) and
          glibc's syslog(3): one datagram ``<22>Nov  3 09:05:07 postfix/smtp[99]: text`` for each
          line, the day padded with a space, the host left to the daemon.
Gives     datagram(); as a command with ``--own-pids`` every line is sent by a process whose id is
          the one in the line, since journald asks the kernel for the sender's.
Limits    ``--own-pids`` needs a PID namespace where no other process holds those ids for long.
"""

import os
import re
import socket
import sys
from pathlib import Path

_LINE = re.compile(
    r"(?P<month>[A-Z][a-z]{2}) (?P<day>\d\d) (?P<time>\d\d:\d\d:\d\d) \S+"
    r" (?P<program>[^ \[]+)\[(?P<pid>\d+)\]: (?P<text>.*)",
    re.DOTALL,
)
_MAIL = 2 << 3
_INFO = 6
_SEVERITIES = {"warning": 4, "error": 3, "fatal": 2, "panic": 2}
TRIALS = 100
_LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


def datagram(line: str) -> tuple[int, bytes]:
    """Process id of the sender and what it sends. ValueError when postlogd wrote no such line.

    >>> datagram("Mar 01 09:05:07 mx1 postfix/smtp[99]: A1B2C3: removed")
    (99, b'<22>Mar  1 09:05:07 postfix/smtp[99]: A1B2C3: removed')
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(line)
    priority = _MAIL | _SEVERITIES.get(match["text"].partition(":")[0], _INFO)
    moment = f"{match['month']} {int(match['day']):2} {match['time']}"
    text = f"<{priority}>{moment} {match['program']}[{match['pid']}]: {match['text']}"
    return int(match["pid"]), text.encode("utf-8", "surrogateescape")


def main() -> None:
    """Send standard input's lines."""
    path, *options = sys.argv[1:]
    send = _send_as if options == ["--own-pids"] else _send
    log = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.connect(path)
        for line in log.split("\n")[:-1]:
            send(daemon, *datagram(line))


def _send(daemon: socket.socket, _: int, content: bytes) -> None:
    if daemon.send(content) != len(content):
        raise RuntimeError(f"sent in part: {content!r}")


def _send_as(daemon: socket.socket, pid: int, content: bytes) -> None:
    """Send in a process of that id; PID namespaces give out the next free one."""
    for _ in range(TRIALS):
        _LAST_PID.write_text(str(pid - 1))
        child = os.fork()
        if child == 0:
            # The daemon may have begun a thread in between, and have got the id.
            if os.getpid() == pid:
                _send(daemon, pid, content)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            break
        if child == pid:
            return
    raise RuntimeError(f"no process could send as {pid}")


if __name__ == "__main__":
    main()
