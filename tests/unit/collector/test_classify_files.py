"""Files that break their form are refused with file, line, rule, key and reason."""

from pathlib import Path

import pytest

from mailtally_collector.classify.provider import load_providers
from mailtally_collector.classify.rule_file import read_rules
from mailtally_collector.classify.rule_set import make_rule_set
from mailtally_collector.classify.taxonomy import load_taxonomy
from mailtally_collector.classify.toml_entries import RuleError

GOOD = """# a rule
[[rule]]
id = "a.rule"
reason = "recipient.user_unknown"
pattern = 'no such user'
examples = ["550 no such user"]
"""
REASONS, PROVIDERS = load_taxonomy(), load_providers()


def mistakes(folder: Path, text: str | bytes) -> list[str]:
    """Read the text as a file of rules and give what is wrong with it, without the folder."""
    file = folder / "r.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RuleError) as refused:
        make_rule_set(read_rules(file, REASONS, PROVIDERS.titles), REASONS, PROVIDERS, "test")
    return [line.removeprefix(f"{folder}/") for line in refused.value.lines]


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("user_unknown", "userunknown", "r.toml:4: a.rule: reason: unknown reason"),
        ("reason", "raeson", "r.toml:4: a.rule: raeson: unknown key; did you mean reason?"),
        ("'no such user'", "'no (such'", "r.toml:5: a.rule: pattern: is no expression"),
        ("'no such user'", "'(no such user)?'", "r.toml:5: a.rule: pattern: matches an empty text"),
        ("pattern", "enhanced", "r.toml:5: a.rule: enhanced: String should match pattern"),
        ('["550 no such user"]', "[]", "r.toml:6: a.rule: examples: "),
        ("examples", "#", "r.toml:2: a.rule: examples: Field required"),
        ("pattern = 'no such user'", "", "r.toml:2: a.rule: pattern: give a pattern"),
        (
            "pattern",
            "provider = 'gogle'\npattern",
            "unknown provider 'gogle'; did you mean google?",
        ),
        ("pattern", "doc = 'javascript:alert(1)'\npattern", "r.toml:5: a.rule: doc: String should"),
        ("pattern", "severity = 'fatal'\npattern", "r.toml:5: a.rule: severity: Input should be"),
        ("pattern", "code = '999'\npattern", "r.toml:5: a.rule: code: String should match"),
        ("pattern", "stage = 'bdat'\npattern", "r.toml:5: a.rule: stage: Input should be"),
        ("[[rule]]", "[rule]", "r.toml:1: rule: write [[rule]], with two brackets"),
        ("[[rule]]", "[[rules]]", "r.toml:2: rules: unknown key; entries stand in [[rule]]"),
        ("'no such user'", "'no such", "r.toml:6: file: is not TOML"),
        ("# a rule", "x = 1", "r.toml:1: x: unknown key; entries stand in [[rule]]"),
    ],
)
def test_every_mistake_names_its_place(tmp_path: Path, good: str, bad: str, message: str) -> None:
    assert message in "\n".join(mistakes(tmp_path, GOOD.replace(good, bad, 1)))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("no such user'", "no (such'") + GOOD.replace("user_unknown", "nothing")
    found = mistakes(tmp_path, text)
    assert [line.split(":")[:2] for line in found] == [["r.toml", "5"], ["r.toml", "10"]]


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD + GOOD)[0].startswith("r.toml:8: a.rule: id: is taken by ")


@pytest.mark.parametrize("text", [b"\xff\xfe", b"\x00", b"[" * 90_000, b"a" * 90_000])
def test_a_file_of_nonsense_is_refused(tmp_path: Path, text: bytes) -> None:
    assert mistakes(tmp_path, text)[0].startswith("r.toml:1: file: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"gone\.toml:1: file: "):
        read_rules(tmp_path / "gone.toml", REASONS, PROVIDERS.titles)


def test_a_file_without_rules_holds_none(tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.write_text("# nothing yet\n")
    assert read_rules(file, REASONS, PROVIDERS.titles) == []
