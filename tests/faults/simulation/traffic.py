"""Lines of a busy Postfix, one after another, with the moment at which they are written.

Gives     ``Traffic.next_line``: the next line, noted in the ledger first.
Limits    A small part of what Postfix logs (tests/traffic has the rest): enough that every kind of
          record is made, that messages live long and across each other, that queue ids come again,
          and that strangers' texts look like lines.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from tests.faults.simulation.ledger import Attempt, Ledger, Life, Line

OPEN_MAX = 5
AGAIN_AFTER_US = 5_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAKE = "to=<victim@bank.example>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)"
_SENT = (
    "250 2.0.0 Ok: {}",
    "250 ok, status=bounced (550 5.1.1 no such user {})",
    "250 2.0.0 {} to=<x@y.example>, relay=none, dsn=5.0.0, status=deferred (later)",
)
_DEFERRED = (
    "host mx.far.example[192.0.2.25] said: 451 4.7.1 Greylisted {} (in reply to RCPT TO command)",
    "connect to mx.far.example[192.0.2.25]:25: Connection timed out {}",
    "host mx.far.example[192.0.2.25] said: 450 4.2.0 {}), status=sent (250 2.0.0 Ok",
)
_BOUNCED = (
    "host mx.far.example[192.0.2.25] said: 550 5.1.1 {} no such user (in reply to RCPT TO command)",
    "host mx.far.example[192.0.2.25] said: 554 5.7.1 {}, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
)
_REPLIES = {"sent": _SENT, "deferred": _DEFERRED, "bounced": _BOUNCED}
_DSN = {"sent": "2.0.0", "deferred": "4.7.1", "bounced": "5.1.1"}
# Nothing of these is a line about a message.
_STRANGE = (
    "postfix/smtpd[31]: warning: hostname 4FACE00001: " + _FAKE + " does not resolve",
    "postfix/smtpd[31]: NOQUEUE: reject: RCPT from h[192.0.2.9]: 4FACE00002: " + _FAKE,
    "sshd[77]: 4FACE00003: " + _FAKE,
    "dovecot: 4FACE00004: " + _FAKE,
    "kernel: postfix/smtp[9]: 4FACE00005: " + _FAKE,
    "postfix/smtp[9]: warning: 4FACE00006: " + _FAKE,
    "postfix/postscreen[5]: PREGREET 99 after 0.1 from [192.0.2.9]:99: 4FACE00007: " + _FAKE,
)


class Traffic:
    """The lines of one server."""

    def __init__(self, server: str, ledger: Ledger, random: Random, *, iso: bool) -> None:
        """``iso``: time stamps of RFC 3339 with microseconds, else those of RFC 3164."""
        self._server = server
        self._ledger = ledger
        self._random = random
        self._iso = iso
        self._open: list[Iterator[Line]] = []
        self._count = 0
        self._now_us = 0
        self._free: list[tuple[str, int]] = []
        # The message that the last line was about.
        self._last = Life("", b"", [])

    def next_line(self, now_us: int) -> Line:
        """Decide on the next line; it is in the ledger, and not on the disk yet."""
        self._now_us = now_us
        self._count += 1
        line = self._again() or self._of_life_or_strange()
        self._ledger.lines.append(line)
        return line

    def _again(self) -> Line | None:
        """The last line, word for word: the same recipient is named twice in one message."""
        last = self._ledger.lines[-1] if self._ledger.lines else None
        if last is None or last.attempt is None or self._random.random() > 0.05:
            return None
        if self._line("").time_us != last.time_us:
            return None
        line = Line(last.text, last.time_us, last.attempt)
        self._last.lines.append(line)
        return line

    def _of_life_or_strange(self) -> Line:
        line = self._of_life() if self._random.random() < 0.94 else None
        return line or self._strange()

    def _of_life(self) -> Line | None:
        random = self._random
        if (len(self._open) < OPEN_MAX and random.random() < 0.3) or not self._open:
            self._open.append(self._lines(self._begin()))
        life = random.choice(self._open)
        line = next(life, None)
        if line is None:
            self._open.remove(life)
        return line

    def _begin(self) -> Life:
        number = len(self._ledger.lives)
        queue_id = f"{0x4BA7700 + number:X}"
        # Short queue ids come again once they are free, though not at once.
        if self._free and self._random.random() < 0.5:
            free, since_us = self._free[0]
            if self._now_us - since_us > AGAIN_AFTER_US:
                del self._free[0]
                queue_id = free
        kinds = ("r{}", "r{}", "r{}+tag", '"r{}, status=sent (x"', '"r{}>, relay=none"')
        recipients = [
            f"{self._random.choice(kinds).format(f'{number}.{one}')}@far.example".encode()
            for one in range(self._random.choice((1, 1, 1, 2, 3)))
        ]
        life = Life(queue_id, f"u{number % 3}@shop.example".encode(), recipients)
        self._ledger.lives.append(life)
        return life

    def _lines(self, life: Life) -> Iterator[Line]:
        """What is logged of a message, until it leaves the queue."""
        random = self._random
        if random.random() < 0.8:
            yield self._say(life, "smtpd", "client=web[192.0.2.9], sasl_username=web")
        else:
            yield self._say(life, "pickup", f"uid=33 from=<{life.sender.decode()}>")
        yield self._say(life, "cleanup", f"message-id=<{self._count}@{self._server}>")
        if random.random() < 0.1:
            header = f"warning: header Subject: {_FAKE} from h[192.0.2.9]; from=<a@b> to=<c@d>"
            yield self._say(life, "cleanup", header)
        waiting = list(life.recipients)
        while waiting:
            yield self._say(life, "qmgr", self._active(life))
            for recipient in list(waiting):
                status = random.choice(("sent", "sent", "deferred", "bounced"))
                if status != "deferred":
                    waiting.remove(recipient)
                yield self._try(life, recipient, status)
        life.done = True
        yield self._say(life, "qmgr", "removed")
        self._free.append((life.queue_id, self._now_us))

    def _active(self, life: Life) -> str:
        return (
            f"from=<{life.sender.decode()}>, size=500, nrcpt={len(life.recipients)} (queue active)"
        )

    def _try(self, life: Life, recipient: bytes, status: str) -> Line:
        reply = self._random.choice(_REPLIES[status]).format(self._count)
        if self._random.random() < 0.05:
            reply += " é…"
        line = self._say(
            life,
            "smtp",
            f"to=<{recipient.decode()}>, relay=mx.far.example[192.0.2.25]:25, delay=0.3,"
            f" delays=0.1/0/0.1/0.1, dsn={_DSN[status]}, status={status} ({reply})",
        )
        line.attempt = Attempt(life.queue_id, recipient, line.time_us, status, reply.encode())
        return line

    def _say(self, life: Life, daemon: str, text: str) -> Line:
        line = self._line(f"postfix/{daemon}[{90 + self._count % 7}]: {life.queue_id}: {text}")
        life.lines.append(line)
        self._last = life
        return line

    def _strange(self) -> Line:
        return self._line(self._random.choice(_STRANGE) + f" {self._count}")

    def _line(self, text: str) -> Line:
        moment = _EPOCH + timedelta(microseconds=self._now_us)
        time_us = self._now_us
        if self._iso:
            stamp = moment.isoformat(timespec="microseconds")
        else:
            time_us -= time_us % 1_000_000
            stamp = f"{moment:%b} {moment.day:2} {moment:%H:%M:%S}"
        return Line(f"{stamp} {self._server} {text}".encode(), time_us)
