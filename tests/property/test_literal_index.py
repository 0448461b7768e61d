"""The index of literals never hides a match: it finds what trying every expression finds."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_collector.classify.classify import classify
from mailtally_collector.classify.literals import LiteralIndex, required_literals
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule_set import shipped_rules

RULES = shipped_rules()
EXAMPLES = [example.text for rule in RULES.rules for example in rule.examples]
WORDS = sorted({word for text in EXAMPLES for word in text.split()})
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=12).map(" ".join)
PIECES = st.sampled_from(
    [
        "ab",
        "b",
        "(?:ab|c)",
        "(?:ab|.)",
        "(?:ab|)",
        "(a|bc)?",
        "[ab]c",
        "a+",
        "(?:bc){2}",
        "(?:ab)*",
        "\\d",
        "c{0,2}",
        "^a",
        "b$",
        "(?=ab)",
        "(?i:A)",
        "a|b",
        ".",
    ]
)


@given(TEXTS | st.sampled_from(EXAMPLES))
def test_the_shipped_rules_give_what_one_by_one_gives(text: str) -> None:
    reply = read_reply(text)
    answerer, matching = RULES.answerer_and_matches(reply)
    one_by_one = (rule.id for rule in RULES.rules if rule.matches(reply, answerer))
    assert [rule.id for rule in matching] == list(one_by_one)
    assert classify(reply, RULES).reason in RULES.reasons


@settings(max_examples=400)
@given(st.lists(PIECES, min_size=1, max_size=5).map("".join), st.text("abcA1 ", max_size=12))
def test_what_matches_holds_a_required_literal(pattern: str, text: str) -> None:
    literals = required_literals(pattern)
    if re.search(pattern, text) and literals is not None:
        assert any(literal in text for literal in literals)
    assert (0 in LiteralIndex([pattern]).candidates(text)) or not re.search(pattern, text)
