"""Moments as people write and read them: zones, ranges, ISO 8601.

Gives     Aware datetimes. Times are always written with their offset from UTC.
"""

import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import typer
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

LOCALTIME = Path("/etc/localtime")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_RANGE = re.compile(r"([1-9][0-9]{0,6})([mhdw])")


def chosen_zone(name: str | None) -> ZoneInfo:
    """The named zone, else the system's, else UTC. Raises typer.BadParameter for an unknown name.

    The system's zone is TZ, else where /etc/localtime leads. A POSIX rule in TZ ("CET-1CEST") is
    no name that the collector could use; UTC is taken then, as the offsets in the output show.
    """
    if name is not None:
        zone = _zone(name)
        if zone is None:
            raise typer.BadParameter(f"{name!r} is not an IANA time zone", param_hint="--time-zone")
        return zone
    system = os.environ.get("TZ", "").removeprefix(":") or os.path.realpath(LOCALTIME)
    return _zone(system.rpartition("zoneinfo/")[2]) or ZoneInfo("UTC")


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # Unknown; no valid key; a folder of zones ("Europe").
        return None


def parse_moment(text: str, zone: ZoneInfo, option: str) -> datetime:
    """Read ISO 8601, in ``zone`` when it names no offset. Raises typer.BadParameter."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no ISO 8601 time, such as 2026-11-03T14:00+01:00", param_hint=option
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def parse_range(text: str) -> timedelta:
    """Read ``90m``, ``24h``, ``7d``, ``2w``; a day is 24 hours. Raises typer.BadParameter.

    >>> parse_range("90m")
    datetime.timedelta(seconds=5400)
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        raise typer.BadParameter(
            f"{text!r} is no length such as 90m, 24h, 7d or 2w", param_hint="--range"
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def moment_of(message: Message, field: str, zone: ZoneInfo) -> datetime | None:
    """A Timestamp field in ``zone``; None when it is unset."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(zone)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 with offset, for programs. Fractions of a second only where there are some."""
    return None if moment is None else moment.isoformat()


def shown(moment: datetime | None) -> str:
    """To the second, with offset, for people; a dash for None. --from and --to read it back."""
    return "-" if moment is None else moment.isoformat(sep=" ", timespec="seconds")
