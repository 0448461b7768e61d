"""Messages of one mail host as its syslog daemon writes them, and what each line tells.

Gives     Lives: ``next_line`` after line, of several messages at once, without an end.
Hostile   Replies, headers and other programs' lines hold whole delivery lines that are none; their
          recipients are at NEVER.
Names     Each recipient is shared by MESSAGES_A_NAME messages, so that few questions find them all.
"""

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

MESSAGES_A_NAME = 50
OPEN_MESSAGES = 6
NEVER = "never.example"
SENDERS = ("shop.example", "bistro.example", "club.example")
MX = "mx.example.net[192.0.2.25]:25"
FAKE = "to=<{}@never.example>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)"
REPLIES = {
    "sent": ("2.0.0", "250 2.0.0 Ok"),
    "deferred": (
        "4.7.1",
        "host mx.example.net said: 451 4.7.1 Greylisted (in reply to RCPT TO command)",
    ),
    "bounced": (
        "5.1.1",
        "host mx.example.net said: 550 5.1.1 User unknown (in reply to RCPT TO command)",
    ),
}
STATES = {"sent": "delivered", "deferred": "pending", "bounced": "bounced"}


class Tried(NamedTuple):
    """One attempt, without its moment."""

    queue_id: str
    recipient: str
    status: str
    enhanced_status: str


class Line(NamedTuple):
    """What stands behind the header of a log line, and what it says of its message.

    accepts  it is in the queue from here on
    tried    an attempt
    """

    text: str
    queue_id: str
    accepts: bool = False
    tried: Tried | None = None


@dataclass(slots=True)
class Life:
    """A message: its recipients, and the lines that are still to come, the last one first."""

    queue_id: str
    recipients: tuple[str, ...]
    lines: list[Line] = field(default_factory=list)


class Lives:
    """What one host says, drawn at random."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._number = 0
        self._open: list[Life] = []
        self.recipients: dict[str, tuple[str, ...]] = {}

    @property
    def is_between(self) -> bool:
        """Whether every message that was begun has been told to its end."""
        return not self._open

    def next_line(self, *, begin: bool = True) -> Line:
        """Give the next line; without ``begin`` only of messages that were begun."""
        while begin and len(self._open) < OPEN_MESSAGES:
            self._open.append(self._begin())
        life = self._random.choice(self._open)
        line = life.lines.pop()
        if not life.lines:
            self._open.remove(life)
        return line

    def names(self) -> set[str]:
        """All recipients' addresses."""
        return {name for names in self.recipients.values() for name in names}

    def _begin(self) -> Life:
        self._number += 1
        queue_id = f"{0xBA77000 + self._number:X}"
        group = self._number // MESSAGES_A_NAME
        count = self._random.choice((1, 1, 2))
        recipients = tuple(f"{'ab'[one]}{group}@example.net" for one in range(count))
        self.recipients[queue_id] = recipients
        life = Life(queue_id, recipients)
        self._say(life, "smtpd", "client=web[192.0.2.9], sasl_method=PLAIN, sasl_username=web")
        self._say(life, "cleanup", f"message-id=<{self._number}@{self._random.choice(SENDERS)}>")
        if self._random.random() < 0.1:
            fake = f"postfix/smtp[7]: {self._number:X}FF: {FAKE.format('header')}"
            where = "from web[192.0.2.9]; from=<a@b> to=<c@d> proto=ESMTP helo=<x>"
            self._say(life, "cleanup", f"warning: header Subject: {fake} {where}")
        sender = f"user{self._random.randrange(4)}@{self._random.choice(SENDERS)}"
        active = f"from=<{sender}>, size=500, nrcpt={count} (queue active)"
        self._say(life, "qmgr", active, accepts=True)
        waits = False
        for recipient in recipients:
            waits |= self._try(life, recipient) == "deferred"
        if not waits:
            self._say(life, "qmgr", "removed")
        if self._random.random() < 0.05:
            text = f"cron[9]: postfix/smtp[7]: {queue_id}: {FAKE.format('cron')}"
            life.lines.append(Line(text, queue_id))
        life.lines.reverse()
        return life

    def _try(self, life: Life, recipient: str) -> str:
        """Try a recipient once or twice; the last status."""
        chance = self._random.random()
        statuses = ["deferred"] if chance < 0.3 else []
        if not 0.2 < chance < 0.3:
            statuses.append("bounced" if chance > 0.8 else "sent")
        for number, status in enumerate(statuses):
            dsn, reply = REPLIES[status]
            if self._random.random() < 0.2:
                reply = f"{reply[:-1]}) {FAKE.format('reply')}"
            text = (
                f"to=<{recipient}>, relay={MX}, delay={number + 1}.5,"
                f" delays=0.1/0/0.1/0.3, dsn={dsn}, status={status} ({reply})"
            )
            tried = Tried(life.queue_id, recipient, status, dsn)
            self._say(life, "smtp", text, tried=tried)
        return statuses[-1]

    def _say(
        self,
        life: Life,
        daemon: str,
        text: str,
        *,
        accepts: bool = False,
        tried: Tried | None = None,
    ) -> None:
        line = f"postfix/{daemon}[7]: {life.queue_id}: {text}"
        life.lines.append(Line(line, life.queue_id, accepts, tried))
