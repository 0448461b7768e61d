"""Texts on which an expression may run away, made from the expression itself.

Gives     ``hostile_texts``: for every repetition in the parse tree of ``re`` a text that leads up
          to it, feeds it for 64 KiB (or as far as replies are read), and does not match; and the
          expression's own words repeated, so that every place of the text is a start.
"""

import re
from collections.abc import Iterator
from typing import Any

from mailtally_collector.classify.reply import MATCHED_MAX

TEXT_CHARACTERS = 65_536
END = "\x7f!"

_parser: Any = re._parser  # type: ignore[attr-defined] # noqa: SLF001
_CATEGORIES = {
    "CATEGORY_DIGIT": "7",
    "CATEGORY_NOT_DIGIT": "a",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": "a",
    "CATEGORY_WORD": "a",
    "CATEGORY_NOT_WORD": " ",
}
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


def hostile_texts(pattern: str) -> list[str]:
    """Make the texts for an expression; each about 64 KiB. Raises re.error."""
    tree = _parser.parse(pattern)
    whole = _sample(tree)
    texts = [_repeated(piece) for piece in ("a", " ", "a ", "7", "a.", "<a@a>", whole)]
    for before, pump in _pumps(tree, ""):
        texts += [before + _repeated(pump) + END, _repeated(before + pump), _repeated(pump + " ")]
        texts.append(before + _repeated(pump)[: MATCHED_MAX - len(before) - len(END)] + END)
    return list(dict.fromkeys(texts))


def _repeated(piece: str) -> str:
    return (piece or "a") * (TEXT_CHARACTERS // max(1, len(piece)))


def _pumps(items: Any, before: str) -> Iterator[tuple[str, str]]:
    """Each repetition: a text that leads up to it, and one turn of it."""
    for operation, argument in items:
        name = str(operation)
        inner = _inner(name, argument)
        for branch in inner:
            if name in _REPEATS:
                yield before, _sample(branch)
            yield from _pumps(branch, before)
        before += _sample([(operation, argument)])


def _inner(name: str, argument: Any) -> list[Any]:
    """The expressions inside one part of an expression."""
    if name in _REPEATS:
        return [argument[2]]
    if name == "SUBPATTERN":
        return [argument[3]]
    if name == "BRANCH":
        return list(argument[1])
    if name in {"ASSERT", "ASSERT_NOT"}:
        return [argument[1]]
    return [argument] if name == "ATOMIC_GROUP" else []


def _sample(items: Any) -> str:
    """A short text that the expression matches, but for look-arounds."""
    return "".join(_sample_of(str(operation), argument) for operation, argument in items)


def _sample_of(name: str, argument: Any) -> str:
    if name == "LITERAL":
        return chr(argument)
    if name == "NOT_LITERAL":
        return "a" if argument != ord("a") else "b"
    if name == "ANY":
        return "a"
    if name == "IN":
        return _member(argument)
    if name in _REPEATS:
        turns: int = max(1, min(argument[0], 64))
        return _sample(argument[2]) * turns
    if name in {"ASSERT", "ASSERT_NOT"}:
        return ""
    inner = _inner(name, argument)
    return _sample(inner[0]) if inner else ""


def _member(members: Any) -> str:
    """A character of a class; of a negated one, the first of some that it does not name."""
    if str(members[0][0]) == "NEGATE":
        named = re.compile("[" + re.escape("".join(_named(members[1:]))) + "\x00]")
        return next((one for one in "a7 .-_<" if not named.match(one)), "~")
    return next(iter(_named(members)), "a")


def _named(members: Any) -> Iterator[str]:
    for operation, argument in members:
        name = str(operation)
        if name == "LITERAL":
            yield chr(argument)
        elif name == "RANGE":
            yield chr(argument[0])
        elif name == "CATEGORY":
            yield _CATEGORIES.get(str(argument), "a")
