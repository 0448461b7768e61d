"""What a reader makes of generated traffic, in the words of the truth.

Gives     new_reader(); lives() and told(), to be compared with truths().
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC
from ipaddress import ip_network
from typing import Any, NamedTuple

from mailtally_agent.direction import DirectionRules
from mailtally_agent.life import MessageLife
from mailtally_agent.log_reader import LogReader
from mailtally_agent.message import Message
from mailtally_agent.postfix.queue_line import parse_client
from mailtally_agent.record import Attempt, Record
from tests.traffic.log_text import external
from tests.traffic.traffic import BEGIN
from tests.traffic.truth import Tried, Truth

NEWEST_US = (BEGIN + 20 * 86_400) * 1_000_000


class Told(NamedTuple):
    """Everything about one accepted message that both sides know."""

    name: tuple[str, str]
    sender: str
    size: int
    recipient_count: int
    message_id: str
    sasl_username: str
    traffic_class: str
    states: Counter[tuple[str, str]]
    tries: dict[tuple[str, str], int]
    attempts: list[Tried]
    links: list[tuple[str, str]]
    scored: bool


def new_reader(newest_us: int = NEWEST_US) -> LogReader:
    """A reader of the generator's host."""
    return LogReader(UTC, newest_us, DirectionRules([ip_network("127.0.0.1/32")]))


def lives(records: Iterable[Record]) -> list[MessageLife]:
    """The accepted messages, with their records added up."""
    found: dict[Message, MessageLife] = {}
    for record in records:
        found.setdefault(record.message, MessageLife(record.message)).add(record)
    return [life for life in found.values() if life.accepted]


def attempts(records: Iterable[Record]) -> dict[Message, list[Tried]]:
    """Attempts of each message, in order."""
    found: dict[Message, list[Tried]] = {}
    for record in records:
        what = record.what
        if isinstance(what, Attempt):
            delivery = what.delivery
            tls = what.tls.session if what.tls else None
            tried = Tried(
                delivery.recipient,
                delivery.orig_to,
                delivery.status,
                what.direction.value,
                delivery.reply_text,
                delivery.measured.conn_use,
                tls.trust if tls else "",
            )
            found.setdefault(record.message, []).append(tried)
    return found


def told(records: list[Record]) -> list[Told]:
    """What the records tell of each accepted message."""
    tried = attempts(records)
    messages = []
    for life in lives(records):
        message, accepted = life.message, life.accepted
        assert accepted is not None
        client = parse_client(message.client)
        messages.append(
            Told(
                (message.instance, message.queue_id),
                accepted.envelope_sender,
                accepted.size_bytes,
                accepted.recipient_count,
                accepted.message_id,
                client.sasl_username if client else "",
                message.traffic_class.value,
                Counter({(d.value, s): count for (d, s), count in life.states().items()}),
                {name: one.attempts for name, one in life.recipients.items()},
                tried.get(message, []),
                sorted((link.kind.value, link.child_queue_id) for link in life.links),
                life.spam_score is not None,
            )
        )
    return sorted(messages, key=_order)


def expected(truths: Iterable[Truth]) -> list[Told]:
    """What records would have to tell of these."""
    messages = [
        Told(
            (truth.instance, truth.queue_id),
            external(truth.sender),
            truth.size,
            len(truth.recipients),
            truth.message_id,
            truth.sasl_username,
            truth.traffic_class,
            truth.states(),
            {
                (external(one.address), external(one.orig_to)): one.attempts
                for one in truth.recipients
                if one.attempts
            },
            truth.attempts,
            sorted(truth.links),
            truth.scored,
        )
        for truth in truths
        if truth.accepted
    ]
    return sorted(messages, key=_order)


def _order(one: Told) -> Any:
    return one.name, one.sender, one.message_id
