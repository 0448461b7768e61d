"""Lines about messages that belong together, in the order in which they are written.

Gives     Family: its clock, its lines, what became of its messages, and its connections to other
          servers. Lines of different families may come in any order within a second.
"""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tests.traffic.log_text import logged
from tests.traffic.names import Names
from tests.traffic.truth import Truth

PIDS_OF_A_FAMILY = 1_000
_TRUSTS = ("", "Untrusted", "Trusted", "Verified", "Anonymous")
_NOISE = (
    ("smtpd", "connect from unknown[192.0.2.9]"),
    ("smtpd", "disconnect from unknown[192.0.2.9] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"),
    ("smtp", "connect to mx.example.test[192.0.2.1]:25: Connection refused"),
    (
        "smtp",
        "TLSRPT: status=success, domain=example.test, receiving_mx=mx.example.test[192.0.2.1]",
    ),
    ("smtpd", "NOQUEUE: reject: RCPT from x[192.0.2.9]: 450 4.1.1 <a@b>: removed; to=<a@b>"),
    ("smtpd", "NOQUEUE: client=unknown[192.0.2.9]"),
    ("smtpd", "warning: A1B2C3D: to=<a@b>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0,"),
    ("anvil", "statistics: max connection rate 1/60s for (smtp:192.0.2.9) at Mar  1 10:00:00"),
    ("scache", "statistics: start interval Mar  1 10:00:00"),
)


class Line(NamedTuple):
    """A line to be written at a second (since 1970), by a program of this host."""

    second: int
    program: str
    text: str


@dataclass(slots=True)
class Connection:
    """A connection of one smtp process; user is the queue id of what it carried last."""

    instance: str
    relay: str
    pid: int
    trust: str
    user: str
    uses: int = 1


class Family:
    """Messages that belong together."""

    def __init__(self, random: Random, names: Names, number: int, second: int) -> None:
        """Begin at a second, with no lines."""
        self.random = random
        self.names = names
        self.second = second
        self.lines: list[Line] = []
        self.truths: list[Truth] = []
        self.instances = ("postfix", "postfix-out")
        self._pid = number * PIDS_OF_A_FAMILY
        self._connections: list[Connection] = []

    def chance(self, odds: float) -> bool:
        """Whether something happens that does with these odds."""
        return self.random.random() < odds

    def wait(self, least: int, most: int) -> None:
        """Let time pass, in seconds."""
        self.second += self.random.randint(least, most)

    def write(self, program: str, text: str) -> None:
        """Write a line; now and then one that means nothing comes before it."""
        if self.chance(1 / 10):
            daemon, noise = self.random.choice(_NOISE)
            self.lines.append(Line(self.second, f"postfix/{daemon}[{self.new_pid()}]", noise))
        self.lines.append(Line(self.second, program, logged(text)))

    def new_pid(self) -> int:
        """Process id that no other process has."""
        self._pid += 1
        return self._pid

    def connect(self, truth: Truth, relay: str) -> Connection:
        """A connection to the relay: one that is open, of a process that had another, or new."""
        ours = [one for one in self._connections if one.instance == truth.instance]
        for connection in ours:
            if connection.relay == relay and self.chance(2 / 3):
                # Further recipients of a message are no further use of the connection.
                connection.uses += connection.user != truth.queue_id
                connection.user = truth.queue_id
                return connection
        others = [one for one in ours if one.user != truth.queue_id]
        pid = self.new_pid()
        if others and self.chance(1 / 3):
            pid = self.random.choice(others).pid
            self._connections = [one for one in self._connections if one.pid != pid]
        connection = Connection(
            truth.instance, relay, pid, self.random.choice(_TRUSTS), truth.queue_id
        )
        self._connections.append(connection)
        if connection.trust:
            self.lines.append(
                Line(
                    self.second,
                    f"{truth.instance}/smtp[{pid}]",
                    f"{connection.trust} TLS connection established to {relay}: TLSv1.3 with cipher"
                    " TLS_AES_256_GCM_SHA384 (256/256 bits)",
                )
            )
        return connection
