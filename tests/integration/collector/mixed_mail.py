"""Invented mail of several domains through two servers, drawn at random: every kind of ending."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from mailtally.v1 import record_pb2 as pb
from tests.integration.collector.reports import SECOND, T0, accepted, attempt, changed, ref

SENT, DEFERRED, BOUNCED = (
    pb.ATTEMPT_OUTCOME_SENT,
    pb.ATTEMPT_OUTCOME_DEFERRED,
    pb.ATTEMPT_OUTCOME_BOUNCED,
)
DOMAINS = ("one.example", "two.example", "three.example")
SERVERS = ("mx1", "mx2")
# Relay and domain of the recipient: told by the relay, by the domain, by neither, by a filter.
RECEIVERS = (
    (b"gmail-smtp-in.l.google.com", b"gmail.com"),
    (b"ASPMX.L.GOOGLE.COM", b"shop.example"),
    (b"", b"gmail.com"),
    (b"mx.example.net", b"example.net"),
    (b"mxa-0001.gslb.pphosted.com", b"big.example"),
    (b"mx1.mail.icloud.com", b"icloud.com"),
)
REPLIES = (
    (550, "5.1.1", b"host mx[192.0.2.1] said: 550 5.1.1 <x@y.example>: User Unknown"),
    (550, "5.7.26", b"550-5.7.26 This mail has been blocked because the sender is unauthenticated"),
    (451, "4.7.1", b"451 4.7.1 Greylisted, see https://example.com/x?id=1"),
    (0, "4.4.1", b"connect to mx.example.net[192.0.2.1]:25: Connection timed out"),
    (550, "", b"550 xyzzy \xff\x00 plugh <x@y.example>"),
    (554, "5.7.1", b"554 5.7.1 \\200 qwfp \xc3\x89t\xc3\xa9 for <x@y.example>"),
)
HOURS = 5
# Seconds; roll-ups are cut at quarters of hours, the first of which begins so long after T0.
QUARTER = 900
TO_QUARTER = -T0 // SECOND % QUARTER


@dataclass(frozen=True, slots=True)
class Sent:
    """One message: the domain that it is of ("" for none), its server and its records."""

    domain: str
    server: str
    records: tuple[pb.Record, ...]


def mixed_mail(seed: int, count: int) -> list[Sent]:
    """Draw messages."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    return [_message(chance, number) for number in range(count)]


def _message(chance: random.Random, number: int) -> Sent:
    at = chance.uniform(0, HOURS * 3_600)
    if chance.random() < 0.3:
        at = QUARTER * chance.randrange(HOURS * 4) + TO_QUARTER
    domain = chance.choice((*DOMAINS, *DOMAINS, ""))
    message = ref(f"4Q{number:04}", at, number * 100)
    sender = f"{chance.choice(('ann', 'bob'))}@{domain}".encode() if domain else b""
    recipients = chance.choice((1, 1, 1, 2, 4))
    is_seen = bool(domain) or chance.random() < 0.5
    records = []
    if is_seen:
        records.append(
            accepted(message, at, number * 100 + 1, sender=sender, recipients=recipients)
        )
        records[0].accepted.size_bytes = chance.randrange(1, 5) * 1_000
    for one in range(chance.randrange(recipients + 1)):
        records += _tries(chance, message, at, number * 100 + 10 * (one + 1))
    if chance.random() < 0.7:
        change = chance.choice(
            (
                pb.MESSAGE_CHANGE_COMPLETED,
                pb.MESSAGE_CHANGE_EXPIRED,
                pb.MESSAGE_CHANGE_EXPIRED,
                pb.MESSAGE_CHANGE_REMOVED,
                pb.MESSAGE_CHANGE_HELD,
            )
        )
        records.append(changed(message, at + 700, number * 100 + 2, change))
    if not records:
        records = [*_tries(chance, message, at, number * 100 + 10)]
    return Sent(domain if is_seen else "", chance.choice(SERVERS), tuple(records))


def _tries(
    chance: random.Random, message: pb.MessageRef, at: float, line: int
) -> Iterator[pb.Record]:
    host, domain = chance.choice(RECEIVERS)
    outcomes = chance.choice(
        ((SENT,), (SENT,), (DEFERRED, SENT), (DEFERRED, DEFERRED), (BOUNCED,), (DEFERRED, BOUNCED))
    )
    for nth, outcome in enumerate(outcomes):
        code, status, text = chance.choice(REPLIES)
        if outcome == SENT:
            code, status, text = 250, "2.0.0", b"250 2.0.0 OK queued"
        record = attempt(
            *(message, at + 1 + nth * 300, line + nth, outcome),
            to=b"r%d@" % (line % 7) + domain,
            orig_to=b"team@one.example" if line % 3 == 0 else b"",
            text=text,
            code=code,
            enhanced_status=status,
        )
        record.attempt.relay.host = host
        yield record
