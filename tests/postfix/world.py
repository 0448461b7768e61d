"""The world outside the private Postfix: domains, their exchangers, and who listens.

Gives     PLACES, the domains; World, their scripted servers and the one ledger they share.
Limits    Everything lives on 127.0.2.0/24. 127.0.0.1 stays free: there it means an internal hop.
"""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from tests.postfix.scripted_server import Answer, ScriptedServer


@dataclass(frozen=True, slots=True)
class Place:
    """A remote domain. No address: its exchanger's name does not resolve.

    counts_tries  every delivery attempt reaches RCPT, so the far side's answers are all attempts;
                  elsewhere Postfix suspends the destination and defers mail without asking
    """

    domain: str
    host_name: str
    address: str | None
    banner: bytes | None = None
    listens: bool = True
    counts_tries: bool = True


PLACES = (
    Place("gmail.test", "mx.gmail.test", "127.0.2.1"),
    Place("outlook.test", "outlook-test.mail.protection.outlook.test", "127.0.2.2"),
    Place("corp.test", "mail.corp.test", "127.0.2.3"),
    # The home of some senders: their notifications leave through smtp.
    Place("partner-app.test", "mx.partner-app.test", "127.0.2.4"),
    # smtp_skip_5xx_greeting=yes (the default) makes this 5xx a temporary failure.
    Place(
        "refuse.test",
        "mx.refuse.test",
        "127.0.2.5",
        banner=b"554 5.7.1 No SMTP service for you here\r\n",
        counts_tries=False,
    ),
    Place(
        "busy.test",
        "mx.busy.test",
        "127.0.2.6",
        banner=b"421 4.7.0 Try again later, too many connections\r\n",
        counts_tries=False,
    ),
    Place("flaky.test", "mx.flaky.test", "127.0.2.7", counts_tries=False),
    Place("down.test", "mx.down.test", "127.0.2.9", listens=False, counts_tries=False),
    Place("nodns.test", "no-such-host.invalid", None, listens=False, counts_tries=False),
)


def place_of(recipient: str) -> Place | None:
    """Find the remote domain of an address; None when it is not of this world."""
    domain = recipient.rpartition("@")[2]
    return next((place for place in PLACES if place.domain == domain), None)


class World:
    """All listening places on one free port."""

    def __init__(self) -> None:
        self.ledger: list[Answer] = []
        self.port = free_port()
        self._servers = [
            ScriptedServer(place.host_name, place.address, self.port, place.banner, self.ledger)
            for place in PLACES
            if place.address is not None and place.listens
        ]

    def start(self) -> None:
        """Begin to listen."""
        for server in self._servers:
            server.start()

    def stop(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.stop()

    def hosts(self) -> str:
        """Lines for a hosts file."""
        return "".join(f"{p.address} {p.host_name}\n" for p in PLACES if p.address is not None)

    def transport(self) -> str:
        """Routes, one line per domain; brackets mean no MX lookup."""
        return "".join(f"{p.domain} smtp:[{p.host_name}]:{self.port}\n" for p in PLACES)

    def answers(self, envelope_sender: str, recipient: str) -> list[Answer]:
        """Answers to one recipient of one sender, in order."""
        return [
            answer
            for answer in tuple(self.ledger)
            if answer.recipient == recipient and answer.envelope_sender == envelope_sender
        ]


@contextlib.contextmanager
def running_world() -> Iterator[World]:
    """Start a world; stop it in any case."""
    world = World()
    world.start()
    try:
        yield world
    finally:
        world.stop()


def free_port() -> int:
    """Choose a port that no place's address uses: 2525 if possible."""
    for candidate in (2525, 0, 0, 0):
        port = candidate
        with contextlib.ExitStack() as open_sockets, contextlib.suppress(OSError):
            for place in PLACES:
                if place.address is not None:
                    probe = open_sockets.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((place.address, port))
                    port = probe.getsockname()[1]
            return port
    raise OSError("no port is free on all of 127.0.2.1 to 127.0.2.9")
