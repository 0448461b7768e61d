"""Error events as the table shows them: with the words that the rules in force have for them."""

from collections.abc import Iterable
from dataclasses import dataclass

from mailtally_collector.classify.classify import Verdict, worded
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule_set import RuleSet
from mailtally_collector.query.event import Event
from mailtally_collector.query.reasons import CountedReply
from mailtally_collector.terms import DeliveryState


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event; ``verdict`` None when no reply was seen. ``advice`` for who looks at it."""

    event: Event
    state: str
    verdict: Verdict | None
    advice: str


def shown_events(events: Iterable[Event], rules: RuleSet, *, is_customer: bool) -> list[ShownEvent]:
    """Put them into words."""
    return [_shown(event, rules, is_customer=is_customer) for event in events]


def verdict_of_reply(reply: CountedReply, rules: RuleSet) -> Verdict | None:
    """Words for a counted reply; None when none was seen."""
    if reply.judged is None:
        return None
    read = read_reply(
        reply.sample,
        reply_code=str(reply.reply_code or ""),
        enhanced_status=reply.enhanced_status,
    )
    return worded(reply.judged, read, rules)


def state_word(state: int) -> str:
    """The state's word; the number of one that is not known."""
    try:
        return DeliveryState(state).name.lower()
    except ValueError:
        return str(state)


def _shown(event: Event, rules: RuleSet, *, is_customer: bool) -> ShownEvent:
    verdict = None
    if event.judged is not None:
        reply = read_reply(
            event.reply_text,
            reply_code=str(event.reply_code or ""),
            enhanced_status=event.enhanced_status,
        )
        gave_up = event.state == DeliveryState.EXPIRED
        verdict = worded(event.judged, reply, rules, gave_up=gave_up)
    advice = ""
    if verdict is not None:
        advice = verdict.advice_customer if is_customer else verdict.advice
    return ShownEvent(event, state_word(event.state), verdict, advice)
