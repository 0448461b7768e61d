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
    """Immutable after construction; safe to share between threads."""

    def __init__(self, patterns: Sequence[str | None]) -> None:
        self._automaton = ahocorasick.Automaton()
        always = []
        by_literal: dict[str, list[int]] = {}
        for number, pattern in enumerate(patterns):
            literals = required_literals(pattern) if pattern is not None else None
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


def required_literals(pattern: str) -> _Literals:
    """Find texts of which one must occur. Raises re.error for what is no expression.

    >>> sorted(required_literals("mailbox (?:is )?full|over ?quota"))
    ['mailbox ', 'over']
    """
    return _of_sequence(_parser.parse(pattern))


def _of_sequence(items: Any) -> _Literals:
    """Choose, among what each part demands, the choice whose shortest text is longest."""
    best: _Literals = None
    run = ""
    for operation, argument in [*_flatten(items), (None, None)]:
        if str(operation) == "LITERAL":
            run += chr(argument)
            continue
        best = _better(best, frozenset([run]) if run else None)
        run = ""
        best = _better(best, _of_part(str(operation), argument))
    return best


def _flatten(items: Any) -> list[tuple[Any, Any]]:
    flat: list[tuple[Any, Any]] = []
    for operation, argument in items:
        if str(operation) == "SUBPATTERN" and not argument[1] and not argument[2]:
            flat += _flatten(argument[3])
        else:
            flat.append((operation, argument))
    return flat


def _of_part(operation: str, argument: Any) -> _Literals:
    if operation == "BRANCH":
        found = [_of_sequence(branch) for branch in argument[1]]
        known = [literals for literals in found if literals is not None]
        return frozenset().union(*known) if len(known) == len(found) else None
    if operation in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"} and argument[0] > 0:
        return _of_sequence(argument[2])
    if operation == "ATOMIC_GROUP":
        return _of_sequence(argument)
    return None


def _better(first: _Literals, second: _Literals) -> _Literals:
    if first is None or second is None:
        return first if second is None else second
    return max(first, second, key=lambda texts: (min(map(len, texts)), -len(texts)))
