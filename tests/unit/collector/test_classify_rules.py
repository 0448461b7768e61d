"""Every shipped rule proves itself: its examples are won by it, its counter-examples are not."""

import dataclasses
import json
import tomllib

import pytest

from mailtally_collector.classify.classify import classify
from mailtally_collector.classify.reply import Reply, read_reply
from mailtally_collector.classify.rule import Example, Rule
from mailtally_collector.classify.rule_set import (
    ORDER_FILE,
    RULES_FOLDER,
    RuleSet,
    make_rule_set,
    shipped_rules,
)
from tests.verdicts.__main__ import FILE, relay_of, verdict_line

RULES = shipped_rules()
NAMES = [rule.id for rule in RULES.rules]
EVERY_RULE = pytest.mark.parametrize("rule", RULES.rules, ids=NAMES)


def reply_of(example: Example, rule: Rule) -> Reply:
    """Read an example as if its provider had said it."""
    relay = relay_of(example, rule, RULES)
    return read_reply(example.text, relay_host=relay, recipient_domain=example.domain)


def winners(rule: Rule, examples: tuple[Example, ...], rules: RuleSet = RULES) -> list[str]:
    """Name the rule that each example goes to."""
    return [classify(reply_of(example, rule), rules).rule_id for example in examples]


@EVERY_RULE
def test_the_examples_are_won_by_their_rule(rule: Rule) -> None:
    """Not only matched: no rule before it takes them."""
    assert winners(rule, rule.examples) == [rule.id] * len(rule.examples)


@EVERY_RULE
def test_the_counter_examples_go_elsewhere(rule: Rule) -> None:
    """The words that are shared with another meaning do not count for this rule."""
    assert rule.id not in winners(rule, rule.counter_examples)


def test_each_rule_is_needed() -> None:
    """Without the rule, some example of it gets another meaning, severity or advice."""
    idle = [rule.id for rule in RULES.rules if not changes_something(rule)]
    assert idle == []


def changes_something(rule: Rule) -> bool:
    """Whether a verdict on the rule's own examples changes when the rule is not there."""
    for example in rule.examples:
        reply = reply_of(example, rule)
        _, matching = RULES.answerer_and_matches(reply)
        order = list(matching)
        following = order[1] if len(order) > 1 else None
        if following is None or meaning(following) != meaning(rule):
            return True
    return False


def meaning(rule: Rule) -> tuple[str, str | None, str, str]:
    """Give what a verdict shows of a rule."""
    return rule.reason, rule.severity, rule.advice, rule.doc


def test_every_example_keeps_its_verdict() -> None:
    """What was reviewed last: ``make verdicts`` writes it anew, and its diff shows what changed."""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        known = json.loads(line)
        assert verdict_line(known["text"], known["relay"], known["domain"], RULES) == line


def test_the_loss_of_any_rule_is_noticed() -> None:
    """Each rule wins an example that stands outside of the rule files."""
    kept = {json.loads(line)["rule"] for line in FILE.read_text(encoding="utf-8").splitlines()}
    assert kept == set(NAMES)


@pytest.mark.parametrize("at", range(0, len(NAMES), 40))
def test_without_a_rule_its_examples_fail(at: int) -> None:
    rule = RULES.rules[at]
    others = [other for other in RULES.rules if other is not rule]
    without = make_rule_set(others, RULES.reasons, RULES.providers, "without")
    lost = [
        line
        for line in FILE.read_text(encoding="utf-8").splitlines()
        if (known := json.loads(line))["rule"] == rule.id
        and verdict_line(known["text"], known["relay"], known["domain"], without) != line
    ]
    assert lost


def test_every_rule_file_has_its_place_in_the_order() -> None:
    ordered = tomllib.loads(ORDER_FILE.read_text())["files"]
    files = {file.name for file in RULES_FOLDER.glob("*.toml")} - {ORDER_FILE.name}
    assert sorted(ordered) == sorted(files)


def test_ids_name_their_subject() -> None:
    """Ids are stable names in small letters: operators write them in files of their own."""
    assert all(name == name.lower() and "." in name for name in NAMES)
    assert len(set(NAMES)) == len(NAMES)


def test_no_shipped_advice_is_empty() -> None:
    """Every reason tells the admin and the customer what to do."""
    for reason in RULES.reasons.values():
        assert reason.advice, reason.id
        assert reason.advice_customer, reason.id


def test_a_rule_cannot_be_changed() -> None:
    """Rules are shared between threads."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        RULES.rules[0].id = "other"  # type: ignore[misc]
