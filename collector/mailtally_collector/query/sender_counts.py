"""Counts by who sent: each message, with all its recipients, has one server, domain and mailbox.

Gives     For each key, counts by state, and of messages under MESSAGES: from roll-ups where these
          can answer, the rest from the rows.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from peewee import Database, Select, Value, fn

from mailtally_collector.query.conditions import recipient_conditions, untried_conditions
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
from mailtally_collector.query.recipients import Recipients, recipients_of
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import MESSAGES
from mailtally_collector.store.models import DomainHour, MailboxDay, Message, TrafficHour
from mailtally_collector.store.rollup import outcome_of

# The key of mail whose sender was not seen.
NAMELESS = 0
KeyCounts = dict[int, dict[int, int]]
Found = Iterable[tuple[int, int, int]]


def count_servers(database: Database, scope: Scope, selection: Selection) -> KeyCounts:
    """Count by server."""
    table = DomainHour if is_by_domain(scope, selection) else TrafficHour
    return _count(database, scope, selection, "server_id", table)


def count_domains(database: Database, scope: Scope, selection: Selection) -> KeyCounts:
    """Count by domain of the envelope sender."""
    return _count(database, scope, selection, "sender_domain_id", DomainHour)


def count_mailboxes(database: Database, scope: Scope, selection: Selection) -> KeyCounts:
    """Count by envelope sender."""
    return _count(database, scope, selection, "sender_id", MailboxDay)


def _count(
    database: Database, scope: Scope, selection: Selection, column: str, table: Any
) -> KeyCounts:
    if not is_rolled_up(selection) or selection.names_reply:
        return _added(_of_rows(database, scope, selection, column))
    cut_up = cut_days if table is MailboxDay else cut
    parts, edges = cut_up(selection.start_us, selection.end_us)
    found: list[tuple[int, int, int]] = []
    for part in parts:
        found += _of_rollup(database, scope, selection, column, table, part=part)
    for start_us, end_us in edges:
        edge = replace(selection, start_us=start_us, end_us=end_us)
        found += _of_rows(database, scope, edge, column)
    return _added(found)


def _added(found: Found) -> KeyCounts:
    counts: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for key, state, count in found:
        of_key = counts[key or NAMELESS]
        of_key[state] = of_key.get(state, 0) + int(count)
    return dict(counts)


def _of_rollup(
    database: Database,
    scope: Scope,
    selection: Selection,
    column: str,
    table: Any,
    *,
    part: Hours | Days,
) -> list[tuple[int, int, int]]:
    key = getattr(table, column)
    rows = (
        table.select(
            key,
            table.outcomes,
            fn.SUM(part.total(table, "recipients")),
            fn.SUM(part.total(table, "messages")),
        )
        .where(*conditions(scope, selection, table, part))
        .group_by(key, table.outcomes)
        .tuples()
    )
    found = []
    for of, outcomes, recipients, messages in rows.execute(database):
        if recipients:
            found.append((of, outcome_of(outcomes)[1], int(recipients)))
        if messages:
            found.append((of, MESSAGES, int(messages)))
    return found


def _of_rows(
    database: Database, scope: Scope, selection: Selection, column: str
) -> list[tuple[int, int, int]]:
    rows = recipients_of(selection)
    key = _key(rows, column)
    where = recipient_conditions(database, scope, selection, rows)
    query = rows.select(key, rows.state, fn.COUNT(rows.number)).where(*where)
    found = list(query.group_by(key, rows.state).tuples().execute(database))
    messages: Any = rows.select(rows.message_id.alias("message_id"), key.alias("of")).where(*where)
    untried = untried_conditions(scope, selection)
    if untried is not None:
        key = getattr(Message, column)
        query = Message.select(key, Message.untried_state, fn.SUM(Message.untried)).where(*untried)
        found += query.group_by(key, Message.untried_state).tuples().execute(database)
        messages = messages.union_all(
            Message.select(Message.id.alias("message_id"), key.alias("of")).where(*untried)
        )
    counted = Select(
        [messages],
        [messages.c.of, Value(MESSAGES), fn.COUNT(messages.c.message_id.distinct())],
    ).group_by(messages.c.of)
    return found + list(counted.tuples().execute(database))


def _key(rows: Recipients, column: str) -> Any:
    return rows.server_id if column == "server_id" else getattr(rows.message, column)
