"""A rule: which replies it is for, what they mean, and examples that prove it.

Order     The first rule that matches wins; see ``rule_set``.
Pattern   An expression of Python's ``re``, matched anywhere in the reply on one line without regard
          to case. A rule without one goes by codes alone.
"""

import re
from dataclasses import dataclass
from typing import Literal

from mailtally_collector.classify.provider import Answerer
from mailtally_collector.classify.reply import Reply
from mailtally_collector.classify.taxonomy import Severity

Basis = Literal["text", "enhanced", "code"]
_KEEP_CASE = re.compile(r"(\\.|\(\?P?)|([A-Z]+)")


@dataclass(frozen=True, slots=True)
class Example:
    """A reply that a rule must win, or must not."""

    text: str
    relay: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; empty conditions are no conditions, empty texts are those of the reason."""

    id: str
    reason: str
    place: str
    pattern: str = ""
    regex: re.Pattern[str] | None = None
    providers: frozenset[str] = frozenset()
    codes: tuple[str, ...] = ()
    enhanced: tuple[str, ...] = ()
    stages: frozenset[str] = frozenset()
    severity: Severity | None = None
    advice: str = ""
    advice_customer: str = ""
    doc: str = ""
    examples: tuple[Example, ...] = ()
    counter_examples: tuple[Example, ...] = ()

    @property
    def basis(self) -> Basis:
        """What the rule goes by."""
        if self.regex is not None:
            return "text"
        return "enhanced" if self.enhanced else "code"

    def matches(self, reply: Reply, answerer: Answerer) -> bool:
        """Whether every condition holds.

        A reply without a code, or without a stage, meets every condition on it if words decide.
        """
        known = reply.reply_code or self.regex is None
        if self.codes and known and not reply.reply_code.startswith(self.codes):
            return False
        if self.enhanced and not _is_one_of(reply.enhanced_status, self.enhanced):
            return False
        if self.providers and self.providers.isdisjoint(answerer.named):
            return False
        if self.stages and reply.stage and reply.stage not in self.stages:
            return False
        return self.regex is None or self.regex.search(reply.text) is not None


def _is_one_of(status: str, codes: tuple[str, ...]) -> bool:
    """Whether the status is one of the codes, or begins with one that ends in a point."""
    return any(status == code or (code.endswith(".") and status.startswith(code)) for code in codes)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile for texts in small letters. Raises re.error.

    >>> compile_pattern(r"User \S+ UNKNOWN").pattern
    'user \\S+ unknown'
    """
    return re.compile(_KEEP_CASE.sub(lambda part: part[1] or part[2].lower(), pattern))
