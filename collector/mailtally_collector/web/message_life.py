"""A message's life as a reader follows it: one list of moments, and what became of whom."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailtally_collector.classify.classify import Verdict
from mailtally_collector.classify.rule_set import RuleSet
from mailtally_collector.query.traced_deliveries import TracedDelivery
from mailtally_collector.query.traced_message import TracedMessage
from mailtally_collector.query_cli.terms import endpoint, term
from mailtally_collector.records import Attempt
from mailtally_collector.terms import AttemptOutcome, DeliveryState, LinkKind, MessageChange
from mailtally_collector.web.event_view import advice_for, state_word, verdict_of
from mailtally_collector.web.words import visible


@dataclass(frozen=True, slots=True)
class Step:
    """A moment. ``kind``: accepted, the outcome of an attempt, or a change of the message."""

    time_us: int
    kind: str
    recipient: bytes = b""
    relay: str = ""
    attempt: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient; ``verdict`` None when all was well."""

    delivery: TracedDelivery
    state: str
    verdict: Verdict | None
    advice: str


@dataclass(frozen=True, slots=True)
class Life:
    """``origin`` names the kind of link that led here; empty for none."""

    message: TracedMessage
    steps: list[Step]
    fates: list[Fate]
    origin: str


def life_of(message: TracedMessage, rules: RuleSet, *, is_customer: bool) -> Life:
    """Put it in order, oldest first."""
    fates = [_fate(delivery, rules, is_customer=is_customer) for delivery in message.deliveries]
    steps = sorted(_steps(message), key=lambda step: step.time_us)
    origin = term(LinkKind, message.origin[1]) if message.origin else ""
    return Life(message, steps, fates, origin)


def _steps(message: TracedMessage) -> Iterator[Step]:
    if message.accepted:
        yield Step(message.arrival_us, "accepted")
    for delivery in message.deliveries:
        for time_us, tried in delivery.attempts:
            relay = endpoint(visible(tried.relay_host), tried.relay_address, tried.relay_port)
            kind = term(AttemptOutcome, tried.outcome)
            yield Step(time_us, kind, delivery.recipient, relay, tried)
    for time_us, change in message.changes:
        yield Step(time_us, f"message_{term(MessageChange, change)}")


def _fate(delivery: TracedDelivery, rules: RuleSet, *, is_customer: bool) -> Fate:
    verdict = None
    if delivery.attempts:
        last = delivery.attempts[-1][1]
        said = (last.reply_text, last.reply_code, last.enhanced_status)
        gave_up = delivery.state == DeliveryState.EXPIRED
        verdict = verdict_of(delivery.judged, said, rules, gave_up=gave_up)
    advice = advice_for(verdict, is_customer=is_customer)
    return Fate(delivery, state_word(delivery.state), verdict, advice)
