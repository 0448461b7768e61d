"""Lengths of time and numbers of bytes, as people write and read them."""

import re

import typer

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LENGTH = re.compile(r"([0-9]{1,7})([smhd])")


def parse_seconds(text: str, option: str) -> int:
    """Read ``90m``, ``6h``, ``1d``. Raises typer.BadParameter.

    >>> parse_seconds("6h", "--every")
    21600
    """
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise typer.BadParameter(
            f"{text!r} is no length of time such as 90m, 6h or 1d", param_hint=option
        )
    return int(match[1]) * _UNITS[match[2]]


def length(seconds: float) -> str:
    """Write a length of time in its two greatest units.

    >>> length(21600), length(5400), length(93_600), length(0.25)
    ('6 h', '1 h 30 min', '1 d 2 h', '0 s')
    """
    parts = []
    rest = int(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def size(count: int) -> str:
    """Write a number of bytes.

    >>> size(1_300_000)
    '1.2 MiB'
    """
    scaled, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if scaled < 1024:
            break
        scaled, unit = scaled / 1024, larger
    return f"{scaled:.1f} {unit}" if unit != "B" else f"{count} B"


def collection(*, enabled: bool, interval_seconds: int) -> str:
    """Say how a log is collected.

    >>> collection(enabled=True, interval_seconds=3600)
    'every 1 h'
    """
    if not enabled:
        return "off"
    return f"every {length(interval_seconds)}" if interval_seconds else "continuous"
