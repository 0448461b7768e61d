"""All rules in their order, compiled, immutable and named by what they say.

Order     The files as ``rules/order.toml`` lists them (providers, block lists, general words,
          Postfix's own messages, codes); within a file from top to bottom. The first match wins.
Hash      ``digest`` changes when any rule, reason or provider changes: verdicts carry it.
Raises    RuleError with one line for each mistake.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mailtally_collector.classify.literals import LiteralIndex
from mailtally_collector.classify.provider import (
    PROVIDERS_FILE,
    Answerer,
    Evidence,
    Providers,
    load_providers,
)
from mailtally_collector.classify.reply import Reply, read_reply
from mailtally_collector.classify.rule import Rule
from mailtally_collector.classify.rule_file import read_rules
from mailtally_collector.classify.taxonomy import TAXONOMY_FILE, Reason, load_taxonomy
from mailtally_collector.classify.toml_entries import RuleError
from mailtally_collector.toml_lines import parse_toml, read_toml_text

RULES_FOLDER = Path(__file__).with_name("rules")
ORDER_FILE = RULES_FOLDER / "order.toml"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Immutable; safe to share between threads."""

    rules: tuple[Rule, ...]
    reasons: Mapping[str, Reason]
    providers: Providers
    digest: str
    _index: LiteralIndex = field(repr=False, compare=False)
    _by_id: Mapping[str, Rule] = field(repr=False, compare=False)

    def rule(self, rule_id: str) -> Rule | None:
        """Find a rule by its id; None when there is no such rule."""
        return self._by_id.get(rule_id)

    def answerer_and_matches(
        self, reply: Reply, evidence: Evidence | None = None
    ) -> tuple[Answerer, Iterator[Rule]]:
        """Who answered, and the rules that match in their order, found one by one.

        Without ``evidence`` the reply's own relay and domain are looked up.
        """
        if evidence is None:
            evidence = self.providers.evidence(reply.relay_host, reply.recipient_domain)
        texts = len(self.providers.texts)
        candidates = self._index.candidates(reply.text)
        of_providers = [number for number in candidates if number < texts]
        answerer = self.providers.answerer(reply, evidence, of_providers)
        rules = (self.rules[number - texts] for number in candidates[len(of_providers) :])
        return answerer, (rule for rule in rules if rule.matches(reply, answerer))


def make_rule_set(
    rules: Sequence[Rule], reasons: Mapping[str, Reason], providers: Providers, digest: str
) -> RuleSet:
    """Compile the rules. Raises RuleError when two have the same id."""
    seen: dict[str, Rule] = {}
    for rule in rules:
        first = seen.setdefault(rule.id, rule)
        if first is not rule:
            raise RuleError([f"{rule.place}: {rule.id}: id: is taken by {first.place}"])
    patterns: list[str | None] = [regex.pattern for _, regex in providers.texts]
    patterns += [rule.regex.pattern if rule.regex else None for rule in rules]
    samples = [read_reply(example.text).text for rule in rules for example in rule.examples]
    index = LiteralIndex(patterns, samples)
    return RuleSet(tuple(rules), reasons, providers, digest, index, seen)


@cache
def shipped_rules() -> RuleSet:
    """Load the rules of this package. Raises RuleError."""
    reasons, providers = load_taxonomy(), load_providers()
    files = [RULES_FOLDER / name for name in parse_toml(read_toml_text(ORDER_FILE))["files"]]
    rules = [rule for file in files for rule in read_rules(file, reasons, providers.titles)]
    sources = [TAXONOMY_FILE, PROVIDERS_FILE, ORDER_FILE, *files]
    return make_rule_set(rules, reasons, providers, digest_of(map(read_toml_text, sources)))


def digest_of(texts: Iterable[str]) -> str:
    """Sixteen hexadecimal digits that name the texts and their order."""
    digest = hashlib.sha256()
    for text in texts:
        content = text.encode("utf-8", "surrogateescape")
        digest.update(f"{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]
