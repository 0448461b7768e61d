"""Error events page by page, and all of them in one go.

List      Sorted as asked. A recipient that is tried again meanwhile may move to another page.
Export    In the order of message and number, which never changes: what fits from the beginning to
          the end is in it exactly once, however long it takes and wherever it is taken up again.
"""

from dataclasses import dataclass, replace

from peewee import Database

from mailtally_collector.query.cursor import Cursor, decode, encode
from mailtally_collector.query.event import Event, read_events
from mailtally_collector.query.event_keys import (
    BY_MESSAGE,
    FAILING,
    Key,
    Order,
    count_events,
    keys_after,
)
from mailtally_collector.query.filters import Filter, Selection, select
from mailtally_collector.query.scope import Scope


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, and the token of the next page; empty on the last one.

    ``selection``  what was asked, with its range settled.
    ``total``      how many there are in all, on the first page of an export; else None.
    """

    events: list[Event]
    next_token: str
    selection: Selection
    total: int | None = None


def list_events(
    database: Database,
    scope: Scope,
    asked: Filter,
    order: Order,
    *,
    token: str,
    size: int,
    now_us: int,
) -> Page:
    """List one page. Pages after the first keep its range. Raises QueryError for a bad token."""
    return _page(database, scope, asked, order, token=token, size=size, now_us=now_us)


def export_events(
    database: Database, scope: Scope, asked: Filter, *, token: str, size: int, now_us: int
) -> Page:
    """Give the next part of an export. Raises QueryError for a bad token."""
    return _page(database, scope, asked, BY_MESSAGE, token=token, size=size, now_us=now_us)


def _page(
    database: Database,
    scope: Scope,
    asked: Filter,
    order: Order,
    *,
    token: str,
    size: int,
    now_us: int,
) -> Page:
    cursor = decode(token, asked, scope, order) if token else None
    if cursor is None:
        selection, last = select(asked, now_us), None
    else:
        selection = select(replace(asked, start_us=cursor.start_us, end_us=cursor.end_us), now_us)
        last = Key(cursor.value, cursor.message_id, cursor.number)
    selection = selection.with_default_states(FAILING)
    with database.atomic():
        keys = keys_after(database, scope, selection, order, last=last, size=size + 1)
        events = read_events(database, [key[1:] for key in keys[:size]])
        is_first = order == BY_MESSAGE and not token
        total = count_events(database, scope, selection) if is_first else None
    if len(keys) <= size:
        return Page(events, "", selection, total)
    following = Cursor(*keys[size - 1], selection.start_us, selection.end_us)
    return Page(events, encode(following, asked, scope, order), selection, total)
