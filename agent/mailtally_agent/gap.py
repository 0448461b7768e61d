"""Gaps: lines that a log had and that were not read, or may not have been.

Gives     Gap, and its name: the same whenever the same place is read again, so that the collector
          keeps it once.
"""

from hashlib import blake2b
from typing import NamedTuple

from mailtally_agent.terms import GapCause


class Gap(NamedTuple):
    """One gap, as mailtally/v1/ingest.proto has it. Moments: microseconds since 1970.

    source      the log, as the configuration names it
    from_us     of the last line read before; 0 when none was
    to_us       of the first line behind
    certain     lines are missing for sure; otherwise some may be
    lost_lines  0: not known
    gap_hash    64 bits
    """

    source: str
    cause: GapCause
    from_us: int
    to_us: int
    certain: bool
    lost_lines: int
    gap_hash: int


def gap_hash(*parts: str | int) -> int:
    """Name a gap by what tells it from all others.

    Its end does: when it is found a second time, from an older checkpoint, it seems to begin
    earlier, but what was reported before it is stored.
    """
    content = "\0".join(str(part) for part in parts).encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")
