"""Syslog headers: ``<time stamp> <host> <program>[<pid>]: <text>``.

Gives     the parts of a header, and the moment of its time stamp.
Mirrors   RFC 3164 section 4.1.2 as syslog daemons write it to files (``Mar  1 09:05:07``; the day
          padded with a space, a zero or nothing; some add the year), and RFC 3339
          (``2026-03-01T09:05:07.123456+01:00``).
Limits    RFC 3164 has neither year nor zone. The zone is an argument; the year is the one that puts
          a line near the line before it, and the first line of a file not after the moment of the
          file's last change.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
# How far one line may lie before the line above it without being in the repeated hour of a clock
# that was set back: daemons log through one writer, so in practice fractions of a second.
DISORDER_US = 300 * SECOND_US

# The year of a line is that of the line before it, or the next or last: within half a year it fits.
_YEAR_FITS_US = 180 * DAY_US

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
# The year stands before the month, behind the day, or nowhere.
_TRADITIONAL = re.compile(
    r"(?:(?P<year>\d{4}) )?(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) (?:(?P<later>\d{4}) )?"
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?P<fraction>\.\d{1,9})?"
)
_TRADITIONAL_HEAD = re.compile(_TRADITIONAL.pattern + " ")
_YEAR_FIRST = re.compile(r"\d{4} [A-Z]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def epoch_us(moment: datetime) -> int:
    """Whole microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def last_moment_us(year: int, zone: tzinfo) -> int:
    """A moment that the first line of a log of this year can not lie a day after; ValueError."""
    return epoch_us(datetime(year, 12, 31, 23, 59, 59, tzinfo=zone)) - DAY_US


def split_head(head: str) -> tuple[str, str] | None:
    """Split what stands before ``]: `` into time stamp and origin (host, program, pid).

    None when it does not begin like a time stamp.

    >>> split_head("Mar  1 09:05:07 mx1 postfix/smtp[99")
    ('Mar  1 09:05:07', 'mx1 postfix/smtp[99')
    """
    if head[:1].isdigit() and not _YEAR_FIRST.match(head):
        stamp, space, origin = head.partition(" ")
        return (stamp, origin) if space else None
    match = _TRADITIONAL_HEAD.match(head)
    return (head[: match.end() - 1], head[match.end() :]) if match else None


class TimeStamps:
    """Moments of the lines of one log, in order; the last one gives the year of the next."""

    def __init__(self, zone: tzinfo, newest_us: int) -> None:
        """Take the host's zone and the moment that the first line can not lie much after."""
        self._zone = zone
        self._newest_us = newest_us
        self.last_us: int | None = None
        # Lines come many to the second, and seconds many to the minute.
        self._stamp = ""
        self._minute = ""
        self._minute_us = 0

    def lie_near(self, moment_us: int) -> None:
        """The next line lies near this moment; matters when the last one does not tell its year."""
        if self.last_us is None or abs(moment_us - self.last_us) > _YEAR_FITS_US:
            self.last_us = moment_us
            self._stamp = self._minute = ""

    def time_us(self, stamp: str) -> int | None:
        """Microseconds since 1970 of a time stamp; None when it is none."""
        if stamp == self._stamp:
            return self.last_us
        if stamp[:12] == self._minute:
            seconds = stamp[13:15]
            if len(seconds) != 2 or not seconds.isdecimal():
                return None
            time_us: int | None = self._minute_us + int(seconds) * SECOND_US
        elif stamp[:1].isdigit() and stamp[4:5] != " ":
            time_us = _rfc3339_us(stamp)
        else:
            match = _TRADITIONAL.fullmatch(stamp)
            time_us = self._traditional_us(match) if match else None
        if time_us is not None:
            self.last_us = time_us
            self._stamp = stamp
        return time_us

    def peek_us(self, stamp: str) -> int | None:
        """The same of a line that is not read in its turn: those that come are dated without it."""
        kept = self.last_us, self._stamp, self._minute, self._minute_us
        try:
            return self.time_us(stamp)
        finally:
            self.last_us, self._stamp, self._minute, self._minute_us = kept

    def _traditional_us(self, match: re.Match[str]) -> int | None:
        month = _MONTHS.get(match["month"])
        if month is None:
            return None
        day, hour, minute = int(match["day"]), int(match["hour"]), int(match["minute"])
        fields = (month, day, hour, minute, min(int(match["second"]), 59))
        year = match["year"] or match["later"]
        moment = self._of_year(int(year), fields) if year else self._nearest_year(fields)
        if moment is None:
            return None
        time_us = epoch_us(moment)
        later_us = epoch_us(moment.replace(fold=1))
        if later_us > time_us:  # the hour that a clock set back shows twice
            if self.last_us is not None and time_us < self.last_us - DISORDER_US:
                time_us = later_us
        elif match.end() == 15:
            self._minute = match[0][:12]
            self._minute_us = time_us - fields[4] * SECOND_US
        return time_us + round(float(match["fraction"] or 0) * SECOND_US)

    def _of_year(self, year: int, fields: tuple[int, int, int, int, int]) -> datetime | None:
        try:
            return datetime(year, *fields, tzinfo=self._zone)
        except ValueError:
            return None

    def _nearest_year(self, fields: tuple[int, int, int, int, int]) -> datetime | None:
        """The moment of the year that fits, or None when the date exists in none of them."""
        reference_us = self._newest_us if self.last_us is None else self.last_us
        year = (_EPOCH + reference_us * _MICROSECOND).year
        candidates = []
        for candidate in (year - 1, year, year + 1):
            moment = self._of_year(candidate, fields)
            if moment is not None:  # 29 February
                candidates.append(moment)
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
