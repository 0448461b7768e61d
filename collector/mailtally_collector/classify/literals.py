"""Words that a text must hold before an expression can match: most rules need not be tried at all.

Gives     ``required_literals``: of some texts at least one stands in everything that the
          expression matches; None when nothing can be said.
          ``LiteralIndex``: which of many expressions may match a text, in one pass over it
          (Aho-Corasick).
Limits    Reads the parse tree of ``re``; expressions are matched against small letters.
"""

import re
from collections.abc import Sequence
from typing import Any

import ahocorasick

_parser: Any = re._parser  # type: ignore[attr-defined] # noqa: SLF001
_Literals = frozenset[str] | None


class LiteralIndex:
    """Immutable after construction; safe to share between threads.

    ``samples`` are texts like those to come: of the literals that would do, those that are rarest
    in them are looked for.
    """

    def __init__(self, patterns: Sequence[str | None], samples: Sequence[str] = ()) -> None:
        rarity = Rarity(samples)
        self._automaton = ahocorasick.Automaton()
        always = []
        by_literal: dict[str, list[int]] = {}
        for number, pattern in enumerate(patterns):
            literals = required_literals(pattern, rarity) if pattern is not None else None
            if literals is None:
                always.append(number)
                continue
            for literal in literals:
                by_literal.setdefault(literal, []).append(number)
        for literal, numbers in by_literal.items():
            self._automaton.add_word(literal, tuple(numbers))
        self._automaton.make_automaton()
        self._always = frozenset(always)
        self._empty = not by_literal

    def candidates(self, text: str) -> list[int]:
        """Numbers of the expressions that may match, smallest first."""
        found = set(self._always)
        if not self._empty:
            for _, numbers in self._automaton.iter(text):
                found.update(numbers)
        return sorted(found)


class Rarity:
    """Orders sets of literals: first those that fewest samples hold, then those of long words."""

    def __init__(self, samples: Sequence[str] = ()) -> None:
        self._samples = samples
        self._holders: dict[str, frozenset[int]] = {}

    def of(self, literals: frozenset[str]) -> tuple[int, int, int]:
        """Give what to compare; the smallest is the best choice."""
        holders = frozenset[int]().union(*map(self._holding, literals))
        return len(holders), -min(map(len, literals)), len(literals)

    def _holding(self, literal: str) -> frozenset[int]:
        known = self._holders.get(literal)
        if known is None:
            known = frozenset(at for at, text in enumerate(self._samples) if literal in text)
            self._holders[literal] = known
        return known


def required_literals(pattern: str, rarity: Rarity | None = None) -> _Literals:
    """Find texts of which one must occur. Raises re.error for what is no expression.

    >>> sorted(required_literals("mailbox (?:is )?full|over ?quota"))
    ['mailbox ', 'over']
    """
    return _of_sequence(_parser.parse(pattern), rarity or Rarity())


def _of_sequence(items: Any, rarity: Rarity) -> _Literals:
    """Choose the best of what each part demands."""
    found: list[frozenset[str]] = []
    run = ""
    for operation, argument in [*_flatten(items), (None, None)]:
        if str(operation) == "LITERAL":
            run += chr(argument)
            continue
        if run:
            found.append(frozenset([run]))
        run = ""
        inside = _of_part(str(operation), argument, rarity)
        if inside is not None:
            found.append(inside)
    return min(found, key=rarity.of, default=None)


def _flatten(items: Any) -> list[tuple[Any, Any]]:
    flat: list[tuple[Any, Any]] = []
    for operation, argument in items:
        if str(operation) == "SUBPATTERN" and not argument[1] and not argument[2]:
            flat += _flatten(argument[3])
        else:
            flat.append((operation, argument))
    return flat


def _of_part(operation: str, argument: Any, rarity: Rarity) -> _Literals:
    if operation == "BRANCH":
        found = [_of_sequence(branch, rarity) for branch in argument[1]]
        known = [literals for literals in found if literals is not None]
        return frozenset[str]().union(*known) if len(known) == len(found) else None
    if operation in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"} and argument[0] > 0:
        return _of_sequence(argument[2], rarity)
    if operation == "ATOMIC_GROUP":
        return _of_sequence(argument, rarity)
    return None
