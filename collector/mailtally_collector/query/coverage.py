"""How far the logs behind an answer were read, and the gaps that touch it.

Gives     ``coverage`` for the hosts and the range of a filter, ``list_gaps``, and ``gaps_of_lives``
          for a trace.
Cost      That of some hosts read in the same hours, plus a row for each hour and host with a gap.
Scope     Who does not see everything is told of gaps of hosts that carried mail of his: when and
          why, but neither how many lines were lost nor what the log is called.
Limits    Mail of the range may come to its end after it: a gap there leaves it pending, and is not
          among these.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Case, ColumnBase, Database, chunked, fn

from mailtally_collector.coverage import NO_HOURS, Hours, hours_of
from mailtally_collector.durations import HOUR_US
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import seen_servers
from mailtally_collector.store.models import Gap, Server

GAPS_SHOWN = 20
LONGEST = ((Gap.end_us - Gap.begin_us).desc(), Gap.begin_us.desc(), Gap.id)
NEWEST = (Gap.begin_us.desc(), Gap.server_id, Gap.id)
SERVERS_AT_ONCE = 1_000

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LogGap:
    """One gap; moments are 0 where they are not known."""

    server: str
    from_us: int
    to_us: int
    cause: int
    certain: bool
    lost_lines: int
    source: str
    reported_us: int

    @property
    def length_us(self) -> int:
        """How long it lasts; 0 where one side is not known."""
        return self.to_us - self.from_us if self.from_us and self.to_us else 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """Hours of all hosts together; the longest gaps; ``newest_line_us`` 0 for none."""

    hours: Hours
    gaps: list[LogGap]
    gaps_total: int
    newest_line_us: int


def coverage(
    database: Database, scope: Scope, names: Sequence[str], range_us: Span, now_us: int
) -> Coverage:
    """Work it out for these servers, or all, from the range's start to its end or now."""
    range_us = (range_us[0], min(range_us[1], now_us))
    hours, newest_us = _without_gaps(database, _servers(scope, names), range_us)
    if range_us[1] <= range_us[0]:
        return Coverage(NO_HOURS, [], 0, newest_us)
    where = [*_of_servers(scope, names), *_touching(range_us)]
    gaps, total = _by_server(database, where)
    for server_id, *read_us in _read_of(database, gaps):
        whole = (read_us[0], read_us[1])
        hours -= hours_of(range_us, whole, ())
        hours += hours_of(range_us, whole, gaps[server_id])
    shown = _read(database, scope, where, LONGEST, GAPS_SHOWN) if total else []
    return Coverage(hours, shown, total, newest_us)


def list_gaps(
    database: Database, scope: Scope, names: Sequence[str], range_us: Span, limit: int
) -> tuple[list[LogGap], int]:
    """List gaps that touch the range, the newest first; and how many there are."""
    where = [*_of_servers(scope, names), *_touching(range_us)]
    total = Gap.select(fn.COUNT(Gap.id)).where(*where).scalar(database)
    return _read(database, scope, where, NEWEST, limit), total or 0


def gaps_of_lives(
    database: Database, scope: Scope, lives: Sequence[tuple[str, int, int]]
) -> list[LogGap]:
    """List the longest gaps that touch lives of messages, ``(server, begin_us, end_us)`` each."""
    found = {
        gap
        for server, begin_us, end_us in set(lives)
        for gap in _read(
            *(database, scope, [*_of_servers(scope, [server]), *_touching((begin_us, end_us + 1))]),
            *(LONGEST, GAPS_SHOWN),
        )
    }
    return sorted(found, key=lambda gap: gap.length_us, reverse=True)[:GAPS_SHOWN]


def oldest_line(database: Database, scope: Scope, names: Sequence[str]) -> int:
    """Return the moment of the oldest line of these servers, of all for none named; 0 for none."""
    query = Server.select(fn.MIN(Server.oldest_line_us))
    return query.where(Server.oldest_line_us > 0, *_servers(scope, names)).scalar(database) or 0


