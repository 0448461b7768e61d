"""Random filters over invented mail, and all that can be asked with one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from peewee import Database

from mailtally_collector.query.event import Event
from mailtally_collector.query.event_keys import Order
from mailtally_collector.query.events import export_events, list_events
from mailtally_collector.query.filters import Filter
from mailtally_collector.query.scope import Scope
from mailtally_collector.terms import DeliveryState, Direction, TimeBasis, TrafficClass
from tests.integration.collector.mixed_mail import DOMAINS, HOURS, QUARTER, TO_QUARTER
from tests.integration.collector.reports import SECOND, T0

HOUR = 3_600 * SECOND
PAGES_MAX = 1_000
WHOLE = Filter(
    start_us=T0 - HOUR,
    end_us=T0 + (HOURS + 2) * HOUR,
    directions=tuple(int(one) for one in Direction if one),
    traffic_classes=tuple(int(one) for one in TrafficClass),
)


def _several(*values: object) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(st.sampled_from(values), unique=True, min_size=1, max_size=3).map(tuple)


_quarters = st.integers(-4, 4 * (HOURS + 2)).map(
    lambda number: T0 + (TO_QUARTER + number * QUARTER) * SECOND
)
_moments = st.integers(T0 - HOUR, T0 + (HOURS + 2) * HOUR) | _quarters
_conditions: dict[str, st.SearchStrategy[Any]] = {
    "basis": st.sampled_from([int(one) for one in TimeBasis]),
    "servers": _several("mx1", "mx2", "nobody"),
    "domain": st.sampled_from([*DOMAINS, "nobody.example"]),
    "mailbox": st.sampled_from(["ann@one.example", "bob@TWO.example", "x@y.example"]),
    "recipient_domain": st.sampled_from(["gmail.com", "Example.NET"]),
    "states": _several(*(int(one) for one in DeliveryState if one)),
    "reasons": _several("recipient", "unknown", "recipient.user_unknown", "policy"),
    "providers": _several("google", "apple", "unknown", "proofpoint"),
    "text": st.sampled_from(["USER unknown", "xyzzy", "\udcff", "200", "\\200", "É", "ok queued"]),
    "queue_id": st.sampled_from([f"4Q{number:04}" for number in range(0, 60, 7)]),
    "message_id": st.sampled_from(["<4Q0003@example.com>", "4Q0014@example.com"]),
    "recipient": st.sampled_from(["r1@gmail.com", "r2@example.net", "team@one.example"]),
    "reply_codes": _several(250, 550, 451, 0),
    "enhanced_statuses": _several("5.1.1", "2.0.0", "", "4.4.1"),
    "unknown_only": st.just(value=True),
    "mail_filters": _several("proofpoint", "mimecast"),
}


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    """Draw a range and up to three conditions, which all combine."""
    asked = WHOLE
    if draw(st.booleans()):
        start_us, end_us = sorted([draw(_moments), draw(_moments)])
        asked = replace(asked, start_us=start_us, end_us=end_us + (start_us == end_us))
    names = draw(st.lists(st.sampled_from(sorted(_conditions)), max_size=3, unique=True))
    drawn: dict[str, Any] = {name: draw(_conditions[name]) for name in names}
    return replace(asked, **drawn)


def listed(database: Database, scope: Scope, asked: Filter, order: Order, size: int) -> list[Event]:
    """List the events of all pages."""
    return [*_pages(database, scope, asked, order, size)]


def _pages(
    database: Database, scope: Scope, asked: Filter, order: Order, size: int
) -> Iterator[Event]:
    token = ""
    for _ in range(PAGES_MAX):
        page = list_events(database, scope, asked, order, token=token, size=size, now_us=T0)
        yield from page.events
        token = page.next_token
        if not token:
            return
    raise AssertionError("pages without an end")


def exported(database: Database, scope: Scope, asked: Filter, size: int) -> list[Event]:
    """Give the events of an export, whose total is what it said first."""
    page = export_events(database, scope, asked, token="", size=size, now_us=T0)
    total, events = page.total, [*page.events]
    while page.next_token:
        page = export_events(*(database, scope, asked), token=page.next_token, size=size, now_us=T0)
        assert page.total is None
        events += page.events
    assert total == len(events)
    return events
