"""A reply and a set of rules make a verdict: a pure function that never raises.

Advice    ``{provider}`` in a text becomes the name of who answered.
Severity  A reply 4xx is tried again by Postfix, so it is never ``hard``.
Unknown   No rule matched; the code was too vague to mean anything (550, 5.7.1, ...).
"""

from dataclasses import asdict, dataclass
from typing import Any

from mailtally_collector.classify.provider import Answerer, Evidence
from mailtally_collector.classify.reply import Reply
from mailtally_collector.classify.rule import Basis, Rule
from mailtally_collector.classify.rule_set import RuleSet
from mailtally_collector.classify.taxonomy import UNKNOWN, Reason, Severity

NOBODY = "the receiving server"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means; ``rule_id`` is empty and ``basis`` "code" when it is unknown."""

    reason: str
    category: str
    severity: Severity
    owner: str
    provider: str
    filter: str
    title: str
    advice: str
    advice_customer: str
    doc: str
    rule_id: str
    basis: Basis
    unknown: bool

    def record(self) -> dict[str, Any]:
        """Give what programs read: the fields by name, the rule's id as ``rule``."""
        fields = asdict(self)
        fields["rule"] = fields.pop("rule_id")
        return fields


@dataclass(frozen=True, slots=True)
class Judged:
    """What is stored of a verdict; the words are those of the rules in force when it is shown."""

    reason: str
    severity: Severity
    basis: Basis
    provider: str
    filter: str
    rule_id: str


def classify(reply: Reply, rules: RuleSet, evidence: Evidence | None = None) -> Verdict:
    """Give the verdict of the first rule that matches; ``evidence`` as for the rule set."""
    answerer, matching = rules.answerer_and_matches(reply, evidence)
    return verdict_of(next(matching, None), reply, answerer, rules)


def verdict_of(rule: Rule | None, reply: Reply, answerer: Answerer, rules: RuleSet) -> Verdict:
    """Give the verdict of this rule; None stands for no rule."""
    reason = rules.reasons[rule.reason if rule else UNKNOWN]
    judged = Judged(
        reason=reason.id,
        severity=_severity(rule, reason, reply),
        basis=rule.basis if rule else "code",
        provider=answerer.provider,
        filter=answerer.filter,
        rule_id=rule.id if rule else "",
    )
    return worded(judged, reply, rules)


def worded(judged: Judged, reply: Reply, rules: RuleSet, *, gave_up: bool = False) -> Verdict:
    """Say in words what was judged; ``gave_up`` when Postfix tries no more after a delay."""
    reason = rules.reasons.get(judged.reason, rules.reasons[UNKNOWN])
    rule = rules.rule(judged.rule_id)
    if rule and rule.reason != reason.id:
        rule = None
    title = rules.providers.titles.get(judged.filter or judged.provider, "")
    own = [link for link in reply.links if link.lower().startswith("https://")]
    return Verdict(
        reason=reason.id,
        category=reason.category,
        severity=judged.severity,
        owner=reason.owner,
        provider=judged.provider,
        filter=judged.filter,
        title=_headline(reason, reply, title, gave_up=gave_up),
        advice=_named((rule and rule.advice) or reason.advice, title),
        advice_customer=_named((rule and rule.advice_customer) or reason.advice_customer, title),
        doc=own[0] if own else (rule.doc if rule else ""),
        rule_id=judged.rule_id,
        basis=judged.basis,
        unknown=reason.id == UNKNOWN,
    )


def _severity(rule: Rule | None, reason: Reason, reply: Reply) -> Severity:
    severity = (rule and rule.severity) or reason.severity
    return "soft" if severity == "hard" and reply.reply_code.startswith("4") else severity


def _headline(reason: Reason, reply: Reply, title: str, *, gave_up: bool) -> str:
    temporary = reply.reply_code.startswith("4") or reply.enhanced_status.startswith("4")
    outcome = "Message delayed" if temporary else "Message rejected"
    if gave_up:
        outcome = "Message given up, delayed" if temporary else "Message given up, rejected"
    return f"{outcome}{f' by {title}' if title else ''}: {reason.title}"


def _named(text: str, title: str) -> str:
    named = text.replace("{provider}", title or NOBODY)
    return named[:1].upper() + named[1:]
