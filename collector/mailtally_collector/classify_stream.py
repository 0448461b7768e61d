"""``mailtally-collector classify --jsonl``: a verdict for each reply, line by line, in order.

In        One JSON object a line: ``text``, and where known ``smtp_code``, ``enhanced``, ``relay``,
          ``rcpt_domain``; other keys are left alone.
Out       One JSON object a line: the fields of ``Verdict``, the rule's id as ``rule``. A line that
          is no JSON object is taken as the text itself, and ``error`` says so: every line has a
          verdict.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from mailtally_collector.classify.classify import classify
from mailtally_collector.classify.reply import Reply, read_reply
from mailtally_collector.classify.rule_set import RuleSet

LINE_MAX_BYTES = 1 << 20
_WORD = re.compile(r"[\x21-\x7e]{1,255}")


def classify_lines(lines: Iterable[bytes], rules: RuleSet) -> Iterator[str]:
    """Give the line of JSON for each line; never raises."""
    for line in lines:
        reply, error = _reply(line)
        record: dict[str, Any] = classify(reply, rules).record()
        yield json.dumps(record | ({"error": error} if error else {}), ensure_ascii=True)


def _reply(line: bytes) -> tuple[Reply, str]:
    """Read one line; what is wrong with it, or an empty text."""
    try:
        given = json.loads(line[:LINE_MAX_BYTES])
    except (ValueError, RecursionError) as error:
        return read_reply(line), f"is no JSON: {error}"
    if not isinstance(given, dict):
        return read_reply(line), "is no JSON object"
    if not isinstance(given.get("text", ""), str):
        return read_reply(line), "text is no string"
    reply = read_reply(
        given.get("text", ""),
        reply_code=_word(given.get("smtp_code")),
        enhanced_status=_word(given.get("enhanced")),
        relay_host=_word(given.get("relay")),
        recipient_domain=_word(given.get("rcpt_domain")),
    )
    return reply, ""


def _word(value: object) -> str:
    """Take a number or a word; anything else is as good as nothing."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    return text if _WORD.fullmatch(text) else ""
