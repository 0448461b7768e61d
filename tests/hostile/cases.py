"""Hostile cases: one line with strangers' text, and the one thing that it says.

Gives     Case, made from a random generator; failure(): what a reader made of it and should not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from ipaddress import ip_network
from random import Random
from typing import Any

from mailtally_agent.direction import DirectionRules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.record import Attempt, MessageAccepted, MessageLink, Record
from mailtally_agent.wire import encode
from tests.hostile.grammar import (
    BYSTANDER,
    LIMIT_BYTES,
    MEASURES,
    MX,
    QUEUE_ID,
    STAMP,
    cut,
    hostile_address,
    hostile_text,
    line,
    printable,
)

NEWEST_US = 1_795_500_000_000_000
Said = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A line, and the fields of the records that it makes; None where it can only be unparsed."""

    line: str
    said: Said | None


def delivery(rng: Random) -> Case:
    """A delivery line: recipient, alias and answer are strangers' text."""
    recipient, orig_to = hostile_address(rng), hostile_address(rng)
    status = rng.choice(("sent", "deferred", "bounced", "SOFTBOUNCE"))
    answer = printable(hostile_text(rng))
    if status != "sent":
        answer = f"host mx.example[192.0.2.1] said: 550 {answer} (in reply to RCPT TO command)"
    head = f"to=<{recipient}>, " + (f"orig_to=<{orig_to}>, " if orig_to else "")
    head += f"relay={MX}, {MEASURES}, dsn=5.1.1, status={status} ("
    whole = f"{QUEUE_ID}: {head}{answer})"
    kept = cut(whole)
    said = {
        "recipient": recipient,
        "orig_to": orig_to,
        "relay": MX,
        "status": status,
        "reply_text": kept[len(f"{QUEUE_ID}: {head}") :].removesuffix(")"),
    }
    fits = len(f"{QUEUE_ID}: {head}".encode()) <= LIMIT_BYTES
    return Case(line("smtp", f"{head}{answer})"), said if fits else None)


def active(rng: Random) -> Case:
    """The queue manager's line: the sender is a stranger's text."""
    sender = hostile_address(rng)
    text = f"from=<{sender}>, size=321, nrcpt=2 (queue active)"
    return Case(line("qmgr", text), {"envelope_sender": sender, "recipient_count": 2})


def expired(rng: Random) -> Case:
    """The queue manager gives up: the sender is a stranger's text."""
    text = f"from=<{hostile_address(rng)}>, status=expired, returned to sender"
    return Case(line("qmgr", text), {"change": "expired"})


def silent(rng: Random) -> Case:
    """Lines that carry strangers' text and say nothing about deliveries."""
    text = hostile_text(rng)
    daemon, around = rng.choice(
        (
            ("cleanup", f"message-id=<{text}>"),
            (
                "cleanup",
                f"info: header Subject: {text} from h[192.0.2.9]; from=<> to=<> proto=SMTP",
            ),
            ("cleanup", f"warning: header X: {text} from h[192.0.2.9]; from=<a@b> to=<c@d>"),
            (
                "smtp",
                f"host mx.example[192.0.2.1] said: 450 {text} (in reply to MAIL FROM command)",
            ),
            ("smtpd", f"client=h[192.0.2.9], sasl_method=LOGIN, sasl_username={text}"),
            ("smtpd", f"reject: RCPT from h[192.0.2.9]: 550 {text}; from=<{text}> helo=<{text}>"),
        )
    )
    return Case(line(daemon, around), {})


KINDS: tuple[Callable[[Random], Case], ...] = (delivery, delivery, active, expired, silent)


def make_case(seed: int, number: int) -> Case:
    """Case of that number; the same each time."""
    rng = Random(seed * 1_000_003 + number)  # noqa: S311
    return rng.choice(KINDS)(rng)


def failure(case: Case) -> str:
    """What was read that should not have been, or not read; empty when all is well."""
    reader = LogReader(UTC, NEWEST_US, DirectionRules([ip_network("127.0.0.1/32")]))
    reader.read([f"{STAMP} mx1 postfix/cleanup[7]: {BYSTANDER}: message-id=<1@bystander>"])
    records = reader.read([case.line])
    for record in records:
        encode(record).SerializeToString()
    said: Said = {}
    for record in records:
        if record.message.queue_id != QUEUE_ID:
            return f"a record about {record.message.queue_id}"
        said |= _said(record)
    if case.said is None:
        return "" if not records and reader.unparsed.total() == 1 else f"read as {said}"
    if said != case.said or reader.unparsed.total():
        return f"said {case.said}, read {said}, unparsed {reader.unparsed.total()}"
    (last,) = reader.read([f"{STAMP} mx1 postfix/qmgr[7]: {BYSTANDER}: removed"])
    untouched = last.message.message_id == "<1@bystander>" and not last.message.accepted
    return "" if untouched and last.message.traffic_class == "mail" else "the bystander was touched"


def _said(record: Record) -> Said:
    what = record.what
    if isinstance(what, Attempt):
        logged = what.delivery
        return {
            "recipient": logged.recipient,
            "orig_to": logged.orig_to,
            "relay": logged.relay,
            "status": logged.status,
            "reply_text": logged.reply_text,
        }
    if isinstance(what, MessageAccepted):
        return {
            "envelope_sender": what.envelope_sender,
            "recipient_count": what.recipient_count,
        }
    # An answer may name any queue id as the next hop's; only a message known there makes it one.
    return {} if isinstance(what, MessageLink) else {"change": what[0]}
