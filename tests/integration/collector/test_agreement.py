"""Every answer agrees with every other, for every filter; filters mean what their names say."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_collector.classify.provider import load_providers
from mailtally_collector.query.breakdown import breakdown
from mailtally_collector.query.event import Event
from mailtally_collector.query.event_keys import Order, order_of
from mailtally_collector.query.events import list_events
from mailtally_collector.query.filters import Filter, QueryError, select
from mailtally_collector.query.reasons import top_reasons
from mailtally_collector.query.summary import Counts, summarise
from mailtally_collector.terms import CountOrder, DeliveryState, Dimension, EventOrder
from tests.integration.collector.asked import WHOLE, exported, filters, listed
from tests.integration.collector.conftest import NewLocation
from tests.integration.collector.mixed_mail import mixed_mail
from tests.integration.collector.tables import BY_LAST_TRY, EVERYTHING, NOW, Tables

FAILED = (int(DeliveryState.BOUNCED), int(DeliveryState.EXPIRED))
ALL = tuple(int(one) for one in DeliveryState if one and one != DeliveryState.REQUEUED)
DIMENSIONS = {
    Dimension.SERVER: "servers",
    Dimension.DOMAIN: "domain",
    Dimension.MAILBOX: "mailbox",
    Dimension.PROVIDER: "providers",
}
SORTED_BY: dict[EventOrder, Callable[[Event], int]] = {
    EventOrder.LAST_TRY: lambda event: event.last_try_us,
    EventOrder.ACCEPTED: lambda event: event.arrival_us,
    EventOrder.ATTEMPTS: lambda event: event.attempts,
    EventOrder.SIZE: lambda event: event.size_bytes,
}


@pytest.fixture(scope="module")
def full(new_location: NewLocation) -> Iterator[Tables]:
    with new_location() as location, closing(Tables(location)) as tables:
        for sent in mixed_mail(seed=5, count=120):
            tables.store(sent.records, sent.server)
        yield tables


def counted(tables: Tables, asked: Filter) -> Counts:
    return summarise(tables.reader, EVERYTHING, select(asked, NOW), 0, "UTC").total


@settings(max_examples=60, deadline=None)
@given(
    asked=filters(),
    by=st.sampled_from(sorted(SORTED_BY)),
    ascending=st.booleans(),
    size=st.integers(1, 9),
)
def test_failures_are_as_many_in_every_answer(
    full: Tables, asked: Filter, by: EventOrder, *, ascending: bool, size: int
) -> None:
    """Of the summary, of the reasons, of the list over all its pages, of the export."""
    failed = tuple(state for state in asked.states or FAILED if state in FAILED) or FAILED
    asked = replace(asked, states=failed)
    failures = counted(full, asked).sent
    top = top_reasons(full.reader, EVERYTHING, select(asked, NOW), 1_000)
    assert top.total == sum(reason.count for reason in top.reasons) == failures
    events = listed(full.reader, EVERYTHING, asked, order_of(by, ascending=ascending), size)
    keys = [(SORTED_BY[by](event), event.message_id, event.number) for event in events]
    assert keys == sorted(set(keys), reverse=not ascending)
    assert len(events) == failures
    out = exported(full.reader, EVERYTHING, asked, size)
    assert sorted(events, key=_key) == out


def _key(event: Event) -> tuple[int, int]:
    return event.message_id, event.number


@settings(max_examples=50, deadline=None)
@given(asked=filters(), order=st.sampled_from(CountOrder))
def test_rows_of_every_dimension_add_up_to_the_summary(
    full: Tables, asked: Filter, order: CountOrder
) -> None:
    summary = summarise(full.reader, EVERYTHING, select(asked, NOW), 0, "UTC")
    assert summary.total.sent == sum(part.sent for part in summary.buckets)
    assert summary.total.sent == sum(summary.total.by_state.values())
    for dimension in DIMENSIONS:
        if dimension == Dimension.PROVIDER and order == CountOrder.MESSAGES:
            continue
        selection = select(asked, NOW)
        found = breakdown(
            *(full.reader, EVERYTHING, selection, dimension), order=order, limit=1_000
        )
        assert found.total == summary.total
        states = {
            state: sum(row.counts.by_state.get(state, 0) for row in found.rows) for state in ALL
        }
        assert states == {state: summary.total.by_state.get(state, 0) for state in ALL}
        messages = sum(row.counts.messages for row in found.rows)
        assert messages == (0 if dimension == Dimension.PROVIDER else summary.total.messages)
        assert found.rows_total == len(found.rows)
        shares = sum(row.share for row in found.rows)
        if order != CountOrder.MESSAGES:
            assert shares == pytest.approx(1) or shares == 0
        best = breakdown(*(full.reader, EVERYTHING, selection, dimension), order=order, limit=2)
        assert best.rows == found.rows[:2]


@settings(max_examples=40, deadline=None)
@given(asked=filters())
def test_a_row_is_what_the_filter_of_its_name_counts(full: Tables, asked: Filter) -> None:
    for dimension, field in DIMENSIONS.items():
        if getattr(asked, field):
            continue
        found = breakdown(
            *(full.reader, EVERYTHING, select(asked, NOW), dimension), order=0, limit=3
        )
        for row in found.rows:
            if not row.name and dimension != Dimension.PROVIDER:
                continue  # an empty filter means all
            if not row.name and dimension != Dimension.PROVIDER:
                continue  # an empty filter means all
            name = row.name.decode() or "unknown"
            named: Any = {field: (name,) if field.endswith("s") else name}
            narrowed = replace(asked, **named)
            assert counted(full, narrowed).by_state == row.counts.by_state


PROVIDERS = load_providers()


def of_relay(host: bytes) -> str:
    return PROVIDERS.evidence(host.decode().lower(), "").relay


def of_domain(domain: bytes) -> str:
    return PROVIDERS.evidence("", domain.decode()).domain


def provider_of(event: Event) -> str:
    if event.judged is not None:
        return event.judged.provider or of_relay(event.relay_host) or of_domain(_to(event))
    return of_relay(event.relay_host) or of_domain(_to(event))


def _to(event: Event) -> bytes:
    return event.recipient.rpartition(b"@")[2]


MEANINGS: dict[str, Callable[[Event, Filter], bool]] = {
    "servers": lambda event, asked: event.server in asked.servers,
    "domain": lambda event, asked: event.envelope_sender.endswith(b"@" + asked.domain.encode()),
    "mailbox": lambda event, asked: event.envelope_sender == asked.mailbox.lower().encode(),
    "recipient_domain": lambda event, asked: (
        _to(event) == asked.recipient_domain.lower().encode() and not event.is_untried
    ),
    "states": lambda event, asked: event.state in asked.states,
    "text": lambda event, asked: (
        asked.text.encode("utf-8", "surrogateescape").lower() in event.reply_text.lower()
    ),
    "queue_id": lambda event, asked: event.queue_id == asked.queue_id,
    # A message whose acceptance was not seen has neither a size nor a Message-ID.
    "message_id": lambda event, asked: event.queue_id in asked.message_id and event.size_bytes > 0,
    "recipient": lambda event, asked: (
        asked.recipient.encode() in (event.recipient, event.original_recipient)
    ),
    "reply_codes": lambda event, asked: (
        event.reply_code in asked.reply_codes and not event.is_untried
    ),
    "enhanced_statuses": lambda event, asked: (
        event.enhanced_status in asked.enhanced_statuses and not event.is_untried
    ),
    "unknown_only": lambda event, _: event.judged is not None and event.judged.reason == "unknown",
    "reasons": lambda event, asked: (
        event.judged is not None
        and any(
            event.judged.reason == name or event.judged.reason.partition(".")[0] == name
            for name in asked.reasons
        )
    ),
    "providers": lambda event, asked: (provider_of(event) or "unknown") in asked.providers,
    "mail_filters": lambda event, asked: (
        event.judged.filter in asked.mail_filters
        if event.judged
        else of_relay(event.relay_host) in asked.mail_filters
    ),
}


@settings(max_examples=100, deadline=None)
@given(asked=filters())
def test_filters_mean_what_their_names_say(full: Tables, asked: Filter) -> None:
    """Compared with looking at each event: its own fields fit the filter, and no other's do."""
    if asked.basis == 2:
        asked = replace(asked, basis=0)
    everything = replace(WHOLE, states=ALL, start_us=asked.start_us, end_us=asked.end_us)
    events = listed(full.reader, EVERYTHING, everything, BY_LAST_TRY, 1_000)
    asked = replace(asked, states=asked.states or ALL)
    named = [name for name in MEANINGS if getattr(asked, name)]
    expected = [event for event in events if all(MEANINGS[name](event, asked) for name in named)]
    assert listed(full.reader, EVERYTHING, asked, BY_LAST_TRY, 7) == expected


