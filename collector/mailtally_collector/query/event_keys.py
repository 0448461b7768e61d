"""Which recipients are error events, in an order that pages can follow.

Order     By a value, then by message and number; or by these alone. A page begins behind the last
          key of the one before, so that it costs no more than the first.
Untried   Recipients of whom no line was seen count as tried when their message was accepted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from peewee import Database, Tuple, Value, fn

from mailtally_collector.query.conditions import recipient_conditions, untried_conditions
from mailtally_collector.query.event import UNTRIED_FROM
from mailtally_collector.query.filters import QueryError, Selection
from mailtally_collector.query.recipients import Recipients, is_short, recipients_of
from mailtally_collector.query.scope import Scope
from mailtally_collector.store.models import Delivery, Message
from mailtally_collector.terms import DeliveryState, EventOrder

# What lists of events show unless states are named: refused, given up, or waiting after a try.
FAILING = (int(DeliveryState.BOUNCED), int(DeliveryState.EXPIRED), int(DeliveryState.PENDING))
# Ends of messages at which a recipient of whom no line was seen is one that got no mail.
ENDS = (DeliveryState.EXPIRED, DeliveryState.REMOVED, DeliveryState.DISCARDED)
# Of one message; numbers have to fit into 32 bits.
UNTRIED_MAX = 1 << 30


class Key(NamedTuple):
    """Where an event stands; ``value`` 0 in the order of messages."""

    value: int
    message_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Order:
    """By what events are sorted; UNSPECIFIED for message and number alone."""

    by: EventOrder
    ascending: bool


BY_MESSAGE = Order(EventOrder.UNSPECIFIED, ascending=True)


def order_of(by: int, *, ascending: bool) -> Order:
    """Return the order asked for, by last try when none is. Raises QueryError."""
    if by not in set(EventOrder):
        raise QueryError(f"order {by} is not known")
    return Order(EventOrder(by) or EventOrder.LAST_TRY, ascending)


def keys_after(
    database: Database,
    scope: Scope,
    selection: Selection,
    order: Order,
    *,
    last: Key | None,
    size: int,
) -> list[Key]:
    """Return the first ``size`` keys behind the last one, of all for None."""
    keys = _tried(database, scope, selection, order, last=last, size=size)
    keys += _untried(database, scope, selection, order, last=last, size=size)
    return sorted(keys, reverse=not order.ascending)[:size]


def count_events(database: Database, scope: Scope, selection: Selection) -> int:
    """Count all of them."""
    rows = recipients_of(selection)
    where = recipient_conditions(database, scope, selection, rows)
    count = int(rows.select(fn.COUNT(rows.number)).where(*where).scalar(database))
    untried = _untried_conditions(database, scope, selection)
    if untried is not None:
        query = Message.select(fn.SUM(Message.untried)).where(*untried)
        count += int(query.scalar(database) or 0)
    return count


def _tried(
    database: Database,
    scope: Scope,
    selection: Selection,
    order: Order,
    *,
    last: Key | None,
    size: int,
) -> list[Key]:
    rows = recipients_of(selection)
    query, value = _sorted(rows, order, selection)
    columns = (
        [rows.message_id, rows.number] if value is None else [value, rows.message_id, rows.number]
    )
    query = query.where(*recipient_conditions(database, scope, selection, rows))
    if last is not None:
        query = query.where(_behind(columns, last[-len(columns) :], order))
    found = query.order_by(*_directed(columns, order)).limit(size).tuples().execute(database)
    return [Key(*((0,) * (3 - len(row))), *row) for row in found]


def _sorted(rows: Recipients, order: Order, selection: Selection) -> tuple[Any, Any]:
    """The query, without conditions, and the column that it is sorted by before the key."""
    value: Any
    match order.by:
        case EventOrder.LAST_TRY:
            # An expression is in no index, in whose order all that happened since would come first.
            value = rows.last_try_us + 0 if is_short(selection) else rows.last_try_us
        case EventOrder.ACCEPTED:
            value = rows.message.arrival_us
        case EventOrder.ATTEMPTS:
            value = Delivery.attempts
        case EventOrder.SIZE:
            value = Message.size_bytes
        case _:
            return rows.select(rows.message_id, rows.number), None
    query = rows.select(value, rows.message_id, rows.number)
    if rows.has_delivered:
        return query, value
    if order.by == EventOrder.ATTEMPTS:
        key = (Delivery.message_id == rows.message_id) & (Delivery.number == rows.number)
        query = query.join(Delivery, on=key)
    if order.by == EventOrder.SIZE:
        query = query.join(Message, on=(Message.id == rows.message_id))
    return query, value


def _behind(columns: list[Any], last: tuple[int, ...], order: Order) -> Any:
    return Tuple(*columns) > Tuple(*last) if order.ascending else Tuple(*columns) < Tuple(*last)


def _directed(columns: list[Any], order: Order) -> list[Any]:
    return [column.asc() if order.ascending else column.desc() for column in columns]


def _untried_conditions(database: Database, scope: Scope, selection: Selection) -> list[Any] | None:
    states = tuple(int(state) for state in ENDS if state in selection.states)
    return (
        untried_conditions(database, scope, replace(selection, states=states)) if states else None
    )


def _untried(
    database: Database,
    scope: Scope,
    selection: Selection,
    order: Order,
    *,
    last: Key | None,
    size: int,
) -> list[Key]:
    where = _untried_conditions(database, scope, selection)
    if where is None:
        return []
    value: Any
    match order.by:
        case EventOrder.LAST_TRY | EventOrder.ACCEPTED:
            value = Message.arrival_us
        case EventOrder.SIZE:
            value = Message.size_bytes
        case _:
            value = Value(0)
    query = Message.select(value, Message.id, Message.untried).where(*where)
    if last is not None:
        here, there = Tuple(value, Message.id), Tuple(*last[:2])
        query = query.where(here >= there if order.ascending else here <= there)
    # The constant stands in no ORDER BY: there a number means a column.
    columns = [Message.id] if isinstance(value, Value) else [value, Message.id]
    query = query.order_by(*_directed(columns, order)).limit(size + 1).tuples()
    keys: list[Key] = []
    for one, message_id, count in query.execute(database):
        passed = last.number if last is not None and last[:2] == (one, message_id) else None
        for number in _numbers(int(count), order, passed):
            keys.append(Key(one, message_id, number))
            if len(keys) == size:
                return keys
    return keys


def _numbers(count: int, order: Order, passed: int | None) -> Iterator[int]:
    """Numbers of a message's untried recipients behind the one that was passed."""
    first, end = UNTRIED_FROM, UNTRIED_FROM + min(count, UNTRIED_MAX)
    if order.ascending:
        return iter(range(first if passed is None else max(first, passed + 1), end))
    return reversed(range(first, end if passed is None else min(end, passed)))
