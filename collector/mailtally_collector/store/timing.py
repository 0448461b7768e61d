"""What a line told of an attempt in numbers, in one column: use of a connection, and delays.

Form      A byte of flags, then connection use and the five delays, in the narrowest of four widths
          that has room for all of them. The first three widths count hundredths of a second, as
          Postfix does (delay_logging_resolution_limit); what is finer, or negative, takes the last.
Why       As columns they take 40 bytes of a row on PostgreSQL and 30 on SQLite; so mostly 7.
"""

from struct import Struct
from typing import NamedTuple

_FORMS = (Struct(">7B"), Struct(">B6H"), Struct(">B6I"), Struct(">B6q"))
_ROOM = (1 << 8, 1 << 16, 1 << 32)
_TRUNCATED, _AMBIGUOUS = 1, 2
_HUNDREDTH_US = 10_000


class Timing(NamedTuple):
    """Fields of an attempt, named as there (records.py)."""

    reply_truncated: bool
    recipient_ambiguous: bool
    connection_use: int
    delay_us: int
    queue_delay_us: int
    active_delay_us: int
    setup_delay_us: int
    transmission_delay_us: int


def pack_timing(timing: Timing) -> bytes:
    """Write into 7, 13, 25 or 49 bytes. Numbers fit 64 bits, with their sign."""
    truncated, ambiguous, use, *delays = timing
    flags = _TRUNCATED * bool(truncated) | _AMBIGUOUS * bool(ambiguous)
    counts = [use]
    for delay_us in delays:
        hundredths, rest = divmod(delay_us, _HUNDREDTH_US)
        if rest:
            return _FORMS[3].pack(flags, use, *delays)
        counts.append(hundredths)
    greatest = max(counts)
    if min(counts) < 0 or greatest >= _ROOM[2]:
        return _FORMS[3].pack(flags, use, *delays)
    width = 0 if greatest < _ROOM[0] else 1 if greatest < _ROOM[1] else 2
    return _FORMS[width].pack(flags, *counts)


def unpack_timing(packed: bytes) -> Timing:
    """Inverse of pack_timing(). Raises StopIteration for another length."""
    form = next(form for form in _FORMS if form.size == len(packed))
    flags, use, *delays = form.unpack(packed)
    unit_us = 1 if form is _FORMS[3] else _HUNDREDTH_US
    return Timing(
        bool(flags & _TRUNCATED),
        bool(flags & _AMBIGUOUS),
        use,
        *(delay * unit_us for delay in delays),
    )
