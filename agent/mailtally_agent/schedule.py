"""When the log is read: as it grows, at an interval, or on command only.

Gives     ``Settings``, as the collector sends them; ``next_slot_us``: the moments of an interval.
How       The moments of an interval are those of the clock, moved by a part of the interval that
          the server's name decides: a fleet does not report all at the same minute, and a restart
          changes nothing.
"""

from dataclasses import dataclass
from enum import StrEnum
from zlib import crc32

SECOND_US = 1_000_000


class Mode(StrEnum):
    """How the log is collected."""

    CONTINUOUS = "continuous"
    INTERVAL = "interval"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the collector wants; ``interval_seconds`` counts with Mode.INTERVAL only."""

    revision: int
    mode: Mode
    interval_seconds: int = 0


def next_slot_us(server: str, interval_seconds: int, after_us: int) -> int:
    """Return the first moment of the server's interval behind another one.

    >>> first = next_slot_us("mx1", 3600, 0)
    >>> next_slot_us("mx1", 3600, first) - first
    3600000000
    """
    interval_us = interval_seconds * SECOND_US
    # In thousandths: a server is as early in an interval of an hour as it is in one of a day.
    part = crc32(server.encode("utf-8", "surrogateescape")) % 1_000
    offset_us = interval_us * part // 1_000
    return (after_us - offset_us) // interval_us * interval_us + interval_us + offset_us