@pytest.mark.parametrize(
    ("text", "why"), [("x" * 1_001, "longer than 1000 bytes"), ("a\nb", "control characters")]
)
def test_a_text_that_no_reply_holds_is_refused(text: str, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        select(replace(WHOLE, text=text), NOW)


def test_orders_and_dimensions_that_are_not_known_are_refused(full: Tables) -> None:
    selection = select(WHOLE, NOW)
    with pytest.raises(QueryError, match="order 9 is not known"):
        order_of(9, ascending=True)
    with pytest.raises(QueryError, match="order 99 is not known"):
        breakdown(*(full.reader, EVERYTHING, selection, Dimension.SERVER), order=99, limit=1)
    with pytest.raises(QueryError, match="not counted by provider"):
        breakdown(
            *(full.reader, EVERYTHING, selection, Dimension.PROVIDER),
            order=CountOrder.MESSAGES,
            limit=1,
        )
    with pytest.raises(QueryError, match="name what to count by"):
        breakdown(full.reader, EVERYTHING, selection, 0, order=0, limit=1)


def test_a_token_of_another_order_is_refused(full: Tables) -> None:
    ascending = Order(EventOrder.SIZE, ascending=True)
    page = list_events(*(full.reader, EVERYTHING, WHOLE, ascending), token="", size=1, now_us=NOW)
    other = Order(EventOrder.SIZE, ascending=False)
    with pytest.raises(QueryError, match="another filter, order or caller"):
        list_events(
            *(full.reader, EVERYTHING, WHOLE, other), token=page.next_token, size=1, now_us=NOW
        )
