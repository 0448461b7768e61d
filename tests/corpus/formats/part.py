"""The part of a log that stands for it: whole messages, and every shape of line.

Gives     representative(): lines of a postlogd log in their order. Messages that name one another
          (notifications, forwarded and requeued mail) come together or not at all.
Limits    A shape is the daemon and the text without what differs from message to message; it
          serves to choose, not to read.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

_OWNER = re.compile(r"\]: ([0-9A-Za-z]{6,}): ")
_WORD = re.compile(r"[0-9A-Za-z]{6,}")
_ADDRESS = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"\b[0-9A-Za-z]*\d[0-9A-Za-z.]*\b")
_ORIGIN = len("Nov 23 23:27:03 ")
# Long enough to tell replies apart, short enough not to see where the longest ones differ.
_SHAPE_LENGTH = 150


def representative(lines: list[str], *, of_each_shape: int) -> list[str]:
    """The first messages and lines that show each shape of line as often as asked for."""
    shown: Counter[str] = Counter()
    chosen: set[int] = set()
    for numbers in _units(lines):
        shapes = {_shape(lines[number]) for number in numbers}
        if any(shown[shape] < of_each_shape for shape in shapes):
            chosen.update(numbers)
            shown.update(shapes)
    return [line for number, line in enumerate(lines) if number in chosen]


def _units(lines: list[str]) -> Iterator[list[int]]:
    """Numbers of the lines that belong together: of linked messages, or of no message."""
    owners = [_owner(line) for line in lines]
    parents = {owner: owner for owner in owners if owner}

    def root(queue_id: str) -> str:
        while parents[queue_id] != queue_id:
            queue_id = parents[queue_id]
        return queue_id

    for line, owner in zip(lines, owners, strict=True):
        for word in _words(line) if owner else ():
            if word in parents:
                parents[root(word)] = root(owner)
    units: defaultdict[str, list[int]] = defaultdict(list)
    for number, owner in enumerate(owners):
        units[root(owner) if owner else f"line {number}"].append(number)
    yield from units.values()


def _owner(line: str) -> str:
    match = _OWNER.search(line)
    return match[1] if match and match[1] != "NOQUEUE" else ""


def _words(line: str) -> Iterable[str]:
    return _WORD.findall(line.partition("]: ")[2])


def _shape(line: str) -> str:
    program, _, text = line[_ORIGIN:].partition("]: ")
    text = _NUMBER.sub("0", _ADDRESS.sub("<>", text))
    return f"{program.partition('[')[0]} {text[:_SHAPE_LENGTH]}"
