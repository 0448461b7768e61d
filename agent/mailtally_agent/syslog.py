"""Syslog headers: ``<time stamp> <host> <program>[<pid>]: <text>``.

Gives     the moment, the program and the text of one log line, or None for a line of another shape.
Mirrors   RFC 3164 section 4.1.2 as syslog daemons write it to files (``Mar  1 09:05:07``; the day
          padded with a space, a zero or nothing), and RFC 3339
          (``2026-03-01T09:05:07.123456+01:00``).
Limits    RFC 3164 has neither year nor zone. The zone is an argument; the year is the one that puts
          a line near the line before it, and the first line of a file not after the moment of the
          file's last change.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
# How far one line may lie before the line above it without being in the repeated hour of a clock
# that was set back: daemons log through one writer, so in practice fractions of a second.
DISORDER_US = 300 * SECOND_US

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_TRADITIONAL = re.compile(r"([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) ")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class SyslogLine(NamedTuple):
    """One line, taken apart.

    time_us     microseconds since 1970 UTC
    origin      host, program and pid as logged, no closing bracket: ``mx1 postfix/smtp[99``
    text        what follows ``]: ``
    """

    time_us: int
    origin: str
    text: str


def epoch_us(moment: datetime) -> int:
    """Whole microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


class SyslogReader:
    """Reads lines of one log in order; remembers the last moment to find the year of the next."""

    def __init__(self, zone: tzinfo, newest_us: int) -> None:
        """Take the host's zone and the moment that the first line can not lie much after."""
        self._zone = zone
        self._newest_us = newest_us
        self.last_us: int | None = None
        # Time stamp without its seconds -> microseconds; one minute of log shares one entry.
        self._minute = ""
        self._minute_us = 0

    def read(self, line: str) -> SyslogLine | None:
        """Take one line apart; None when it has no header that we know."""
        head, bracket, text = line.partition("]: ")
        if not bracket:
            return None
        if head[:12] == self._minute and head[15:16] == " ":
            seconds = head[13:15]
            if not seconds.isdecimal():
                return None
            time_us = self._minute_us + int(seconds) * SECOND_US
            origin = head[16:]
        elif head[:1].isdigit():
            stamp, _, origin = head.partition(" ")
            moment = _rfc3339_us(stamp)
            if moment is None:
                return None
            time_us = moment
        else:
            match = _TRADITIONAL.match(head)
            if match is None:
                return None
            moment = self._traditional_us(match)
            if moment is None:
                return None
            time_us = moment
            origin = head[match.end() :]
        self.last_us = time_us
        return SyslogLine(time_us, origin, text)

    def _traditional_us(self, match: re.Match[str]) -> int | None:
        month = _MONTHS.get(match[1])
        if month is None:
            return None
        fields = (month, int(match[2]), int(match[3]), int(match[4]), min(int(match[5]), 59))
        moment = self._nearest_year(fields)
        if moment is None:
            return None
        time_us = epoch_us(moment)
        later_us = epoch_us(moment.replace(fold=1))
        if later_us > time_us:  # the hour that a clock set back shows twice
            if self.last_us is not None and time_us < self.last_us - DISORDER_US:
                return later_us
        elif match.end() == 16:
            self._minute = match[0][:12]
            self._minute_us = time_us - fields[4] * SECOND_US
        return time_us

    def _nearest_year(self, fields: tuple[int, int, int, int, int]) -> datetime | None:
        """The moment of the year that fits, or None when the date exists in none of them."""
        reference_us = self._newest_us if self.last_us is None else self.last_us
        year = (_EPOCH + reference_us * _MICROSECOND).year
        candidates = []
        for candidate in (year - 1, year, year + 1):
            try:
                candidates.append(datetime(candidate, *fields, tzinfo=self._zone))
            except ValueError:  # 29 February
                continue
        if self.last_us is None:
            past = [c for c in candidates if epoch_us(c) <= self._newest_us + DAY_US]
            return max(past, default=None)
        return min(candidates, key=lambda c: abs(epoch_us(c) - reference_us), default=None)


def _rfc3339_us(stamp: str) -> int | None:
    """Moment of ``2026-03-01T09:05:07[.123456](Z|±hh:mm)``; None without a zone or malformed."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return epoch_us(moment) if moment.tzinfo is not None else None
