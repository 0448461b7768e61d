"""Who sees some domains sees what he would see if there were no others."""

from collections.abc import Iterator
from dataclasses import astuple, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peewee import Database

from mailtally_collector.query.breakdown import breakdown
from mailtally_collector.query.event import Event
from mailtally_collector.query.event_keys import count_events, order_of
from mailtally_collector.query.events import export_events, list_events
from mailtally_collector.query.filters import Filter, QueryError, select
from mailtally_collector.query.reasons import Reason, top_reasons
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import list_servers, newest_line
from mailtally_collector.query.summary import summarise
from mailtally_collector.query.trace import Sought, trace
from mailtally_collector.query.unknown import unknown_replies
from mailtally_collector.reply_template import reply_template
from mailtally_collector.terms import CountOrder, Dimension, EventOrder
from tests.integration.collector.alone import ALL, SCOPES, Seen, databases_of
from tests.integration.collector.asked import WHOLE, exported, filters, listed
from tests.integration.collector.conftest import NewLocation
from tests.integration.collector.tables import BY_LAST_TRY, EVERYTHING, NOW


@pytest.fixture(scope="module")
def databases(new_location: NewLocation) -> Iterator[dict[Seen, Database]]:
    """All mail under ALL; under each scope, a database that never held any other mail."""
    with databases_of(new_location) as opened:
        yield {seen: tables.reader for seen, tables in opened.items()}


def of(seen: Seen) -> Scope:
    return Scope.of(name.upper().encode() for name in seen)


def told(event: Event) -> tuple[Any, ...]:
    """What an event tells, but for its message's number, which others take part in."""
    return astuple(replace(event, message_id=0))


def cause(reason: Reason) -> tuple[Any, ...]:
    """What a reason tells, with the template for the sample, which may be anybody's."""
    most = replace(reason.most, sample=reason.most.template)
    return astuple(replace(reason, most=most))


@settings(max_examples=60, deadline=None)
@given(
    asked=filters(),
    seen=st.sampled_from(SCOPES),
    by=st.sampled_from([one for one in EventOrder if one]),
    size=st.integers(1, 30),
)
def test_a_scope_sees_what_there_would_be_without_the_others(
    databases: dict[Seen, Database], asked: Filter, seen: Seen, by: EventOrder, size: int
) -> None:
    full, scope = databases[ALL], of(seen)
    alone = databases[seen]
    selection = select(asked, NOW)
    order = order_of(by, ascending=False)

    mine = summarise(full, scope, selection, 0, "UTC")
    theirs = summarise(alone, EVERYTHING, selection, 0, "UTC")
    assert (mine.total, mine.buckets) == (theirs.total, theirs.buckets)
    mine_top = top_reasons(full, scope, selection, size)
    theirs_top = top_reasons(alone, EVERYTHING, selection, size)
    assert [*map(cause, mine_top.reasons)] == [*map(cause, theirs_top.reasons)]
    assert (mine_top.total, mine_top.total_before) == (theirs_top.total, theirs_top.total_before)
    for dimension in (one for one in Dimension if one):
        assert breakdown(
            *(full, scope, selection, dimension), order=CountOrder.FAILED, limit=size
        ) == breakdown(
            *(alone, EVERYTHING, selection, dimension), order=CountOrder.FAILED, limit=size
        )
    mine_events = listed(full, scope, asked, order, size)
    theirs_events = listed(alone, EVERYTHING, asked, order, size)
    assert sorted(map(told, mine_events)) == sorted(map(told, theirs_events))
    assert sorted(map(told, exported(full, scope, asked, size))) == sorted(map(told, theirs_events))
    assert count_events(full, scope, selection) == count_events(alone, EVERYTHING, selection)
    mine_unknown, mine_count = unknown_replies(full, scope, selection, 1_000)
    theirs_unknown, theirs_count = unknown_replies(alone, EVERYTHING, selection, 1_000)
    assert mine_count == theirs_count
    assert {(one.template, one.provider, one.count) for one in mine_unknown} == {
        (one.template, one.provider, one.count) for one in theirs_unknown
    }


@pytest.mark.parametrize("seen", SCOPES)
def test_a_scope_finds_its_own_messages_and_servers_only(
    databases: dict[Seen, Database], seen: Seen
) -> None:
    full, scope = databases[ALL], of(seen)
    for number in range(60):
        by_id = Sought(f"4Q{number:04}", "", "", ())
        found = trace(full, scope, by_id, 9).messages
        expected = trace(databases[seen], EVERYTHING, by_id, 9).messages
        assert [(one.place, one.accepted) for one in found] == [
            (one.place, one.accepted and replaced_login(one.accepted)) for one in expected
        ]
    by_recipient = Sought("", "", "r1@gmail.com", ())
    assert [one.place for one in trace(full, scope, by_recipient, 200).messages] == [
        one.place for one in trace(databases[seen], EVERYTHING, by_recipient, 200).messages
    ]
    servers = list_servers(full, scope, frozenset(["mx1"]), NOW)
    assert [one.name for one in servers] == [
        one.name for one in list_servers(databases[seen], EVERYTHING, frozenset(), NOW)
    ]
    for one in servers:
        assert (one.records_stored, one.agent_version, one.last_seen_us) == (0, "", 0)
    assert bool(newest_line(full, scope, ())) == bool(servers)


def replaced_login(accepted: Any) -> Any:
    return accepted._replace(sasl_username=b"")


def test_samples_and_moments_of_others_are_not_told(databases: dict[Seen, Database]) -> None:
    """A template stands for a sample, which may be anybody's; moments are those of one's own."""
    full, scope = databases[ALL], of(("two.example",))
    selection = select(WHOLE, NOW)
    for reason in top_reasons(full, scope, selection, 99).reasons:
        assert reason.most.sample == reason.most.template
    asked = replace(WHOLE, unknown_only=True)
    events = listed(full, scope, asked, BY_LAST_TRY, 99)
    mine, _ = unknown_replies(full, scope, selection, 99)
    assert mine
    for one in mine:
        assert one.sample == one.template
        tries = [
            event.last_try_us
            for event in events
            if reply_template(event.reply_text) == one.template
            and event.judged is not None
            and event.judged.provider == one.provider
        ]
        assert one.first_seen_us >= min(tries)
        assert one.last_seen_us <= max(tries)


def test_a_token_of_another_scope_is_refused(databases: dict[Seen, Database]) -> None:
    full = databases[ALL]
    one, two = of(("one.example",)), of(("two.example",))
    token = list_events(*(full, one, WHOLE, BY_LAST_TRY), token="", size=1, now_us=NOW).next_token
    assert token
    for other in (two, of(()), EVERYTHING):
        with pytest.raises(QueryError, match="caller"):
            list_events(*(full, other, WHOLE, BY_LAST_TRY), token=token, size=1, now_us=NOW)
    token = export_events(full, one, WHOLE, token="", size=1, now_us=NOW).next_token
    with pytest.raises(QueryError, match="caller"):
        export_events(full, two, WHOLE, token=token, size=1, now_us=NOW)


def test_no_domains_see_nothing_and_a_scope_names_domains() -> None:
    assert not Scope.of([]).sees(b"one.example")
    assert Scope.of([b"Two.Example", b"one.example"]) == Scope((b"one.example", b"two.example"))
    with pytest.raises(ValueError, match="null sender"):
        Scope.of([b""])
