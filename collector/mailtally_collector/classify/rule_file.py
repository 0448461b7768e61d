"""Rule files: TOML in, checked rules out.

Keys      id, reason; one of pattern, enhanced and code at least; provider, code, enhanced and stage
          take one value or a list of values: code as a prefix, enhanced whole or as a prefix that
          ends in a point; severity, advice,
          advice_customer, doc; examples (one or more), counter_examples: texts, or tables with
          text, relay and domain.
Raises    RuleError with one line for each mistake: ``FILE:LINE: RULE: key: message``.
"""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mailtally_collector.classify.rule import Example, Rule, compile_pattern
from mailtally_collector.classify.taxonomy import Reason, Severity
from mailtally_collector.classify.toml_entries import Entry, Placed, RuleError, read_entries

Stage = Literal["connect", "helo", "mail", "rcpt", "data"]


def _listed(value: object) -> object:
    if isinstance(value, str):
        return [value] if value else []
    return value


Listed = BeforeValidator(_listed)


class ExampleEntry(BaseModel):
    """An example whose relay or recipient domain matters."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    text: str = Field(min_length=1)
    relay: str = ""
    domain: str = ""


class Wording(Entry):
    """What a rule says beside its reason; empty texts are those of the reason."""

    severity: Severity | None = None
    advice: str = ""
    advice_customer: str = ""
    doc: Annotated[str, Field(pattern=r"^(https://[^\s<>\"]+)?$")] = ""


class RuleEntry(Wording):
    """One ``[[rule]]``."""

    reason: str
    provider: Annotated[list[str], Listed] = Field(default_factory=list)
    code: Annotated[list[Annotated[str, Field(pattern=r"^[245]\d{0,2}$")]], Listed] = Field(
        default_factory=list
    )
    enhanced: Annotated[
        list[Annotated[str, Field(pattern=r"^[245]\.(\d{1,3}\.(\d{1,3})?)?$")]], Listed
    ] = Field(default_factory=list)
    stage: Annotated[list[Stage], Listed] = Field(default_factory=list)
    pattern: str = ""
    examples: list[str | ExampleEntry] = Field(min_length=1)
    counter_examples: list[str | ExampleEntry] = Field(default_factory=list)


def read_rules(
    path: Path, reasons: Mapping[str, Reason], providers: Mapping[str, str]
) -> list[Rule]:
    """Read the rules of one file in its order. ``providers``: id to title. Raises RuleError."""
    return make_rules(read_entries(path, "rule", RuleEntry), reasons, providers)


def make_rules(
    entries: Sequence[Placed[RuleEntry]],
    reasons: Mapping[str, Reason],
    providers: Mapping[str, str],
) -> list[Rule]:
    """Check what entries name, and compile their patterns. Raises RuleError."""
    rules, mistakes = [], []
    for placed in entries:
        entry = placed.value
        found = _unknown(placed, "reason", [entry.reason], reasons)
        found += _unknown(placed, "provider", entry.provider, providers)
        if not entry.pattern and not entry.enhanced and not entry.code:
            found.append(placed.mistake("pattern", "give a pattern, an enhanced code or a code"))
        regex = _regex(placed, found)
        mistakes += found
        rules.append(
            Rule(
                id=entry.id,
                reason=entry.reason,
                place=placed.place,
                pattern=entry.pattern,
                regex=regex,
                providers=frozenset(entry.provider),
                codes=tuple(entry.code),
                enhanced=tuple(entry.enhanced),
                stages=frozenset(entry.stage),
                severity=entry.severity,
                advice=entry.advice,
                advice_customer=entry.advice_customer,
                doc=entry.doc,
                examples=_examples(entry.examples),
                counter_examples=_examples(entry.counter_examples),
            )
        )
    if mistakes:
        raise RuleError(mistakes)
    return rules


def _unknown(
    placed: Placed[RuleEntry], key: str, names: list[str], known: Collection[str]
) -> list[str]:
    mistakes = []
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            mistakes.append(placed.mistake(key, f"unknown {key} {name!r}{hint}"))
    return mistakes


def _regex(placed: Placed[RuleEntry], mistakes: list[str]) -> re.Pattern[str] | None:
    if not placed.value.pattern:
        return None
    try:
        regex = compile_pattern(placed.value.pattern)
    except (re.error, RecursionError, OverflowError) as error:
        mistakes.append(placed.mistake("pattern", f"is no expression: {error}"))
        return None
    if regex.search(""):
        mistakes.append(placed.mistake("pattern", "matches an empty text, so it would match all"))
    return regex


def _examples(given: list[str | ExampleEntry]) -> tuple[Example, ...]:
    return tuple(
        Example(one) if isinstance(one, str) else Example(one.text, one.relay, one.domain)
        for one in given
    )
