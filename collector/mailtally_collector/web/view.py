"""What the address bar says: which mail a page shows, in which order, in which time zone.

Gives     ``View``: everything that can be shared as a link, and links to pages that differ in some
          of it.
Limits    A parameter that means nothing is left out, with a sentence about it, and never an error
          page: people edit addresses, and old links name what is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from mailtally_collector.durations import DAY_US, HOUR_US
from mailtally_collector.query.buckets import time_zone
from mailtally_collector.query.filters import Filter, QueryError
from mailtally_collector.terms import DeliveryState, EventOrder

RANGES_US = {"24h": 24 * HOUR_US, "7d": 7 * DAY_US, "14d": 14 * DAY_US, "30d": 30 * DAY_US}
DEFAULT_RANGE = "24h"
CUSTOM = "custom"
STATES = {
    state.name.lower(): int(state)
    for state in DeliveryState
    if state not in (DeliveryState.UNSPECIFIED, DeliveryState.REQUEUED)
}
SORTS = {"last_try": EventOrder.LAST_TRY, "accepted": EventOrder.ACCEPTED}
SORTS |= {"attempts": EventOrder.ATTEMPTS, "size": EventOrder.SIZE}
# What lists of names are sorted by.
BY = ("sent", "delivered", "failed", "pending")
FIRST_MAX = 5_000
TEXT_MAX = 1_000
# Parameters that are taken as they are, by their names in Filter.
TEXTS = {
    "domain": "domain",
    "mailbox": "mailbox",
    "to": "recipient",
    "to_domain": "recipient_domain",
    "text": "text",
    "queue_id": "queue_id",
    "message_id": "message_id",
}
LISTS = {
    "server": "servers",
    "reason": "reasons",
    "provider": "providers",
    "filter": "mail_filters",
    "status": "enhanced_statuses",
}
LIST_MAX = 50


@dataclass(frozen=True, slots=True)
class View:
    """One page's choice. ``start_us`` and ``end_us`` are of a custom range; else None.

    ``by``, ``first``  what lists of names are sorted by, and how many rows are passed over.
    ``params``    the parameters that it came from, cleaned: what a link to it says.
    ``problems``  names of parameters that meant nothing.
    """

    filter: Filter
    range: str
    zone: ZoneInfo
    sort: str
    ascending: bool
    after: str
    by: str
    first: int
    params: tuple[tuple[str, str], ...]
    problems: tuple[str, ...] = field(default=())

    def settled(self, now_us: int) -> Filter:
        """The filter with its range: a custom one, or what ends now."""
        if self.range == CUSTOM:
            return self.filter
        return replace(self.filter, start_us=now_us - RANGES_US[self.range], end_us=now_us)

    def get(self, name: str) -> str:
        """The first value of a parameter; empty for none."""
        return next((value for key, value in self.params if key == name), "")

    def all(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for key, value in self.params if key == name]

    def url(self, path: str = "", **changes: str | None) -> str:
        """Address of a page with these parameters changed; None or "" removes one.

        A change of anything but the page goes back to the first page.
        """
        gone = {*changes, "after", "first"}
        kept = [(key, value) for key, value in self.params if key not in gone]
        kept += [(key, value) for key, value in changes.items() if value]
        return f"{path}?{urlencode(kept)}" if kept else path or "?"

    def page_url(self, path: str, after: str) -> str:
        """Address of the page behind this token."""
        kept = [(key, value) for key, value in self.params if key != "after"]
        return f"{path}?{urlencode([*kept, ('after', after)])}"


def view_of(params: Mapping[str, Any], default_zone: str = "UTC") -> View:
    """Read the parameters of a request (starlette's QueryParams)."""
    return _Reading(params, default_zone).view()


class _Reading:
    def __init__(self, params: Any, default_zone: str) -> None:
        self._params = params
        self._default_zone = default_zone
        self._kept: list[tuple[str, str]] = []
        self._problems: list[str] = []

    def view(self) -> View:
        zone = self._zone()
        values: dict[str, Any] = {}
        for name, column in TEXTS.items():
            if text := self._text(name):
                values[column] = text
        for name, column in LISTS.items():
            if texts := self._texts(name):
                values[column] = texts
        values["states"] = tuple(self._known("state", STATES))
        values["reply_codes"] = tuple(self._codes())
        values["unknown_only"] = bool(self._known("unknown", {"1": True}))
        chosen = self._range(zone, values)
        sort = self._one("sort", SORTS, "last_try")
        ascending = self._one("dir", ("asc", "desc"), "desc") == "asc"
        after = self._text("after")
        by = self._one("by", BY, "sent")
        return View(
            *(Filter(**values), chosen, zone, sort, ascending, after, by, self._first()),
            params=tuple(self._kept),
            problems=tuple(self._problems),
        )

    def _zone(self) -> ZoneInfo:
        name = self._params.get("tz", "")
        try:
            zone = time_zone(name or self._default_zone)
        except QueryError:
            self._problems.append("tz")
            return ZoneInfo("UTC")
        if name:
            self._kept.append(("tz", name))
        return zone

    def _range(self, zone: ZoneInfo, values: dict[str, Any]) -> str:
        chosen = self._one("range", (*RANGES_US, CUSTOM), DEFAULT_RANGE)
        if chosen != CUSTOM:
            return chosen
        start_us, end_us = self._moment("from", zone), self._moment("until", zone)
        if start_us is None or end_us is None or start_us >= end_us:
            self._problems += ["from", "until"]
            return DEFAULT_RANGE
        values["start_us"], values["end_us"] = start_us, end_us
        return CUSTOM

    def _moment(self, name: str, zone: ZoneInfo) -> int | None:
        """Microseconds of a date and time in the zone, as date fields of browsers give it."""
        text = self._params.get(name, "")
        try:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
            micros = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
        except (ValueError, OverflowError):
            return None
        self._kept.append((name, text))
        return micros

    def _text(self, name: str) -> str:
        text = self._params.get(name, "").strip()
        if not text:
            return ""
        if len(text) > TEXT_MAX or not text.isprintable():
            self._problems.append(name)
            return ""
        self._kept.append((name, text))
        return str(text)

    def _texts(self, name: str) -> tuple[str, ...]:
        given = [text.strip() for text in self._params.getlist(name) if text.strip()]
        good = [text for text in given if len(text) <= TEXT_MAX and text.isprintable()][:LIST_MAX]
        if len(good) < len(given):
            self._problems.append(name)
        self._kept += [(name, text) for text in good]
        return tuple(good)

    def _first(self) -> int:
        text = self._text("first")
        if not (text.isascii() and text.isdigit() and int(text) <= FIRST_MAX):
            return 0
        return int(text)

    def _codes(self) -> list[int]:
        good = []
        for text in self._texts("code"):
            if text.isascii() and text.isdigit() and len(text) <= 3:
                good.append(int(text))
            else:
                self._problems.append("code")
        return good

    def _known(self, name: str, known: Mapping[str, Any]) -> list[Any]:
        given = self._texts(name)
        if any(text not in known for text in given):
            self._problems.append(name)
            self._kept = [
                (key, value) for key, value in self._kept if key != name or value in known
            ]
        return [known[text] for text in given if text in known]

    def _one(self, name: str, known: Any, default: str) -> str:
        text = self._params.get(name, "")
        if not text:
            return default
        if text not in known:
            self._problems.append(name)
            return default
        self._kept.append((name, text))
        return str(text)
