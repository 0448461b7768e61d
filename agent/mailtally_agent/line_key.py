"""The key of a log line (docs/decisions/0002-content-keys.md)."""

from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

# Moment (microseconds since 1970), origin (host, program and pid) and text of a line.
Line = tuple[int, str, str]


class RecordKey(NamedTuple):
    """Names a log line: moment (microseconds since 1970) and 63 bits of its hash."""

    time_us: int
    line_hash: int


def line_key(line: Line, occurrence: int) -> RecordKey:
    """Key of a line; occurrence 1, or 2, 3 … for further lines of that text and moment."""
    content = f"{line[1]}]: {line[2]}".encode("utf-8", "surrogateescape")
    if occurrence > 1:
        content = b"%b\0%d" % (content, occurrence)
    return RecordKey(line[0], _hash63(content))


def _hash63(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big") >> 1


class Occurrences:
    """Tells lines of the same moment and text apart by counting them; they come in log order."""

    def __init__(self, moment_us: int = 0, seen: dict[int, int] | None = None) -> None:
        """Start afresh, or where a checkpoint left off."""
        self._moment_us = moment_us
        self._texts: set[str] = set()
        self._again: Counter[str] = Counter()
        # Hashes of the texts that were counted before a checkpoint, and how often.
        self._before = seen or {}

    def count(self, moment_us: int, text: str) -> int:
        """How often this text has come at its moment; call once for each line."""
        if moment_us != self._moment_us:
            self._moment_us = moment_us
            self._texts = {text}
            self._again.clear()
            self._before = {}
            return 1
        texts = self._texts
        if self._before or text in texts:
            return self._count_again(text)
        texts.add(text)
        return 1

    def _count_again(self, text: str) -> int:
        if text in self._texts:
            self._again[text] += 1
        self._texts.add(text)
        return self._before.get(_text_hash(text), 0) + 1 + self._again[text]

    def state(self) -> tuple[int, list[tuple[int, int]]]:
        """The moment, and hash and count of its texts."""
        counts = dict(self._before)
        for text in self._texts:
            text_hash = _text_hash(text)
            counts[text_hash] = counts.get(text_hash, 0) + 1 + self._again[text]
        return self._moment_us, sorted(counts.items())


def _text_hash(text: str) -> int:
    return _hash63(text.encode("utf-8", "surrogateescape"))
