"""From a reply that no rule knows to the beginning of a rule that does.

Gives     ``draft_rule``: a ``[[rule]]`` in TOML with the pattern made of the reply's template, the
          reply as its example, and the reason left to its author: the file is refused, and says
          where, until one is chosen.
"""

import json
import re

from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule import compile_pattern

PLACEHOLDER = re.compile(r"<(?:address|host|ip|time|id)>")
CODES = re.compile(r"^[245]\d\d[ -]?(?:#?[245]\.\d{1,3}\.\d{1,3}:?)? ?")
GAP = ".{0,100}"
PIECE_MIN = 4
PATTERN_MAX = 300


def draft_rule(template: str, sample: str, provider: str = "") -> str:
    """Write the rule. ``provider``: id of who answered; empty when it is not known."""
    reply = read_reply(sample)
    pattern = _pattern(template, reply.text)
    lines = [
        "[[rule]]",
        f"id = {_toml('own.' + _slug(template))}",
        'reason = "?"  # choose one: docs/rules.md lists them',
        *([f"provider = {_toml(provider)}"] if provider else []),
        f"pattern = {_toml(pattern)}",
        'advice = ""  # what happened, and what to do; empty: the words of the reason',
        f"examples = [{_toml(sample)}]",
    ]
    return "\n".join(lines) + "\n"


def _pattern(template: str, text: str) -> str:
    """The template with gaps for what differs; its longest piece if that is too much."""
    words = CODES.sub("", template)
    pieces = [piece.strip() for piece in PLACEHOLDER.split(words)]
    pieces = [piece for piece in pieces if len(piece) >= PIECE_MIN] or [words.strip() or template]
    pattern = GAP.join(map(_escaped, pieces))
    if len(pattern) <= PATTERN_MAX and compile_pattern(pattern).search(text):
        return pattern
    return _escaped(max(pieces, key=len)[:PATTERN_MAX])


def _escaped(words: str) -> str:
    """Escape what an expression would take for more than a letter; blanks stay readable."""
    return re.escape(words).replace("\\ ", " ").replace("\\-", "-")


def _slug(template: str) -> str:
    words = re.findall(r"[a-z]{3,}", PLACEHOLDER.sub("", CODES.sub("", template)).lower())
    return "-".join(words[:5])[:60] or "reply"


def _toml(text: str) -> str:
    """Write a basic string: JSON's is one, but for what is not printable or no character."""
    text = json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)
