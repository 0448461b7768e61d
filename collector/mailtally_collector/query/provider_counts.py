"""Counts by who receives (query/receiver.py), from the rows: roll-ups do not know it.

Messages  A message counts for each provider that has a recipient of it. Most have one recipient and
          are counted by the database; of the others, the providers of each are put together here.
"""

from collections import defaultdict
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from peewee import Database, Select, Value, chunked, fn

from mailtally_collector.query.conditions import (
    ALL_RECIPIENTS,
    FAILED_RECIPIENTS,
    recipient_conditions,
    untried_conditions,
)
from mailtally_collector.query.filters import Selection
from mailtally_collector.query.receiver import NOBODY, OF_TEMPLATE, receivers
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import MESSAGES
from mailtally_collector.store.models import Delivery, Message, ReplyTemplate
from mailtally_collector.terms import DeliveryState

TEMPLATES_AT_ONCE = 5_000
NOT_DELIVERED = tuple(
    int(state)
    for state in DeliveryState
    if state not in (DeliveryState.UNSPECIFIED, DeliveryState.DELIVERED, DeliveryState.REQUEUED)
)
# Relay, recipient domain and template; 0 for what there is none of.
Traits = tuple[int, int, int]
NO_TRAITS: Traits = (0, 0, 0)


def count_providers(
    database: Database, scope: Scope, selection: Selection
) -> dict[str, dict[int, int]]:
    """Count by id of the provider, NOBODY for none: by state, and messages under MESSAGES."""
    sources = _sources(database, scope, selection)
    found: list[tuple[Traits, int, int]] = []
    for source in sources:
        traits = (source.c.relay_id, source.c.domain_id, source.c.template_id)
        rows = Select([source], [*traits, source.c.state, fn.SUM(source.c.recipients)])
        rows = rows.group_by(*traits, source.c.state)
        found += [(row[:3], row[3], int(row[4])) for row in rows.tuples().execute(database)]
    if not sources:
        return {}
    singles, others = _messages(database, sources)
    of = _receivers(database, {traits for traits, *_ in found})
    counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for traits, state, count in [*found, *((one, MESSAGES, count) for one, count in singles)]:
        by_state = counts[of[traits]]
        by_state[state] = by_state.get(state, 0) + count
    for _, of_message in groupby(others, key=itemgetter(0)):
        for provider in {of[traits] for _, traits in of_message}:
            by_state = counts[provider]
            by_state[MESSAGES] = by_state.get(MESSAGES, 0) + 1
    return dict(counts)


def _sources(database: Database, scope: Scope, selection: Selection) -> list[Any]:
    """Recipients with their traits: delivered ones, failed ones, and those not seen yet."""
    sources: list[Any] = []
    if not selection.names_verdict and _may_be(selection, DeliveryState.DELIVERED):
        got = replace(selection, states=(int(DeliveryState.DELIVERED),))
        where = recipient_conditions(database, scope, got, ALL_RECIPIENTS)
        pair = (Delivery.relay_id, Delivery.recipient_domain_id, Value(0))
        sources.append(_source(ALL_RECIPIENTS, pair).where(*where))
    failed = tuple(state for state in selection.states or NOT_DELIVERED if state in NOT_DELIVERED)
    if failed:
        not_got = replace(selection, states=failed)
        where = recipient_conditions(database, scope, not_got, FAILED_RECIPIENTS)
        replied = (Value(0), Value(0), FAILED_RECIPIENTS.reply_template_id)
        sources.append(_source(FAILED_RECIPIENTS, replied).where(*where))
    untried = untried_conditions(scope, selection)
    if untried is not None:
        columns = _columns(Message.id, (Value(0), Value(0), Value(0)), Message.untried_state)
        sources.append(
            Message.select(*columns, Message.untried.alias("recipients")).where(*untried)
        )
    return sources


def _may_be(selection: Selection, state: int) -> bool:
    return not selection.states or state in selection.states


def _source(rows: Any, traits: tuple[Any, ...]) -> Any:
    columns = _columns(rows.message_id, traits, rows.state)
    return rows.select(*columns, Value(1).alias("recipients"))


def _columns(message_id: Any, traits: tuple[Any, ...], state: Any) -> list[Any]:
    relay_id, domain_id, template_id = traits
    return [
        message_id.alias("message_id"),
        relay_id.alias("relay_id"),
        domain_id.alias("domain_id"),
        template_id.alias("template_id"),
        state.alias("state"),
    ]


def _messages(
    database: Database, sources: list[Any]
) -> tuple[list[tuple[Traits, int]], list[tuple[int, Traits]]]:
    """Messages with one row by its traits, counted; and the rows of the others, by message."""
    rows, *more = sources
    for source in more:
        rows = rows.union_all(source)
    names = ("relay_id", "domain_id", "template_id")
    lowest = [fn.MIN(getattr(rows.c, name)).alias(name) for name in names]
    each = Select([rows], [rows.c.message_id, *lowest, fn.COUNT(rows.c.state).alias("rows")])
    each = each.group_by(rows.c.message_id)
    traits = [getattr(each.c, name) for name in names]
    single = Select([each], [*traits, fn.COUNT(each.c.message_id)]).where(each.c.rows == 1)
    counted = [(row[:3], row[3]) for row in single.group_by(*traits).tuples().execute(database)]
    several = Select([each], [each.c.message_id]).where(each.c.rows > 1)
    columns = [rows.c.message_id, *(getattr(rows.c, name) for name in names)]
    others = Select([rows], columns).where(rows.c.message_id.in_(several)).distinct()
    listed = others.order_by(rows.c.message_id).tuples().execute(database)
    return counted, [(row[0], row[1:]) for row in listed]


def _receivers(database: Database, found: set[Traits]) -> dict[Traits, str]:
    """Return the provider that each of the traits means."""
    of_pairs = receivers(database, {(relay, domain) for relay, domain, _ in found if relay})
    of_templates: dict[int, str] = {}
    for some in chunked({template for *_, template in found if template}, TEMPLATES_AT_ONCE):
        query = ReplyTemplate.select(ReplyTemplate.id, OF_TEMPLATE)
        query = query.where(ReplyTemplate.id.in_(some))
        of_templates |= dict(query.tuples().execute(database))
    return {
        (relay, domain, template): of_templates[template]
        if template
        else of_pairs.get((relay, domain), NOBODY)
        for relay, domain, template in found
    }
