"""Operators add, replace, disable and reword rules; a broken file changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtally_collector.classify.classify import Verdict, classify
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule_set import shipped_rules

ADDED = """
[[rule]]
id = "own.blue"
reason = "policy.policy_rejected"
pattern = 'xyzzy {word}'
advice = "We refuse {word}. Write it otherwise."
examples = ["550 xyzzy {word}"]
"""
SHIPPED = shipped_rules().rules[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.d").mkdir()
    return tmp_path / "rules.d"


def added(word: str = "blue") -> str:
    return ADDED.replace("{word}", word)


def verdict(rules: CurrentRules, text: str) -> Verdict:
    return classify(read_reply(text), rules.rules)


def shipped_verdict(rules: CurrentRules) -> Verdict:
    """Classify the first example of the first shipped rule."""
    provider = next(iter(SHIPPED.providers))
    relay = rules.rules.providers.example_relays[provider]
    return classify(read_reply(SHIPPED.examples[0].text, relay_host=relay), rules.rules)


def test_without_a_folder_the_shipped_rules_hold(folder: Path) -> None:
    for place in (None, folder, folder / "missing"):
        rules = CurrentRules(place)
        assert rules.rules is shipped_rules()
        assert rules.mistakes == ()


def test_a_rule_is_added_before_the_shipped_ones(folder: Path) -> None:
    text = SHIPPED.examples[0].text.lower()[8:20]
    (folder / "own.toml").write_text(added().replace("xyzzy blue", text))
    assert shipped_verdict(CurrentRules(folder)).rule_id == "own.blue"


def test_a_rule_is_replaced_by_its_id(folder: Path) -> None:
    (folder / "own.toml").write_text(added().replace("own.blue", SHIPPED.id))
    rules = CurrentRules(folder)
    assert verdict(rules, "550 xyzzy blue").rule_id == SHIPPED.id
    assert shipped_verdict(rules).rule_id != SHIPPED.id


def test_a_rule_is_disabled(folder: Path) -> None:
    (folder / "own.toml").write_text(f'[[disable]]\nid = "{SHIPPED.id}"\nwhy = "not here"\n')
    rules = CurrentRules(folder)
    assert shipped_verdict(rules).rule_id != SHIPPED.id
    assert len(rules.rules.rules) == len(shipped_rules().rules) - 1


def test_a_rule_is_reworded_in_its_place(folder: Path) -> None:
    (folder / "own.toml").write_text(
        f'[[change]]\nid = "{SHIPPED.id}"\nadvice = "Call us."\nseverity = "soft"\n'
    )
    found = shipped_verdict(CurrentRules(folder))
    assert (found.rule_id, found.advice, found.severity) == (SHIPPED.id, "Call us.", "soft")
    assert found.reason == SHIPPED.reason


def test_a_change_is_seen_without_restart(folder: Path) -> None:
    rules = CurrentRules(folder)
    assert not rules.reload()
    (folder / "own.toml").write_text(added())
    assert rules.reload()
    assert not verdict(rules, "550 xyzzy blue").unknown
    (folder / "own.toml").unlink()
    assert rules.reload()
    assert rules.rules is shipped_rules()


def test_the_digest_tells_what_the_files_say(folder: Path) -> None:
    (folder / "own.toml").write_text(added())
    first = CurrentRules(folder).rules.digest
    assert CurrentRules(folder).rules.digest == first != shipped_rules().digest
    (folder / "own.toml").write_text(added("green"))
    assert CurrentRules(folder).rules.digest != first


BREAKS: list[Callable[[str], str]] = [
    lambda text: text.replace("policy_rejected", "nonsense"),
    lambda text: text + "[[",
    lambda text: text.replace("xyzzy blue'", "(a+)+$'"),
    lambda text: text + text,
    lambda text: text + '[[disable]]\nid = "no.such"\n',
    lambda text: text + '[[change]]\nid = "no.such"\nadvice = "x"\n',
    lambda text: text + f'[[change]]\nid = "{SHIPPED.id}"\n',
]
MESSAGES = ["unknown reason", "is not TOML", "can run away", "is taken by", "is no shipped rule"]
MESSAGES += ["is no shipped rule", "give a severity"]


@pytest.mark.parametrize(("broken", "message"), list(zip(BREAKS, MESSAGES, strict=True)))
def test_a_broken_file_keeps_the_old_set_and_is_named(
    folder: Path, broken: Callable[[str], str], message: str
) -> None:
    own, other = folder / "own.toml", folder / "other.toml"
    own.write_text(added())
    other.write_text(added("red").replace("own.blue", "own.red"))
    rules = CurrentRules(folder)
    digest = rules.rules.digest
    own.write_text(broken(added()))
    assert not rules.reload()
    assert rules.rules.digest == digest
    assert verdict(rules, "550 xyzzy blue").rule_id == "own.blue"
    (mistake,) = rules.mistakes
    assert mistake.startswith(f"{own}:")
    assert mistake.split(":")[1].isdigit()
    assert message in mistake
    afresh = CurrentRules(folder)
    assert verdict(afresh, "550 xyzzy blue").unknown
    assert verdict(afresh, "550 xyzzy red").rule_id == "own.red"
    own.write_text(added("green"))
    assert rules.reload()
    assert rules.mistakes == ()


def test_two_files_may_not_take_one_id(folder: Path) -> None:
    (folder / "a.toml").write_text(added())
    (folder / "b.toml").write_text(added("green"))
    rules = CurrentRules(folder)
    assert verdict(rules, "550 xyzzy blue").rule_id == "own.blue"
    assert f"{folder}/b.toml:2: own.blue: id: is taken by {folder}/a.toml:2" in rules.mistakes


def test_a_link_to_nothing_is_named(folder: Path) -> None:
    (folder / "own.toml").symlink_to(folder / "gone")
    assert "cannot be read" in CurrentRules(folder).mistakes[0]
