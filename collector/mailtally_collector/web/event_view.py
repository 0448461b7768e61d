"""Error events as the table shows them: with the words that the rules in force have for them."""

from collections.abc import Iterable
from dataclasses import dataclass

from mailtally_collector.classify.classify import Judged, Verdict, worded
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
    said = (reply.sample, reply.reply_code, reply.enhanced_status)
    return verdict_of(reply.judged, said, rules)


def verdict_of(
    judged: Judged | None,
    said: tuple[bytes, int, str],
    rules: RuleSet,
    *,
    gave_up: bool = False,
) -> Verdict | None:
    """Words for what was said: text, code and enhanced status; None when it was not judged."""
    if judged is None:
        return None
    text, reply_code, enhanced_status = said
    reply = read_reply(text, reply_code=str(reply_code or ""), enhanced_status=enhanced_status)
    return worded(judged, reply, rules, gave_up=gave_up)


def advice_for(verdict: Verdict | None, *, is_customer: bool) -> str:
    """What that reader can do; empty without a verdict."""
    if verdict is None:
        return ""
    return verdict.advice_customer if is_customer else verdict.advice


def state_word(state: int) -> str:
    """The state's word; the number of one that is not known."""
    try:
        return DeliveryState(state).name.lower()
    except ValueError:
        return str(state)


def _shown(event: Event, rules: RuleSet, *, is_customer: bool) -> ShownEvent:
    said = (event.reply_text, event.reply_code, event.enhanced_status)
    gave_up = event.state == DeliveryState.EXPIRED
    verdict = verdict_of(event.judged, said, rules, gave_up=gave_up)
    advice = advice_for(verdict, is_customer=is_customer)
    return ShownEvent(event, state_word(event.state), verdict, advice)
