"""A pattern that a stranger's text can hold up is refused; the shipped ones cannot be held up."""

import pytest

from mailtally_collector.classify.hostile_text import TEXT_CHARACTERS, hostile_texts
from mailtally_collector.classify.rule_set import shipped_rules
from mailtally_collector.classify.runaway import LIMIT_SECONDS, slowness


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(?:a|aa)+b",
        r"no.*no.*no.*no.*user.*here",
        r"(\w+\s?)*!",
        r"x(?=(?:y|yy)+z)",
        r"(?:[0-9a-f]+:?)+ refused",
    ],
)
def test_a_runaway_is_told(pattern: str) -> None:
    assert "can run away" in slowness(pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"no such user", r"user.{0,40}(?:not|un) ?known", r"^550 [^ ]{1,80} full$", r"[^a]b"],
)
def test_a_bounded_pattern_is_none(pattern: str) -> None:
    assert slowness(pattern) == ""


def test_the_texts_are_long() -> None:
    assert max(map(len, hostile_texts(r"(?:ab)+c"))) >= TEXT_CHARACTERS


def test_no_shipped_pattern_can_run_away() -> None:
    """Three times the limit is left to slower machines; a true runaway takes far longer."""
    limit = 3 * LIMIT_SECONDS
    shipped = [rule for rule in shipped_rules().rules if rule.pattern]
    slow = {rule.id: slowness(rule.pattern, limit) for rule in shipped}
    assert {name: why for name, why in slow.items() if why} == {}
