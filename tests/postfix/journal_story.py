"""What the agent reads while a real journald writes, is restarted and makes room.

Runs      beside a private journald (tests/corpus/formats/daemons.py), whose host journal it reads.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from mailtally_agent.source.hole import Hole
from mailtally_agent.source.journal import Journal, JournalPlace
from mailtally_agent.source.journalctl import JournalOptions
from mailtally_agent.terms import GapCause

SOCKET = "/run/systemd/journal/dev-log"
MAIL, DAEMON = 22, 30
WAIT_SECONDS = 15.0


def log(text: str, priority: int = MAIL) -> None:
    """Log as Postfix does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.connect(SOCKET)
        daemon.send(f"<{priority}>Mar  1 09:05:07 postfix/smtp[99]: {text}".encode())


def journalctl(*arguments: str) -> None:
    subprocess.run(["journalctl", *arguments], check=True, capture_output=True)


def wait_for(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def texts(journal: Journal, count: int) -> list[str]:
    """What the next lines say."""
    lines: list[str] = []

    def enough() -> bool:
        lines.extend(journal.read())
        return len(lines) >= count

    wait_for(enough)
    return [line.partition("]: ")[2] for line in lines]


def restart_journald() -> None:
    """End it hard; a new one takes its place."""
    (old,) = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/comm")
        if path.read_text() == "systemd-journal\n"
    ]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{old}/exe").exists())
    Path(SOCKET).unlink()
    subprocess.Popen(["/lib/systemd/systemd-journald"])
    wait_for(Path(SOCKET).exists)


def main() -> None:
    """Follow, come back, lose entries."""
    options = JournalOptions()
    log("A1: one")
    log("no mail", DAEMON)
    log("A2: two")
    journalctl("--sync")
    journal = Journal(options, None)
    assert texts(journal, 2) == ["A1: one", "A2: two"]
    log("A3: three")
    assert texts(journal, 1) == ["A3: three"]
    wait_for(journal.caught_up)

    restart_journald()
    log("A4: four")
    assert texts(journal, 1) == ["A4: four"]
    journalctl("--sync", "--rotate")
    log("A5: five")
    assert texts(journal, 1) == ["A5: five"]
    place = journal.place()
    assert place is not None
    journal.close()

    log("A6: six")
    journal = Journal(options, JournalPlace.from_state(place.to_state()))
    assert texts(journal, 1) == ["A6: six"]
    assert journal.take_holes() == []
    place = journal.place()
    journal.close()

    log("A7: seven")
    journalctl("--sync", "--rotate")
    log("A8: eight")
    journalctl("--sync", "--rotate", "--vacuum-files=1")
    log("A9: nine")
    journal = Journal(options, place)
    rest = texts(journal, 1)
    assert rest[-1] == "A9: nine"
    assert "A7: seven" not in rest
    assert journal.take_holes() == [Hole(GapCause.JOURNAL_GONE, certain=True)]
    journal.close()


if __name__ == "__main__":
    main()
