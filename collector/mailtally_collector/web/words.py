"""Values as people read them: numbers, shares, sizes, moments, and text that strangers wrote.

Limits    English only as yet; what a translation has to change stands here and in texts/.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mailtally_collector.records import SpamScore

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NARROW_SPACE, _MINUS = "\u202f", "\u2212"
# Joiners that scripts and emoji need; all others of their kind can turn text around or hide some.
_HARMLESS = "\u200c\u200d"
_KB, _MB = 1_000, 1_000_000


def number(count: int) -> str:
    """Thousands apart.

    >>> number(1234567)
    '1\u202f234\u202f567'
    """
    return f"{count:,}".replace(",", _NARROW_SPACE)


def share(part: float, whole: float) -> str:
    """A part in percent; a dash when there is no whole.

    >>> share(1, 3), share(0, 0), share(1, 100_000)
    ('33.3 %', '—', '< 0.1 %')
    """
    if not whole:
        return "—"
    percent = 100 * part / whole
    if 0 < percent < 0.05:
        return "< 0.1 %"
    return f"{percent:.1f} %"


def change(now: int, before: int) -> str:
    r"""How much more or less it is than before, in percent; empty when there was nothing before.

    >>> change(110, 100), change(90, 100), change(5, 0)
    ('+10 %', '\u221210 %', '')
    """
    if not before:
        return ""
    percent = round(100 * (now - before) / before)
    sign = "+" if percent > 0 else _MINUS if percent < 0 else "±"
    return f"{sign}{number(abs(percent))} %"


def size(count: int) -> str:
    """Bytes; a dash when the log told none.

    >>> size(0), size(999), size(2_340), size(12_345_678)
    ('—', '999 B', '2.3 kB', '12.3 MB')
    """
    if not count:
        return "—"
    if count < _KB:
        return f"{count} B"
    return f"{count / _KB:.1f} kB" if count < _MB else f"{count / _MB:.1f} MB"


def moment(time_us: int, zone: ZoneInfo) -> datetime | None:
    """A moment in the viewer's zone; None for 0, and for what no calendar has."""
    if not time_us:
        return None
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).astimezone(zone)
    except OverflowError:
        return None


def clock(time_us: int, zone: ZoneInfo) -> str:
    """Date and time to the second; a dash for none."""
    shown = moment(time_us, zone)
    return f"{shown:%Y-%m-%d %H:%M:%S}" if shown else "—"


def iso(time_us: int, zone: ZoneInfo) -> str:
    """For machines: RFC 3339; empty for none."""
    shown = moment(time_us, zone)
    return shown.isoformat(timespec="seconds") if shown else ""


def field_time(time_us: int | None, zone: ZoneInfo) -> str:
    """A moment as date fields of browsers have it; empty for none."""
    shown = moment(time_us or 0, zone)
    return f"{shown:%Y-%m-%dT%H:%M}" if shown else ""


def length(time_us: int) -> str:
    """How long, in the two largest units; a dash for none.

    >>> length(0), length(90_000_000), length(90_061_000_000), length(400)
    ('—', '1 min 30 s', '1 d 1 h', '< 1 s')
    """
    if not time_us:
        return "—"
    seconds = time_us // 1_000_000
    parts = []
    for name, unit in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, unit)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "< 1 s"


def score(told: SpamScore | None) -> str:
    """What a spam filter told; a dash for nothing, which is not 0.

    >>> score(None), score(SpamScore("rspamd", 3.2, 15.0, "")), score(SpamScore("x", 0.0, None, ""))
    ('—', '3.2 of 15', '0')
    """
    if told is None or told.score is None:
        return "—"
    return f"{told.score:g}" + (f" of {told.required:g}" if told.required is not None else "")


def iso_us(time_us: int) -> str:
    """A moment for an address, to the microsecond, in UTC."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat()


def ago(time_us: int, now_us: int) -> str:
    """How long ago, in the largest unit that fits.

    >>> ago(0, 90_000_000), ago(1, 1), ago(5_000_000, 95_000_000)
    ('—', 'just now', '1 min ago')
    """
    if not time_us:
        return "—"
    seconds = max(0, (now_us - time_us) // 1_000_000)
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if seconds >= length:
            return f"{seconds // length} {name} ago"
    return "just now"


def visible(text: bytes | str) -> str:
    r"""Text of strangers as it may be shown: escapes instead of what is not printable.

    Templates escape markup; this keeps controls, and marks that turn text around, from the reader.

    >>> visible(b"a\xff\x1b"), visible("x\u202ey")
    ('a\\xff\\x1b', 'x\\u202ey')
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in _HARMLESS else one.encode("unicode_escape").decode()
        for one in text
    )
