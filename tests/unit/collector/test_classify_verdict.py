"""A verdict says who answered, what it means, whose turn it is and what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtally_collector.classify.classify import classify
from mailtally_collector.classify.provider import load_providers
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule_file import read_rules
from mailtally_collector.classify.rule_set import RuleSet, make_rule_set, shipped_rules
from mailtally_collector.classify.taxonomy import load_taxonomy

MakeRules = Callable[[str], RuleSet]


@pytest.fixture
def rules_of(tmp_path: Path) -> MakeRules:
    """Make a rule set of the text of one file."""

    def make(text: str) -> RuleSet:
        file = tmp_path / "rules.toml"
        file.write_text(text)
        reasons, providers = load_taxonomy(), load_providers()
        rules = read_rules(file, reasons, providers.titles)
        return make_rule_set(rules, reasons, providers, "test")

    return make


WORDS = """
[[rule]]
id = "first.words"
reason = "recipient.user_unknown"
pattern = 'No SUCH (?:user|MAILBOX)'
advice = "{provider} knows no such mailbox. Correct the address."
doc = "https://example.com/rule"
examples = ["550 no such user"]

[[rule]]
id = "second.words"
reason = "recipient.mailbox_full"
pattern = 'no such|full'
examples = ["552 full"]

[[rule]]
id = "third.provider"
reason = "rate.greylisted"
provider = "google"
pattern = 'later'
examples = ["421 later"]

[[rule]]
id = "fourth.stage"
reason = "message.spam_content"
stage = "data"
pattern = 'refused'
examples = ["554 refused"]

[[rule]]
id = "last.code"
reason = "recipient.user_unknown"
enhanced = "5.1.1"
examples = ["550 5.1.1 whatever"]
"""


def test_the_first_rule_that_matches_wins(rules_of: MakeRules) -> None:
    verdict = classify(read_reply("550 NO SUCH Mailbox here, full"), rules_of(WORDS))
    assert verdict.rule_id == "first.words"
    assert verdict.reason == "recipient.user_unknown"
    assert (verdict.category, verdict.owner, verdict.severity) == ("recipient", "sender", "hard")
    assert (verdict.basis, verdict.unknown) == ("text", False)


def test_a_rule_for_a_provider_needs_that_provider(rules_of: MakeRules) -> None:
    rules = rules_of(WORDS)
    assert classify(read_reply("421 later"), rules).unknown
    for evidence in (
        {"relay_host": "alt1.gmail-smtp-in.l.google.com"},
        {"recipient_domain": "gmail.com"},
    ):
        assert classify(read_reply("421 later", **evidence), rules).rule_id == "third.provider"


def test_a_rule_for_a_stage_does_not_take_another(rules_of: MakeRules) -> None:
    rules = rules_of(WORDS)
    data = "host mx[192.0.2.7] said: 554 refused (in reply to end of DATA command)"
    assert classify(read_reply(data), rules).rule_id == "fourth.stage"
    assert classify(read_reply(data.replace("end of DATA", "RCPT TO")), rules).unknown


def test_a_rule_by_code_says_so(rules_of: MakeRules) -> None:
    verdict = classify(read_reply("550 5.1.1 nobody home"), rules_of(WORDS))
    assert (verdict.rule_id, verdict.basis) == ("last.code", "enhanced")


def test_a_rule_by_code_needs_a_code(rules_of: MakeRules) -> None:
    rules = rules_of(
        '[[rule]]\nid = "a.code"\nreason = "routing.null_mx"\ncode = "556"\nexamples = ["556 no"]\n'
    )
    assert classify(read_reply("556 no"), rules).basis == "code"
    assert classify(read_reply("no"), rules).unknown


def test_a_reply_that_is_tried_again_is_never_hard(rules_of: MakeRules) -> None:
    assert classify(read_reply("450 no such user"), rules_of(WORDS)).severity == "soft"


def test_the_link_of_the_reply_comes_before_that_of_the_rule(rules_of: MakeRules) -> None:
    rules = rules_of(WORDS)
    assert classify(read_reply("550 no such user"), rules).doc == "https://example.com/rule"
    own = read_reply("550 no such user, see https://example.org/x")
    assert classify(own, rules).doc == "https://example.org/x"


def test_advice_names_who_answered(rules_of: MakeRules) -> None:
    rules = rules_of(WORDS)
    anyone = classify(read_reply("550 no such user"), rules)
    assert anyone.advice == "The receiving server knows no such mailbox. Correct the address."
    google = classify(read_reply("550 no such user", recipient_domain="gmail.com"), rules)
    assert google.advice.startswith("Gmail")
    assert google.title.startswith("Message rejected by Gmail")


def test_what_no_rule_knows_is_unknown(rules_of: MakeRules) -> None:
    verdict = classify(read_reply("550 5.7.1 xyzzy"), rules_of(WORDS))
    assert (verdict.reason, verdict.unknown, verdict.rule_id) == ("unknown", True, "")
    assert verdict.advice
    assert verdict.advice_customer


def test_filter_and_mailbox_are_told_apart() -> None:
    reply = read_reply(
        "550 5.1.1 user unknown", relay_host="mx1.ppe-hosted.com", recipient_domain="gmail.com"
    )
    verdict = classify(reply, shipped_rules())
    assert (verdict.provider, verdict.filter) == ("google", "proofpoint")


@pytest.mark.parametrize(
    "hostile",
    [b"", b"\xff\xfe\x00", "\ud800", b"{provider}" * 900, b"%s%n{0.__class__}", b"550 " * 30_000],
)
def test_hostile_replies_get_a_verdict(hostile: bytes | str) -> None:
    assert classify(read_reply(hostile), shipped_rules()).reason
