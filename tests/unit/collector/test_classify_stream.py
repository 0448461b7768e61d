"""``classify --jsonl`` and ``explain``: a verdict for each line, in order, whatever it holds."""

import json
import subprocess
from pathlib import Path

import pytest

from mailtally_collector.classify.rule_set import shipped_rules
from mailtally_collector.classify_stream import classify_lines

BIN = Path(__file__).parents[3] / ".venv" / "bin"
FIELDS = {"reason", "category", "severity", "owner", "provider", "filter", "unknown", "rule"}
FIELDS |= {"basis", "advice", "advice_customer", "title", "doc"}
RULE = """
[[rule]]
id = "own.xyzzy"
reason = "policy.policy_rejected"
pattern = 'xyzzy'
advice = "{provider} said xyzzy. Say plugh."
examples = ["550 xyzzy"]

[[rule]]
id = "own.second"
reason = "message.spam_content"
pattern = 'xyzz'
examples = ["550 xyzz"]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "own.toml").write_text(RULE)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"text": "550 no", "smtp_code": 550, "enhanced": "5.1.1"}', ""),
        (b'{"smtp_code": null, "extra": [1]}', ""),
        (b'{"text": "550 no", "relay": "\\u0000\\ud800", "rcpt_domain": {"a": 1}}', ""),
        (b"550 no such user", "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[1, 2]", "is no JSON object"),
        (b'{"text": 5}', "text is no string"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"text": "' + b"a" * 3_000_000, "is no JSON"),
        (b"", "is no JSON"),
    ],
)
def test_every_line_has_a_verdict(line: bytes, error: str) -> None:
    (answer,) = classify_lines([line + b"\n"], shipped_rules())
    record = json.loads(answer)
    assert set(record) - {"error"} == FIELDS
    assert record.get("error", "").startswith(error)
    assert ("error" in record) == bool(error)


def test_the_command_keeps_the_order(rules: Path, tmp_path: Path) -> None:
    config = tmp_path / "collector.conf"
    config.write_text(f'[rules]\nfolder = "{rules}"\n')
    lines = [json.dumps({"text": f"550 {'xyzzy' if at % 3 else 'plugh'} {at}"}) for at in range(99)]
    done = subprocess.run(
        [BIN / "mailtally-collector", "classify", "--jsonl", "--config", config],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line)["rule"] for line in done.stdout.splitlines()]
    assert answers == ["own.xyzzy" if at % 3 else "" for at in range(99)]


def test_explain_names_the_winner_and_the_runners_up(rules: Path) -> None:
    done = subprocess.run(
        [BIN / "mailtally", "explain", "-", "--rules", rules, "--domain", "gmail.com", "--json"],
        input="host mx.test[192.0.2.7] said: 550 xyzzy \x1b[31m (in reply to RCPT TO command)",
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["rule"] == "own.xyzzy"
    assert told["provider"] == "google"
    assert told["reply"]["stage"] == "rcpt"
    assert [rule["rule"] for rule in told["rules"]] == ["own.xyzzy", "own.second"]
    assert told["rules"][0]["place"] == f"{rules}/own.toml:2"


def test_explain_tells_people(rules: Path) -> None:
    (rules / "broken.toml").write_text("[[rule]]\n")
    done = subprocess.run(
        [BIN / "mailtally", "explain", "550 xyzzy", "--rules", rules],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "The receiving server said xyzzy. Say plugh." in done.stdout
    assert "own.second" in done.stdout
    assert f"rule file not used: {rules}/broken.toml:1: rule 1: id: " in done.stderr


def test_explain_says_when_nothing_is_known() -> None:
    done = subprocess.run(
        [BIN / "mailtally", "explain", "550 qwfp"], capture_output=True, text=True, check=True
    )
    assert "none matches" in done.stdout
