"""Logs of two servers that hand mail to each other, with what became of every recipient.

Gives     Exchange: ``logs`` by server, and the ledger: recipients by state, in total, by domain,
          by mailbox and by the server where they left, and the failed or waiting ones by name.
Limits    The generator decides and notes; nothing here is read from a log. Both servers number
          their queue files alike, so that every queue id names a message on each.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from tests.corpus.bundled import BUNDLED

HOSTS = {"mx1": "192.0.2.1", "mx2": "192.0.2.2"}
DOMAINS = ("shop.example", "bistro.example", "club.example")
DEPTH_MAX = 3
_REFUSALS = (
    "550 5.1.1 <{}>: Recipient address rejected: User unknown",
    "552 5.2.2 <{}>: user is over quota",
    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example",
)

Failed = tuple[str, str, str]


@dataclass(slots=True)
class Ledger:
    """What became of recipients where they left: by state, and the events among them."""

    by_state: Counter[str] = field(default_factory=Counter)
    by_domain: dict[str, Counter[str]] = field(default_factory=dict)
    by_mailbox: dict[str, Counter[str]] = field(default_factory=dict)
    by_server: dict[str, Counter[str]] = field(default_factory=dict)
    events: Counter[Failed] = field(default_factory=Counter)

    def note(self, server: str, queue_id: str, sender: str, recipient: str, state: str) -> None:
        """Count a recipient."""
        self.by_state[state] += 1
        for counts, key in (
            (self.by_domain, sender.rpartition("@")[2]),
            (self.by_mailbox, sender),
            (self.by_server, server),
        ):
            counts.setdefault(key, Counter())[state] += 1
        if state != "delivered":
            self.events[queue_id, recipient, state] += 1


class Exchange:
    """So many messages, handed in at one of the servers or the other."""

    def __init__(self, seed: int, messages: int) -> None:
        self.ledger = Ledger()
        self.logs: dict[str, list[str]] = {server: [] for server in HOSTS}
        self._random = Random(seed)  # noqa: S311 - repeatable
        self._queue_ids = {server: count(0xBA77000) for server in HOSTS}
        self._moment = datetime.fromisoformat(BUNDLED.ledger["started"]).astimezone(UTC)
        for number in range(messages):
            server = self._random.choice(list(HOSTS))
            sender = f"user{self._random.randrange(4)}@{self._random.choice(DOMAINS)}"
            to = [f"r{number}.{one}@example.net" for one in range(self._random.choice((1, 1, 3)))]
            client = "client=web[192.0.2.9], sasl_method=PLAIN, sasl_username=web"
            self._live(server, sender, f"<{number}@{server}>", to, client, depth=1)

    def log(self, server: str) -> bytes:
        """The whole log of a server."""
        return "".join(self.logs[server]).encode()

    def _live(
        self, server: str, sender: str, name: str, to: list[str], client: str, *, depth: int
    ) -> str:
        """Let a message arrive at a server and be tried for each recipient; its queue id."""
        queue_id = f"{next(self._queue_ids[server]):X}"
        self._say(server, "smtpd", f"{queue_id}: {client}")
        self._say(server, "cleanup", f"{queue_id}: message-id={name}")
        active = f"{queue_id}: from=<{sender}>, size=500, nrcpt={len(to)} (queue active)"
        self._say(server, "qmgr", active)
        waiting = False
        for recipient in to:
            if depth < DEPTH_MAX and self._random.random() < 0.5:
                (other,) = set(HOSTS) - {server}
                origin = f"client={server}.example[{HOSTS[server]}]"
                child = self._live(other, sender, name, [recipient], origin, depth=depth + 1)
                relay = f"{other}.example[{HOSTS[other]}]:25"
                self._try(server, queue_id, recipient, relay, f"sent (250 Ok: queued as {child})")
            else:
                state = self._deliver(server, queue_id, recipient)
                self.ledger.note(server, queue_id, sender, recipient, state)
                waiting |= state == "pending"
        if not waiting:
            self._say(server, "qmgr", f"{queue_id}: removed")
        return queue_id

    def _deliver(self, server: str, queue_id: str, recipient: str) -> str:
        """Try a recipient at a stranger's, once or twice; its state."""
        relay = "mx.example.net[192.0.2.25]:25"
        chance = self._random.random()
        if chance < 0.3:
            later = "deferred (host mx.example.net said: 451 4.7.1 Greylisted, try again)"
            self._try(server, queue_id, recipient, relay, later)
            if chance < 0.1:
                return "pending"
        if chance < 0.75:
            self._try(server, queue_id, recipient, relay, "sent (250 2.0.0 Ok)")
            return "delivered"
        refusal = self._random.choice(_REFUSALS).format(recipient)
        self._try(server, queue_id, recipient, relay, f"bounced (host mx said: {refusal})")
        return "bounced"

    def _try(self, server: str, queue_id: str, recipient: str, relay: str, what: str) -> None:
        dsn = {"s": "2.0.0", "d": "4.7.1", "b": "5.0.0"}[what[0]]
        told = f"to=<{recipient}>, relay={relay}, delay=0.1, delays=0/0/0/0.1, dsn={dsn}"
        self._say(server, "smtp", f"{queue_id}: {told}, status={what}")

    def _say(self, server: str, daemon: str, text: str) -> None:
        self._moment += timedelta(microseconds=self._random.randrange(1, 40_000))
        line = f"{self._moment.isoformat()} {server} postfix/{daemon}[7]: {text}\n"
        self.logs[server].append(line)