def _without_gaps(
    database: Database, chosen: list[ColumnBase], range_us: Span
) -> tuple[Hours, int]:
    """Count hours as if there were no gap, and find the newest line.

    Hosts whose logs were read in the same hours of the range are counted together.
    """
    begun = Case(
        None, [(Server.oldest_line_us.between(1, range_us[0]), range_us[0])], Server.oldest_line_us
    )
    read = (begun / HOUR_US, Server.newest_line_us / HOUR_US)
    query = Server.select(*read, fn.COUNT(Server.id), fn.MAX(Server.newest_line_us))
    hours, newest_us = NO_HOURS, 0
    for oldest, newest, count, line_us in _rows(database, query.where(*chosen).group_by(*read)):
        newest_us = max(newest_us, line_us)
        one = hours_of(range_us, (oldest * HOUR_US, newest * HOUR_US), ())
        hours += Hours(*(count * number for number in one))
    return hours, newest_us


def _by_server(
    database: Database, where: list[ColumnBase]
) -> tuple[dict[int, list[tuple[int, int, bool]]], int]:
    """Read gaps to the hour, by server; and how many there are."""
    columns = (Gap.server_id, Gap.begin_us / HOUR_US, Gap.end_us / HOUR_US, Gap.certain)
    query = Gap.select(*columns, fn.COUNT(Gap.id)).where(*where).group_by(*columns)
    found: defaultdict[int, list[tuple[int, int, bool]]] = defaultdict(list)
    total = 0
    for server_id, begin, end, certain, count in _rows(database, query):
        found[server_id].append((begin * HOUR_US, end * HOUR_US, bool(certain)))
        total += count
    return found, total


def _read_of(database: Database, ids: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """Oldest and newest line of servers."""
    columns = (Server.id, Server.oldest_line_us, Server.newest_line_us)
    for some in chunked(ids, SERVERS_AT_ONCE):
        yield from _rows(database, Server.select(*columns).where(Server.id.in_(some)))


def _read(
    database: Database, scope: Scope, where: list[ColumnBase], order: Sequence[Any], limit: int
) -> list[LogGap]:
    columns = (Gap.from_us, Gap.to_us, Gap.cause, Gap.certain, Gap.lost_lines, Gap.source)
    query = Gap.select(Gap.server_id, *columns, Gap.stored_us).where(*where)
    found = _rows(database, query.order_by(*order).limit(limit))
    ids = {row[0] for row in found}
    names = dict(_rows(database, Server.select(Server.id, Server.name).where(Server.id.in_(ids))))
    return [
        LogGap(
            *(names[server_id], from_us, to_us, cause, bool(certain)),
            lost_lines=0 if scope.is_limited else max(0, lost_lines),
            source="" if scope.is_limited else source,
            reported_us=stored_us,
        )
        for server_id, from_us, to_us, cause, certain, lost_lines, source, stored_us in found
    ]


def _rows(database: Database, query: Any) -> list[Any]:
    """Run a query, without the price of a model for each row."""
    rows: list[Any] = database.execute(query).fetchall()  # type: ignore[no-untyped-call]
    return rows


def _servers(scope: Scope, names: Sequence[str]) -> list[ColumnBase]:
    """Conditions on servers: those named, and those that the caller sees."""
    named = [Server.name.in_(names)] if names else []
    return [*seen_servers(scope), *named]


def _of_servers(scope: Scope, names: Sequence[str]) -> list[ColumnBase]:
    """The same of gaps; none for all, so that they are found by their time alone."""
    if not names and not scope.is_limited:
        return []
    return [Gap.server_id.in_(Server.select(Server.id).where(*_servers(scope, names)))]


def _touching(range_us: Span) -> list[ColumnBase]:
    return [Gap.end_us >= range_us[0], Gap.begin_us < range_us[1]]
