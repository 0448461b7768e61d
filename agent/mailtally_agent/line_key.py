"""The key of a log line (docs/decisions/0002-content-keys.md)."""

from hashlib import blake2b

from mailtally_agent.record import RecordKey


class LineKeys:
    """Makes keys for lines in log order; tells equal lines of one moment apart by counting them."""

    def __init__(self, moment_us: int = 0, seen: frozenset[int] = frozenset()) -> None:
        """Start afresh, or where a checkpoint left off."""
        self.moment_us = moment_us
        self.seen = set(seen)

    def key(self, time_us: int, origin: str, text: str) -> RecordKey:
        """Key of the line ``<origin>]: <text>`` at time_us; call once for each line."""
        if time_us != self.moment_us:
            self.moment_us = time_us
            self.seen.clear()
        line = f"{origin}]: {text}".encode("utf-8", "surrogateescape")
        line_hash = _hash63(line)
        occurrence = 1
        while line_hash in self.seen:
            occurrence += 1
            line_hash = _hash63(b"%b\0%d" % (line, occurrence))
        self.seen.add(line_hash)
        return RecordKey(time_us, line_hash)


def _hash63(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big") >> 1
