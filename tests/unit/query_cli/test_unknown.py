"""``mailtally unknown`` and ``rules``: what no rule knows, and a draft that makes it known."""

import json
import tomllib
from pathlib import Path

import pytest

from mailtally.v1 import query_pb2
from mailtally_collector.classify.classify import classify
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.classify.draft_rule import draft_rule
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.reply_template import reply_template
from tests.unit.query_cli.canned import Canned
from tests.unit.query_cli.running import run
from tests.unit.query_cli.samples import HOSTILE, REPLY, unknown_reply


@pytest.fixture
def asked(canned: Canned) -> Canned:
    canned.unknown = query_pb2.ListUnknownRepliesResponse(replies=[unknown_reply()], total=9)
    return canned


def test_unknown_replies_are_listed(asked: Canned) -> None:
    ended = run(asked, "unknown", "--limit", "5", "--recipient-domain", "example.net")
    (question,) = asked.asked
    assert isinstance(question, query_pb2.ListUnknownRepliesRequest)
    assert (question.limit, question.filter.recipient_domain) == (5, "example.net")
    row = ended.out.splitlines()[1].split()
    assert row[:4] == ["17", "4", "550-5.7.1", "google"]
    assert REPLY.decode() in ended.out
    assert "4 of 9 recipients" in ended.out


def test_unknown_replies_as_json(asked: Canned) -> None:
    told = json.loads(run(asked, "unknown", "--json").out)
    assert told["total"] == 9
    assert told["replies"][0]["first_seen"] == "2026-11-03T12:00:00+00:00"


def test_a_draft_is_a_rule_but_for_its_reason(asked: Canned, tmp_path: Path) -> None:
    """The file is refused where the reason stands, and works when one is chosen."""
    draft = run(asked, "unknown", "--draft", "17").out
    file = tmp_path / "own.toml"
    file.write_text(draft)
    (mistake,) = CurrentRules(tmp_path).mistakes
    assert "reason: unknown reason '?'" in mistake
    file.write_text(draft.replace('"?"', '"policy.policy_rejected"'))
    rules = CurrentRules(tmp_path)
    assert rules.mistakes == ()
    reply = read_reply(REPLY, recipient_domain="gmail.com")
    assert classify(reply, rules.rules).rule_id.startswith("own.")


def test_a_draft_of_a_reply_that_is_not_listed_is_refused(asked: Canned) -> None:
    ended = run(asked, "unknown", "--draft", "18")
    assert ended.code == 2
    assert "no unknown reply 18" in ended.err


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE,
        b"",
        b"550",
        b"550 5.7.1 <ann@example.net>: (a+)+$ [x] {3} ^ \\ \" ' #",
        b"host mx[192.0.2.7] said: 554 \x7f 192.0.2.1 id=abc1234567 (in reply to DATA command)",
        b"word " * 900,
    ],
)
def test_a_draft_of_any_reply_is_toml_and_matches_it(text: bytes) -> None:
    sample = text.decode("utf-8", "backslashreplace")
    template = reply_template(text).decode("utf-8", "backslashreplace")
    (rule,) = tomllib.loads(draft_rule(template, sample))["rule"]
    assert rule["reason"] == "?"
    assert rule["examples"] == [sample]
    assert len(rule["pattern"]) <= 700


def test_rules_tells_what_is_in_force(canned: Canned) -> None:
    canned.rules = query_pb2.GetRulesResponse(digest="abc", rules=300, waiting=7)
    ended = run(canned, "rules")
    assert ended.code == 0
    assert "300 rules in force, rule set abc" in ended.out
    assert "7 stored replies wait" in ended.out


def test_rules_exits_1_when_a_file_cannot_be_used(canned: Canned) -> None:
    canned.rules = query_pb2.GetRulesResponse(digest="abc", mistakes=["own.toml:3: x: bad"])
    assert run(canned, "rules").code == 1
    ended = run(canned, "rules", "--json")
    assert json.loads(ended.out)["mistakes"] == ["own.toml:3: x: bad"]
