"""How far the logs behind an answer were read, and the gaps that touch it.

Gives     ``coverage`` for the hosts and the range of a filter, ``list_gaps``, and ``gaps_of_lives``
          for a trace.
Cost      One row for each host, and one for each hour that a gap begins in.
Scope     Who does not see everything is told of gaps of hosts that carried mail of his: when and
          why, but neither how many lines were lost nor what the log is called.
Limits    Mail of the range may come to its end after it: a gap there leaves it pending, and is not
          among these.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peewee import ColumnBase, Database, fn

from mailtally_collector.coverage import NO_HOURS, Hours, hours_of
from mailtally_collector.durations import HOUR_US
from mailtally_collector.query.conditions import server_ids
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import seen_servers
from mailtally_collector.store.models import Gap, Server

GAPS_SHOWN = 20
LONGEST = ((Gap.end_us - Gap.begin_us).desc(), Gap.begin_us.desc(), Gap.id)
NEWEST = (Gap.begin_us.desc(), Server.name, Gap.id)

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
    chosen = _chosen(scope, names)
    columns = (Server.id, Server.oldest_line_us, Server.newest_line_us)
    servers = list(Server.select(*columns).where(*chosen).tuples().execute(database))
    newest_us = max((newest_us for _, _, newest_us in servers), default=0)
    if range_us[1] <= range_us[0]:
        return Coverage(NO_HOURS, [], 0, newest_us)
    gaps, total = _by_server(database, chosen, range_us)
    hours = NO_HOURS
    alike: Counter[Span] = Counter()
    for server_id, *read_us in servers:
        if server_id in gaps:
            hours += hours_of(range_us, (read_us[0], read_us[1]), gaps[server_id])
        else:
            alike[read_us[0] // HOUR_US, read_us[1] // HOUR_US] += 1
    for (oldest, newest), count in alike.items():
        one = hours_of(range_us, (oldest * HOUR_US, newest * HOUR_US), ())
        hours += Hours(*(count * number for number in one))
    shown: list[LogGap] = []
    if total:
        where = [*chosen, *_touching(range_us)]
        shown = _read(database, scope, where, LONGEST, GAPS_SHOWN)
    return Coverage(hours, shown, total, newest_us)


def list_gaps(
    database: Database, scope: Scope, names: Sequence[str], range_us: Span, limit: int
) -> tuple[list[LogGap], int]:
    """List gaps that touch the range, the newest first; and how many there are."""
    where = [*_chosen(scope, names), *_touching(range_us)]
    total = _joined(fn.COUNT(Gap.id)).where(*where).scalar(database)
    return _read(database, scope, where, NEWEST, limit), total or 0


def gaps_of_lives(
    database: Database, scope: Scope, lives: Sequence[tuple[str, int, int]]
) -> list[LogGap]:
    """List the longest gaps that touch lives of messages, ``(server, begin_us, end_us)`` each."""
    found = {
        gap
        for server, begin_us, end_us in set(lives)
        for gap in _read(
            *(database, scope, [*_chosen(scope, [server]), *_touching((begin_us, end_us + 1))]),
            *(LONGEST, GAPS_SHOWN),
        )
    }
    return sorted(found, key=lambda gap: gap.length_us, reverse=True)[:GAPS_SHOWN]


def oldest_line(database: Database, scope: Scope, names: Sequence[str]) -> int:
    """Return the moment of the oldest line of these servers, of all for none named; 0 for none."""
    query = Server.select(fn.MIN(Server.oldest_line_us))
    return query.where(Server.oldest_line_us > 0, *_chosen(scope, names)).scalar(database) or 0


def _by_server(
    database: Database, chosen: list[ColumnBase], range_us: Span
) -> tuple[dict[int, list[tuple[int, int, bool]]], int]:
    """Read the gaps that touch the range, to the hour, by server; and how many there are."""
    hours = (Gap.begin_us / HOUR_US, Gap.end_us / HOUR_US)
    columns = (Gap.server_id, *hours, Gap.certain)
    query = _joined(*columns, fn.COUNT(Gap.id)).where(*chosen, *_touching(range_us))
    found: defaultdict[int, list[tuple[int, int, bool]]] = defaultdict(list)
    total = 0
    for server_id, begin, end, certain, count in (
        query.group_by(*columns).tuples().execute(database)
    ):
        found[server_id].append((begin * HOUR_US, end * HOUR_US, bool(certain)))
        total += count
    return found, total


def _read(
    database: Database, scope: Scope, where: list[ColumnBase], order: Sequence[Any], limit: int
) -> list[LogGap]:
    columns = (Gap.from_us, Gap.to_us, Gap.cause, Gap.certain, Gap.lost_lines, Gap.source)
    query = _joined(Server.name, *columns, Gap.stored_us).where(*where).order_by(*order)
    return [
        LogGap(
            *(server, from_us, to_us, cause, bool(certain)),
            lost_lines=0 if scope.is_limited else max(0, lost_lines),
            source="" if scope.is_limited else source,
            reported_us=stored_us,
        )
        for server, from_us, to_us, cause, certain, lost_lines, source, stored_us in (
            query.limit(limit).tuples().execute(database)
        )
    ]


def _joined(*columns: Any) -> Any:
    return Gap.select(*columns).join(Server, on=(Server.id == Gap.server_id))


def _chosen(scope: Scope, names: Sequence[str]) -> list[ColumnBase]:
    """Conditions on servers: those named, and those that the caller sees."""
    named = [Server.id.in_(server_ids(tuple(names)))] if names else []
    return [*seen_servers(scope), *named]


def _touching(range_us: Span) -> list[ColumnBase]:
    return [Gap.end_us >= range_us[0], Gap.begin_us < range_us[1]]
