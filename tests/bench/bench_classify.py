"""How fast replies are judged, beside the same rules tried one by one with Python's ``re``.

Usage     python -m tests.bench.bench_classify [--corpus FILE] [--rounds N]
Corpus    JSON objects, one a line, with ``text`` and what else is known; default: the examples of
          the shipped rules.
Measured  CPU seconds, in one process and in turns: the verdicts of distinct replies, no cache. Both
          sides get replies that are read already and decide by the same conditions; the peer
          searches pattern after pattern, without regard to case. Their winners must agree. Then the
          failures of the bundled log as they come, reading and a cache of raw texts included.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import starmap
from pathlib import Path
from statistics import median
from typing import Any

from mailtally_collector.classify.classify import classify
from mailtally_collector.classify.reply import Reply, read_reply
from mailtally_collector.classify.rule import Rule
from mailtally_collector.classify.rule_set import RuleSet, shipped_rules
from tests.corpus.bundled import BUNDLED

AGENT = Path(sys.executable).parent / "mailtally-agent"
CACHE_TEXTS = 8_192


def main() -> None:
    """Print both speeds and their ratio, and the speed on a real stream."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rules = shipped_rules()
    replies = distinct_replies(options.corpus, rules)
    sequential = Sequential(rules)
    ours, peer = [], []
    for _ in range(options.rounds):
        ours.append(rate(lambda reply: winner(reply, rules), replies))
        peer.append(rate(sequential.winner, replies))
    wrong = [reply.text for reply in replies if sequential.winner(reply) != winner(reply, rules)]
    print(f"{len(rules.rules)} rules, {len(replies)} distinct replies, {len(wrong)} disagree")
    print(f"indexed        {median(ours):>12,.0f} replies/s")
    print(f"one by one     {median(peer):>12,.0f} replies/s")
    print(f"ratio          {median(map(float.__truediv__, ours, peer)):>12.1f}")
    print_stream(rules)


class Sequential:
    """The peer: every rule in its order, as a reader of the rule files would try them."""

    def __init__(self, rules: RuleSet) -> None:
        self._providers = rules.providers
        self._rules: list[tuple[Rule, re.Pattern[str] | None]] = [
            (rule, re.compile(rule.pattern, re.IGNORECASE) if rule.pattern else None)
            for rule in rules.rules
        ]

    def winner(self, reply: Reply) -> str:
        """Give the id of the first rule that matches."""
        evidence = self._providers.evidence(reply.relay_host, reply.recipient_domain)
        everyone = range(len(self._providers.texts))
        answerer = self._providers.answerer(reply, evidence, everyone)
        for rule, pattern in self._rules:
            if pattern is None:
                if rule.matches(reply, answerer):
                    return rule.id
            elif pattern.search(reply.text) and rule.matches(reply, answerer):
                return rule.id
        return ""


def winner(reply: Reply, rules: RuleSet) -> str:
    """Give the id of the rule that the product finds."""
    return classify(reply, rules).rule_id


def distinct_replies(corpus: Path | None, rules: RuleSet) -> list[Reply]:
    """Read the replies to judge."""
    if corpus is None:
        texts = [{"text": one.text} for rule in rules.rules for one in rule.examples]
    else:
        texts = [json.loads(line) for line in corpus.read_text().splitlines()]
    by_text: dict[str, dict[str, Any]] = {one["text"]: one for one in texts}
    return [
        read_reply(
            text,
            reply_code=str(one.get("smtp_code") or ""),
            enhanced_status=one.get("enhanced") or "",
            relay_host=one.get("relay") or "",
            recipient_domain=one.get("rcpt_domain") or "",
        )
        for text, one in by_text.items()
    ]


def rate(judge: Callable[[Reply], object], replies: Sequence[Reply]) -> float:
    """Replies for each second of CPU time."""
    started = time.process_time()
    for reply in replies:
        judge(reply)
    return len(replies) / (time.process_time() - started)


def print_stream(rules: RuleSet) -> None:
    """Judge the failures of the bundled log in their order, with a cache of raw texts."""
    with BUNDLED.log.open("rb") as log:
        parsed = subprocess.run([AGENT, "parse"], stdin=log, capture_output=True, check=True)
    records = [json.loads(line) for line in parsed.stdout.splitlines()]
    failed = [
        (one["reply_text"], one.get("relay_host") or "")
        for one in records
        if one.get("status") in ("bounced", "deferred") and one.get("reply_text")
    ]

    @lru_cache(maxsize=CACHE_TEXTS)
    def judged(text: str, relay_host: str) -> str:
        return classify(read_reply(text, relay_host=relay_host), rules).rule_id

    started = time.process_time()
    known = sum(map(bool, starmap(judged, failed)))
    seconds = time.process_time() - started
    hits = judged.cache_info().hits
    print(
        f"bundled log    {len(failed) / seconds:>12,.0f} replies/s read and judged,"
        f" {len(failed)} failures, {hits} from the cache, {known} known"
    )


if __name__ == "__main__":
    main()
