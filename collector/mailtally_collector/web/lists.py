"""Lists of domains and of mailboxes: what each sent, and how that went."""

from dataclasses import dataclass, replace

from peewee import Database

from mailtally_collector.query.breakdown import Row, breakdown
from mailtally_collector.query.filters import select
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import Counts, summarise
from mailtally_collector.terms import Bucket, CountOrder, Dimension
from mailtally_collector.web.frame import Frame, frame
from mailtally_collector.web.view import View

ROWS_SHOWN = 25
ROWS_MAX = 5_000
NOTHING = Counts({}, 0)
ORDERS = {
    "sent": CountOrder.SENT,
    "delivered": CountOrder.DELIVERED,
    "failed": CountOrder.FAILED,
    "pending": CountOrder.PENDING,
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One domain or mailbox; ``buckets`` are its counts over time, none where they cost much."""

    name: bytes
    is_unknown: bool
    counts: Counts
    buckets: list[Counts]


@dataclass(frozen=True, slots=True)
class List:
    """Some rows; ``following`` is where the next page begins, 0 on the last one."""

    frame: Frame
    rows: list[Listed]
    total: Counts
    rows_total: int
    order: str
    first: int
    following: int


def domain_list(
    database: Database, scope: Scope, present: frozenset[str], view: View, now_us: int
) -> List:
    """Domains of senders, with their course. Raises QueryError."""
    return _listed(database, scope, present, view, now_us, dimension=Dimension.DOMAIN)


def mailbox_list(
    database: Database, scope: Scope, present: frozenset[str], view: View, now_us: int
) -> List:
    """Addresses of senders. Raises QueryError."""
    return _listed(database, scope, present, view, now_us, dimension=Dimension.MAILBOX)


def _listed(
    database: Database,
    scope: Scope,
    present: frozenset[str],
    view: View,
    now_us: int,
    *,
    dimension: Dimension,
) -> List:
    around = frame(database, scope, present, view, now_us)
    selection = select(view.settled(now_us), now_us)
    order = view.by if view.by in ORDERS else "sent"
    first = view.first
    found = breakdown(
        *(database, scope, selection, dimension),
        order=ORDERS[order],
        limit=min(ROWS_MAX, first + ROWS_SHOWN),
    )
    rows = [Listed(row.name, row.is_unknown, row.counts, []) for row in found.rows[first:]]
    rows_total = found.rows_total
    if dimension == Dimension.DOMAIN:
        rows = [replace(row, buckets=_course(database, scope, view, row, now_us)) for row in rows]
        if len(found.rows) == rows_total:
            silent = _silent(scope, view, found.rows)
            rows += silent
            rows_total += len(silent)
    following = first + ROWS_SHOWN if len(found.rows) < found.rows_total else 0
    return List(around, rows, found.total, rows_total, order, first, following)


def _course(database: Database, scope: Scope, view: View, row: Listed, now_us: int) -> list[Counts]:
    if not row.name:
        return []
    name = row.name.decode("utf-8", "surrogateescape")
    selection = select(replace(view.settled(now_us), domain=name), now_us)
    return summarise(database, scope, selection, Bucket.UNSPECIFIED, view.zone.key).buckets


def _silent(scope: Scope, view: View, rows: list[Row]) -> list[Listed]:
    """Domains of a customer of which there is no mail: they are his all the same."""
    if scope.domains is None or view.filter.domain:
        return []
    known = {row.name for row in rows}
    return [
        Listed(name, is_unknown=False, counts=NOTHING, buckets=[])
        for name in scope.domains
        if name not in known
    ]
