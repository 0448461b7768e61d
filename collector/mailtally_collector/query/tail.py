"""New error events as they are stored, by whatever collector: a walk that is repeated every second.

Walk      For each server that stored something since: all events whose last try is not older than
          LOOK_BACK before the newest line that was stored when the walk before began. Those that
          were shown are remembered and left out.
Gives     Each event that is stored while the tail runs, and each new failing try or state of it,
          once; an agent that was away brings what it missed, however old.
Limits    Not shown is what is stored more than LOOK_BACK behind its own server's newest line: old
          logs that are imported, a second log far behind the first, a state that changes long after
          the last try (postsuper). Of a server's very first lines those from before the tail count
          as such. Recipients of whom no line was seen are in lists only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from peewee import Database, Tuple

from mailtally_collector.durations import SECOND_US
from mailtally_collector.query.conditions import recipient_conditions
from mailtally_collector.query.event import Event, read_events
from mailtally_collector.query.event_keys import FAILING
from mailtally_collector.query.filters import Filter, QueryError, Selection, select
from mailtally_collector.query.recipients import recipients_of
from mailtally_collector.query.scope import Scope
from mailtally_collector.store.models import Server
from mailtally_collector.terms import TimeBasis

LOOK_BACK_US = 120 * SECOND_US
PAGE = 500
REMEMBERED_MAX = 200_000
EVER_US = 1 << 62

Shown = tuple[int, int]


class TailOverflowError(QueryError):
    """More events than can be remembered; the message says so."""


@dataclass(slots=True)
class _Followed:
    """One server: how much of it was stored, and (last try, state) by key of what was shown."""

    floor_us: int
    batches: int = -1
    shown: dict[tuple[int, int], Shown] = field(default_factory=dict)


class Tail:
    """One caller's walk. Used by one thread at a time; mutable, for it remembers what it showed."""

    def __init__(self, database: Database, scope: Scope, asked: Filter, now_us: int) -> None:
        """Remember what there is. Raises QueryError for a filter that cannot be followed."""
        if asked.start_us is not None or asked.end_us is not None:
            raise QueryError("new events have no range: leave out its start and its end")
        asked = replace(asked, start_us=-EVER_US, end_us=EVER_US, basis=int(TimeBasis.LAST_TRY))
        self._database = database
        self._scope = scope
        self._selection: Selection = select(asked, now_us).with_default_states(FAILING)
        self._begin_us = now_us
        self._servers: dict[int, _Followed] = {}
        for server_id, newest_us, batches in self._stored():
            followed = self._follow(server_id, newest_us or now_us)
            for _ in self._pages(server_id, followed, followed.floor_us):
                pass
            followed.batches = batches

    def walk(self) -> Iterator[list[Event]]:
        """Give the events that were stored since the walk before, in pages of at most PAGE."""
        for server_id, newest_us, batches in self._stored():
            followed = self._servers.get(server_id) or self._follow(server_id, self._begin_us)
            if followed.batches == batches:
                continue
            floor_us = max(followed.floor_us, newest_us - LOOK_BACK_US)
            for keys in self._pages(server_id, followed, floor_us):
                if events := read_events(self._database, keys):
                    yield events
            followed.batches, followed.floor_us = batches, floor_us
            followed.shown = {
                key: shown for key, shown in followed.shown.items() if shown[0] >= floor_us
            }

    def _follow(self, server_id: int, newest_us: int) -> _Followed:
        followed = _Followed(newest_us - LOOK_BACK_US)
        self._servers[server_id] = followed
        return followed

    def _stored(self) -> list[tuple[int, int, int]]:
        """List (id, newest line, batches); read before the events, which are at least as new."""
        query = Server.select(Server.id, Server.newest_line_us, Server.batches)
        if self._selection.servers:
            query = query.where(Server.name.in_(self._selection.servers))
        return list(query.order_by(Server.id).tuples().execute(self._database))

    def _pages(
        self, server_id: int, followed: _Followed, floor_us: int
    ) -> Iterator[list[tuple[int, int]]]:
        """Give the keys that were not shown; those from ``floor_us`` on are remembered."""
        last = (followed.floor_us, -1, -1)
        while True:
            page = self._read(server_id, last)
            fresh = []
            for last_try_us, message_id, number, state in page:
                key, shown = (message_id, number), (last_try_us, state)
                if followed.shown.get(key) == shown:
                    continue
                fresh.append(key)
                if last_try_us >= floor_us:
                    followed.shown[key] = shown
            if sum(len(one.shown) for one in self._servers.values()) > REMEMBERED_MAX:
                raise TailOverflowError(
                    f"more than {REMEMBERED_MAX} events within {LOOK_BACK_US // SECOND_US} s are"
                    " too many to follow; narrow the filter"
                )
            if fresh:
                yield fresh
            if len(page) < PAGE:
                return
            last = page[-1][:3]

    def _read(self, server_id: int, last: tuple[int, int, int]) -> list[tuple[int, int, int, int]]:
        rows = recipients_of(self._selection)
        columns = (rows.last_try_us, rows.message_id, rows.number)
        query = (
            rows.select(*columns, rows.state)
            .where(
                rows.server_id == server_id,
                Tuple(*columns) > Tuple(*last),
                *recipient_conditions(self._database, self._scope, self._selection, rows),
            )
            .order_by(*columns)
            .limit(PAGE)
            .tuples()
        )
        return list(query.execute(self._database))
