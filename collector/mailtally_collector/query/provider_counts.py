"""Counts by who receives (query/receiver.py); of recipients alone: a message may go to several.

Failed    are counted by their reply, which tells who receives; delivered ones by their provider.
          What is left of the whole is nobody's.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from peewee import Database, chunked, fn

from mailtally_collector.query.conditions import recipient_conditions
from mailtally_collector.query.filters import Selection
from mailtally_collector.query.hours import (
    Days,
    Hours,
    conditions,
    cut,
    cut_days,
    is_by_domain,
    is_rolled_up,
)
from mailtally_collector.query.receiver import NOBODY, OF_TEMPLATE
from mailtally_collector.query.recipients import ALL_RECIPIENTS, FAILED_RECIPIENTS
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import Counts
from mailtally_collector.store.models import (
    Delivery,
    DomainProviderDay,
    DomainReasonDay,
    Provider,
    ProviderHour,
    ReasonHour,
    ReplyTemplate,
)
from mailtally_collector.store.rollup import outcome_of
from mailtally_collector.terms import DeliveryState

NAMES_AT_ONCE = 5_000
DELIVERED = (int(DeliveryState.DELIVERED),)
FAILED = tuple(
    int(state)
    for state in DeliveryState
    if state not in (DeliveryState.UNSPECIFIED, DeliveryState.DELIVERED, DeliveryState.REQUEUED)
)
# Number of a template or a provider, state and count.
Found = Iterator[tuple[int, int, int]]


def count_providers(
    database: Database, scope: Scope, selection: Selection, whole: Counts
) -> dict[str, dict[int, int]]:
    """Count by name of the provider and state; NOBODY for what is left of the whole."""
    by_template: defaultdict[int, dict[int, int]] = defaultdict(dict)
    by_provider: defaultdict[int, dict[int, int]] = defaultdict(dict)
    if is_rolled_up(selection) and not selection.names_reply:
        cut_up = cut_days if is_by_domain(scope, selection) else cut
        parts, edges = cut_up(selection.start_us, selection.end_us)
    else:
        parts, edges = [], [(selection.start_us, selection.end_us)]
    for part in parts:
        _add(by_template, _of_rollup(database, scope, selection, "reply_template_id", part))
        _add(by_provider, _of_rollup(database, scope, selection, "provider_id", part))
    for start_us, end_us in edges:
        edge = replace(selection, start_us=start_us, end_us=end_us)
        _add(by_template, _failed(database, scope, edge))
        _add(by_provider, _delivered(database, scope, edge))
    counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for name, by_state in [
        *_named(database, ReplyTemplate.select(ReplyTemplate.id, OF_TEMPLATE), by_template),
        *_named(database, Provider.select(Provider.id, Provider.name), by_provider),
    ]:
        _add(counts, ((name, state, count) for state, count in by_state.items()))
    rest = dict(whole.by_state)
    for name, by_state in counts.items():
        if name != NOBODY:
            for state, count in by_state.items():
                rest[state] = rest.get(state, 0) - count
    counts[NOBODY] = {state: count for state, count in rest.items() if count}
    return dict(counts)


def _add(counts: defaultdict[Any, dict[int, int]], found: Any) -> None:
    for key, state, count in found:
        of_key = counts[key]
        of_key[state] = of_key.get(state, 0) + count


def _of_rollup(
    database: Database, scope: Scope, selection: Selection, column: str, part: Hours | Days
) -> Found:
    is_days = isinstance(part, Days)
    table: Any
    if column == "provider_id":
        table = DomainProviderDay if is_days else ProviderHour
    else:
        table = DomainReasonDay if is_days else ReasonHour
    key = getattr(table, column)
    rows = (
        table.select(key, table.outcomes, fn.SUM(part.total(table, "recipients")))
        .where(*conditions(scope, selection, table, part))
        .group_by(key, table.outcomes)
        .tuples()
    )
    for of, outcomes, count in rows.execute(database):
        if count:
            yield of, outcome_of(outcomes)[1], int(count)


def _failed(database: Database, scope: Scope, selection: Selection) -> Found:
    states = tuple(state for state in selection.states or FAILED if state in FAILED)
    if not states:
        return
    rows = FAILED_RECIPIENTS
    asked = replace(selection, states=states)
    key = rows.reply_template_id
    query = rows.select(key, rows.state, fn.COUNT(rows.number))
    query = query.where(*recipient_conditions(database, scope, asked, rows))
    yield from query.group_by(key, rows.state).tuples().execute(database)


def _delivered(database: Database, scope: Scope, selection: Selection) -> Found:
    if selection.names_verdict or (selection.states and DELIVERED[0] not in selection.states):
        return
    rows = ALL_RECIPIENTS
    asked = replace(selection, states=DELIVERED)
    query = rows.select(Delivery.provider_id, rows.state, fn.COUNT(rows.number))
    query = query.where(
        Delivery.provider_id != 0, *recipient_conditions(database, scope, asked, rows)
    )
    yield from query.group_by(Delivery.provider_id, rows.state).tuples().execute(database)


def _named(
    database: Database, query: Any, counts: dict[int, dict[int, int]]
) -> Iterator[tuple[str, dict[int, int]]]:
    """Counts with the names that the query has for their numbers."""
    for some in chunked(counts, NAMES_AT_ONCE):
        rows = query.where(query.model.id.in_(some)).tuples()
        for number, name in rows.execute(database):
            yield name, counts[number]
