"""The same counts for each server, domain of senders, mailbox or receiving provider.

Rows      Each recipient is in exactly one row, so that rows add up to the summary of the same
          filter. Messages are not counted by provider: one may go to several.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from peewee import Database, chunked

from mailtally_collector.query.filters import QueryError, Selection
from mailtally_collector.query.provider_counts import count_providers
from mailtally_collector.query.receiver import NOBODY
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.sender_counts import (
    NAMELESS,
    KeyCounts,
    count_domains,
    count_mailboxes,
    count_servers,
)
from mailtally_collector.query.summary import Counts, counts_of, total
from mailtally_collector.store.models import Address, Domain, Server
from mailtally_collector.store.names import join_address
from mailtally_collector.terms import CountOrder, DeliveryState, Dimension

NAMES_AT_ONCE = 5_000
# By a number of a row (NAMELESS for none) or the id of a provider: by state, and messages.
Counter = Callable[[Database, Scope, Selection, Counts], dict[Any, dict[int, int]]]
Namer = Callable[[Database, Iterable[Any]], dict[Any, bytes]]


@dataclass(frozen=True, slots=True)
class Row:
    """Counts of one server, domain, mailbox or provider; ``share`` of the sorted count's total.

    ``is_unknown``  the sender was not seen, or who receives is in no list.
    """

    name: bytes
    is_unknown: bool
    counts: Counts
    share: float


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Rows with the greatest count first, the total of all, and how many there are."""

    rows: list[Row]
    total: Counts
    rows_total: int


def breakdown(
    database: Database,
    scope: Scope,
    selection: Selection,
    dimension: int,
    *,
    order: int,
    limit: int,
) -> Breakdown:
    """Count by a dimension. Raises QueryError for one, or an order, that is not known."""
    if dimension not in COUNTERS:
        raise QueryError("name what to count by: server, domain, mailbox or provider")
    if order not in set(CountOrder):
        raise QueryError(f"order {order} is not known")
    if dimension == Dimension.PROVIDER and order == CountOrder.MESSAGES:
        raise QueryError("messages are not counted by provider: one may go to several")
    count, names = COUNTERS[dimension]
    with database.atomic():
        whole = total(database, scope, selection)
        counted = count(database, scope, selection, whole)
        found = {key: counts_of(by_state) for key, by_state in counted.items()}
        listed = {key: counts for key, counts in found.items() if counts.sent}
        sizes = {key: _size(counts, order) for key, counts in listed.items()}
        least = sorted(sizes.values(), reverse=True)[:limit][-1:]
        named = names(database, [key for key in sizes if [sizes[key]] >= least])
    ordered = sorted(named, key=lambda key: (-sizes[key], named[key]))[:limit]
    of_all = _size(whole, order)
    rows = [
        Row(
            name=named[key],
            is_unknown=key in (NAMELESS, NOBODY),
            counts=listed[key],
            share=sizes[key] / of_all if of_all else 0.0,
        )
        for key in ordered
    ]
    return Breakdown(rows, whole, len(listed))


def _size(counts: Counts, order: int) -> int:
    match order:
        case CountOrder.UNSPECIFIED | CountOrder.SENT:
            return counts.sent
        case CountOrder.MESSAGES:
            return counts.messages
        case CountOrder.FAILED:
            return counts.failed
    return counts.by_state.get(DeliveryState[CountOrder(order).name], 0)


def _server_names(database: Database, ids: Iterable[Any]) -> dict[Any, bytes]:
    rows = _rows(database, Server.select(Server.id, Server.name), ids)
    return {key: name.encode() for key, name in rows}


def _domain_names(database: Database, ids: Iterable[Any]) -> dict[Any, bytes]:
    rows = _rows(database, Domain.select(Domain.id, Domain.name), ids)
    return dict.fromkeys(ids, b"") | {key: bytes(name) for key, name in rows}


def _addresses(database: Database, ids: Iterable[Any]) -> dict[Any, bytes]:
    query = Address.select(Address.id, Address.local_part, Domain.name)
    query = query.join(Domain, on=(Address.domain_id == Domain.id))
    rows = _rows(database, query, ids)
    return dict.fromkeys(ids, b"") | {
        key: join_address(bytes(local_part), bytes(domain)) for key, local_part, domain in rows
    }


def _provider_names(database: Database, ids: Iterable[Any]) -> dict[Any, bytes]:
    del database
    return {name: name.encode() for name in ids}


def _rows(database: Database, query: Any, ids: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Rows of a table of names by their ids, many at a time."""
    for some in chunked(ids, NAMES_AT_ONCE):
        yield from query.where(query.model.id.in_(some)).tuples().execute(database)


def _alone(count: Callable[[Database, Scope, Selection], KeyCounts]) -> Counter:
    """Count without looking at the whole."""
    return lambda database, scope, selection, _: count(database, scope, selection)


# How each dimension is counted, and what its keys are called.
COUNTERS: dict[int, tuple[Counter, Namer]] = {
    Dimension.SERVER: (_alone(count_servers), _server_names),
    Dimension.DOMAIN: (_alone(count_domains), _domain_names),
    Dimension.MAILBOX: (_alone(count_mailboxes), _addresses),
    Dimension.PROVIDER: (count_providers, _provider_names),
}
