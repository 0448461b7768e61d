"""Writes examples.jsonl anew: what the shipped rules say of each of their examples.

Usage     python -m tests.verdicts, or ``make verdicts``
File      One reply a line with the rule that wins it and what it means. It is reviewed with each
          change of the rules: a rule that is lost, or takes another's replies, shows in its diff.
"""

import json
from pathlib import Path

from mailtally_collector.classify.classify import classify
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule import Example, Rule
from mailtally_collector.classify.rule_set import RuleSet, shipped_rules

FILE = Path(__file__).with_name("examples.jsonl")


def relay_of(example: Example, rule: Rule, rules: RuleSet) -> str:
    """Give an example of a provider's rule that provider's relay when it names none."""
    if example.relay or example.domain:
        return example.relay
    relays = rules.providers.example_relays
    return next((relays[name] for name in sorted(rule.providers) if name in relays), "")


def verdict_line(text: str, relay: str, domain: str, rules: RuleSet) -> str:
    """Judge the reply; one line of the file."""
    verdict = classify(read_reply(text, relay_host=relay, recipient_domain=domain), rules)
    told = {"rule": verdict.rule_id, "reason": verdict.reason, "severity": verdict.severity}
    return json.dumps({"text": text, "relay": relay, "domain": domain} | told, ensure_ascii=False)


def main() -> None:
    """Write the file."""
    rules = shipped_rules()
    lines = [
        verdict_line(example.text, relay_of(example, rule, rules), example.domain, rules)
        for rule in rules.rules
        for example in rule.examples
    ]
    FILE.write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
