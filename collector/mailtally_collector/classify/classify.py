"""A reply and a set of rules make a verdict: a pure function that never raises.

Advice    ``{provider}`` in a text becomes the name of who answered.
Severity  A reply 4xx is tried again by Postfix, so it is never ``hard``.
Unknown   No rule matched; the code was too vague to mean anything (550, 5.7.1, ...).
"""

from dataclasses import asdict, dataclass

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

    def record(self) -> dict[str, str | bool]:
        """Give what programs read: the fields by name, the rule's id as ``rule``."""
        fields = asdict(self)
        fields["rule"] = fields.pop("rule_id")
        return fields


def classify(reply: Reply, rules: RuleSet, evidence: Evidence | None = None) -> Verdict:
    """Give the verdict of the first rule that matches; ``evidence`` as for the rule set."""
    answerer, matching = rules.answerer_and_matches(reply, evidence)
    return verdict_of(next(matching, None), reply, answerer, rules)


def verdict_of(rule: Rule | None, reply: Reply, answerer: Answerer, rules: RuleSet) -> Verdict:
    """Give the verdict of this rule; None stands for no rule."""
    reason = rules.reasons[rule.reason if rule else UNKNOWN]
    title = rules.providers.title(answerer)
    own = [link for link in reply.links if link.lower().startswith("https://")]
    return Verdict(
        reason=reason.id,
        category=reason.category,
        severity=_severity(rule, reason, reply),
        owner=reason.owner,
        provider=answerer.provider,
        filter=answerer.filter,
        title=_headline(reason, reply, title),
        advice=_named((rule and rule.advice) or reason.advice, title),
        advice_customer=_named((rule and rule.advice_customer) or reason.advice_customer, title),
        doc=own[0] if own else (rule.doc if rule else ""),
        rule_id=rule.id if rule else "",
        basis=rule.basis if rule else "code",
        unknown=reason.id == UNKNOWN,
    )


def _severity(rule: Rule | None, reason: Reason, reply: Reply) -> Severity:
    severity = (rule and rule.severity) or reason.severity
    return "soft" if severity == "hard" and reply.reply_code.startswith("4") else severity


def _headline(reason: Reason, reply: Reply, title: str) -> str:
    temporary = reply.reply_code.startswith("4") or reply.enhanced_status.startswith("4")
    outcome = "Message delayed" if temporary else "Message rejected"
    return f"{outcome}{f' by {title}' if title else ''}: {reason.title}"


def _named(text: str, title: str) -> str:
    named = text.replace("{provider}", title or NOBODY)
    return named[:1].upper() + named[1:]
