"""A month of a small fleet's mail as Postfix logs it: for pages to show, in tests and in pictures.

Shape     Three servers, a dozen domains, large providers and small sites with what they answer; a
          day on which a domain lost its SPF record; and, when asked for, mail of a stranger who
          writes markup, turned text and formulas wherever a stranger can write.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
DAYS = 30
SERVERS = ("mx1.fleet.example", "mx2.fleet.example", "mx3.fleet.example")
DOMAINS = (
    *("shop.example", "bakery.example", "cinema.example", "dentist.example", "garden.example"),
    *("hotel.example", "lawyers.example", "museum.example", "news.example", "school.example"),
    *("travel.example", "wine.example"),
)
MAILBOXES = ("info", "orders", "newsletter", "anna", "support")
SPIKE_DOMAIN, SPIKE_DAYS_AGO = "shop.example", 3
HOSTILE_DOMAIN = "hostile.example"
MARKUP = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
HOSTILE_TEXTS = (
    MARKUP,
    IMAGE,
    "javascript:alert(1) http://plain.example/ https://a.example@evil.example/",
    "https://good.example/?a=1&b=<b> see",
    "\u202eevil\u202c \u2066isolate\u2069 \u200bzero\ufeff",
    "C1 \x85 \x9b31m end",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "</textarea></title><!-- -->",
    "=cmd|' /C calc'!A0",
    "\udcff\udcfe not UTF-8 \ue000",
)
HOSTILE_NAMES = (
    f'"{MARKUP}"',
    f'"{IMAGE[1:]}"',
    "=1+1",
    "+1+1",
    "-2+3",
    "=cmd",
    '"\u202egnp.exe"',
    '"a\x85b"',
    "{{7*7}}",
)


@dataclass(frozen=True, slots=True)
class Provider:
    """Who receives: domain, relay, and what it answers when it refuses or defers."""

    domain: str
    relay: str
    refuses: tuple[tuple[str, str], ...]
    defers: tuple[tuple[str, str], ...] = ()


UNAUTHENTICATED = (
    "5.7.26",
    (
        "550-5.7.26 Your email has been blocked because the sender is unauthenticated."
        " 550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM."
        " 550 5.7.26 For instructions on setting up authentication, go to"
        " https://support.google.com/mail/answer/81126#authentication a640c23a62f3a - gsmtp"
    ),
)
PROVIDERS = (
    Provider(
        "gmail.com",
        "gmail-smtp-in.l.google.com[142.250.102.26]:25",
        (
            (
                "5.1.1",
                (
                    "550-5.1.1 The email account that you tried to reach does not exist. Please try"
                    " 550-5.1.1 double-checking the recipient's email address for typos. 550 5.1.1"
                    " For more information, go to https://support.google.com/mail/?p=NoSuchUser"
                    " a640c23a62f3a - gsmtp"
                ),
            ),
            UNAUTHENTICATED,
        ),
        (
            (
                "4.2.2",
                (
                    "452-4.2.2 The recipient's inbox is out of storage space. Please direct the"
                    " recipient to 452 4.2.2 https://support.google.com/mail/?p=OverQuotaTemp"
                    " - gsmtp"
                ),
            ),
        ),
    ),
    Provider(
        "outlook.com",
        "outlook-com.olc.protection.outlook.com[52.101.68.5]:25",
        (
            (
                "5.7.1",
                (
                    "550 5.7.1 Unfortunately, messages from [198.51.100.7] weren't sent."
                    " Please contact"
                    " your Internet service provider since part of their network is on our"
                    " block list"
                    " (S3140). You can also refer your provider to"
                    " https://mail.live.com/mail/troubleshooting.aspx#errors."
                ),
            ),
            ("5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."),
        ),
    ),
    Provider(
        "yahoo.com",
        "mta5.am0.yahoodns.net[67.195.204.77]:25",
        (("5.0.0", "554 delivery error: dd This user doesn't have a yahoo.com account [-1]"),),
        (
            (
                "4.7.0",
                (
                    "421 4.7.0 [TSS04] Messages from 198.51.100.7 temporarily deferred due to"
                    " unexpected volume or user complaints - 4.16.55.1; see"
                    " https://postmaster.yahooinc.com/error-codes"
                ),
            ),
        ),
    ),
    Provider(
        "gmx.net",
        "mx00.gmx.net[212.227.15.9]:25",
        (
            (
                "5.0.0",
                (
                    "554 Transaction failed Reject due to policy restrictions. For"
                    " explanation visit"
                    " https://postmaster.gmx.net/en/error-messages?ip=198.51.100.7"
                ),
            ),
        ),
    ),
    Provider(
        "partner.example",
        "mail.partner.example[203.0.113.8]:25",
        (
            ("5.1.1", "550 5.1.1 <{to}>: Recipient address rejected: User unknown"),
            ("5.0.0", "550 frobnicated by the plugh of xyzzy"),
            (
                "5.7.1",
                (
                    "554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using"
                    " zen.spamhaus.org; https://www.spamhaus.org/query/ip/198.51.100.7"
                ),
            ),
        ),
        (("4.2.0", "450 4.2.0 <{to}>: Recipient address rejected: Greylisted for 5 minutes"),),
    ),
)
WEIGHTS = (40, 22, 12, 8, 18)


class Mail:
    """Writes lines by server."""

    def __init__(self, seed: int = 1) -> None:
        self.lines: dict[str, list[tuple[datetime, str]]] = {name: [] for name in SERVERS}
        self._random = Random(seed)  # noqa: S311 - chance that can be repeated
        self._number = 0x3F2A10

    def of_a_month(self, messages: int) -> None:
        """Write that many, more by day than by night, and fewer at weekends."""
        chance = self._random
        for _ in range(messages):
            at = NOW - timedelta(seconds=chance.uniform(60, DAYS * 86_400))
            if chance.random() < (0.5 if at.hour < 6 or at.weekday() > 4 else 0.0):
                at = at.replace(hour=chance.randrange(8, 14), minute=chance.randrange(60))
            domain = DOMAINS[int(len(DOMAINS) * chance.random() ** 2)]
            sender = f"{chance.choice(MAILBOXES)}@{domain}"
            (provider,) = chance.choices(PROVIDERS, WEIGHTS)
            self._one(at, sender, provider, refused=chance.random() < 0.04)
        day = NOW.replace(hour=9) - timedelta(days=SPIKE_DAYS_AGO)
        for _ in range(messages // 60):
            at = day + timedelta(seconds=chance.uniform(0, 18_000))
            self._message(at, f"newsletter@{SPIKE_DOMAIN}", PROVIDERS[0], UNAUTHENTICATED)

    def of_a_stranger(self) -> None:
        """Write each hostile text as a reply, with hostile names for sender and recipient."""
        host = Provider("b.example", "mx.hostile.example[192.0.2.66]:25", ())
        for number, text in enumerate(HOSTILE_TEXTS):
            at = NOW - timedelta(minutes=20 + 3 * number)
            name = HOSTILE_NAMES[number % len(HOSTILE_NAMES)]
            answer = ("5.7.1", f"550 5.7.1 {text}")
            to = f"{HOSTILE_NAMES[-1 - number % len(HOSTILE_NAMES)]}@b.example"
            self._message(at, f"{name}@{HOSTILE_DOMAIN}", host, answer, to=to)

    def _one(self, at: datetime, sender: str, provider: Provider, *, refused: bool) -> None:
        answer = self._random.choice(provider.refuses) if refused else None
        waits = not refused and provider.defers and self._random.random() < 0.03
        deferred = self._random.choice(provider.defers) if waits else None
        self._message(at, sender, provider, answer, deferred=deferred)

    def _message(
        self,
        at: datetime,
        sender: str,
        provider: Provider,
        answer: tuple[str, str] | None,
        *,
        deferred: tuple[str, str] | None = None,
        to: str = "",
    ) -> None:
        chance = self._random
        server = SERVERS[hash_of(sender) % len(SERVERS)]
        self._number += 1
        name = f"4{self._number:07X}"
        to = to or f"{chance.choice('abcdefgh')}{chance.randrange(90)}@{provider.domain}"
        size = chance.randrange(2_000, 90_000)
        said = [
            (
                "smtpd",
                (
                    f"client=web{hash_of(sender) % 9}.fleet.example[198.51.100.7],"
                    f" sasl_method=PLAIN, sasl_username={sender if '<' not in sender else 'x'}"
                ),
            ),
            ("cleanup", f"message-id=<{self._number:x}.{size}@{sender.rpartition('@')[2]}>"),
            ("qmgr", f"from=<{sender}>, size={size}, nrcpt=1 (queue active)"),
        ]
        for daemon, text in said:
            self._line(server, at, f"postfix/{daemon}[811]: {name}: {text}")
        self._score(server, at, name, refused=answer is not None)
        since = at
        if deferred:
            for wait in range(chance.choice((1, 2, 4))):
                at += timedelta(minutes=5 * 2**wait)
                self._try(
                    *(server, at, name, to),
                    provider=provider,
                    status="deferred",
                    answer=deferred,
                    since=since,
                )
            if chance.random() < 0.4 or at > NOW - timedelta(hours=1):
                return
        at += timedelta(seconds=chance.uniform(0.4, 3))
        ok = ("2.0.0", "250 2.0.0 OK 1795161600 a640c23a62f3a - queued")
        self._try(
            *(server, at, name, to),
            provider=provider,
            status="bounced" if answer else "sent",
            answer=answer or ok,
            since=since,
        )
        self._line(server, at, f"postfix/qmgr[811]: {name}: removed")

    def _score(self, server: str, at: datetime, name: str, *, refused: bool) -> None:
        if self._random.random() < 0.5:
            return
        score = self._random.uniform(3, 9) if refused else self._random.uniform(-2, 3)
        text = f"rspamd[902]: <a1b2c3>; task; rspamd_task_write_log: id: <x>, qid: <{name}>,"
        text += f" ip: 198.51.100.7, (default: F (no action): [{score:.2f}/15.00] [SPF(0.2)])"
        self._line(server, at, text)

    def _try(
        self,
        server: str,
        at: datetime,
        name: str,
        to: str,
        *,
        provider: Provider,
        status: str,
        answer: tuple[str, str],
        since: datetime,
    ) -> None:
        dsn, reply = answer[0], answer[1].replace("{to}", to)
        host = provider.relay.rpartition(":")[0]
        said = (
            reply
            if status == "sent"
            else f"host {host} said: {reply} (in reply to RCPT TO command)"
        )
        delay = max(1.0, (at - since).total_seconds())
        text = f"to=<{to}>, relay={provider.relay}, delay={delay:.1f},"
        text += f" delays={delay - 1:.2f}/0.01/0.79/0.2,"
        text += f" dsn={dsn}, status={status} ({said})"
        self._line(server, at, f"postfix/smtp[877]: {name}: {text}")

    def _line(self, server: str, at: datetime, text: str) -> None:
        stamp = at.isoformat(timespec="microseconds")
        self.lines[server].append((at, f"{stamp} {server.partition('.')[0]} {text}"))

    def by_server(self) -> Iterator[tuple[str, list[str]]]:
        """Lines in the order of time."""
        for server, lines in self.lines.items():
            ordered = sorted(lines, key=lambda line: line[0])
            yield server, [line for at, line in ordered if at <= NOW]


def hash_of(text: str) -> int:
    """A number that is the same in every run."""
    return sum(text.partition("@")[2].encode("utf-8", "surrogateescape"))
