"""What the statistics page shows, asked of the database in one go.

Every part is asked with the same filter, so that the bounced figure, the reasons and the events are
always about the same recipients.
"""

from dataclasses import dataclass, replace

from peewee import Database

from mailtally_collector.durations import HOUR_US
from mailtally_collector.query.breakdown import Breakdown, breakdown
from mailtally_collector.query.coverage import Coverage, coverage
from mailtally_collector.query.event_keys import Order
from mailtally_collector.query.events import Page, list_events
from mailtally_collector.query.filters import Filter, select
from mailtally_collector.query.reasons import TopReasons, top_reasons
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import Server, list_servers
from mailtally_collector.query.summary import Counts, Summary, summarise, total
from mailtally_collector.terms import Bucket, CountOrder, Dimension
from mailtally_collector.web.chart import Chart, chart_of
from mailtally_collector.web.findings import Finding, findings
from mailtally_collector.web.view import SORTS, View

REASONS_SHOWN = 8
PROVIDERS_SHOWN = 8
NAMES_OFFERED = 200
EVENTS_SHOWN = 25


@dataclass(frozen=True, slots=True)
class Statistics:
    """All of it. ``before`` counts the range of the same length that ends where this begins."""

    asked: Filter
    now_us: int
    summary: Summary
    before: Counts
    chart: Chart
    reasons: TopReasons
    providers: Breakdown
    page: Page
    servers: list[Server]
    coverage: Coverage
    domains: list[str]
    mailboxes: list[str]
    findings: list[Finding]


def statistics(
    database: Database, scope: Scope, present: frozenset[str], view: View, now_us: int
) -> Statistics:
    """Ask. Raises QueryError when the choice cannot be answered."""
    asked = view.settled(now_us)
    selection = select(asked, now_us)
    length_us = selection.end_us - selection.start_us
    earlier = replace(selection, start_us=selection.start_us - length_us, end_us=selection.start_us)
    summary = summarise(database, scope, selection, Bucket.UNSPECIFIED, view.zone.key)
    reasons = top_reasons(database, scope, selection, REASONS_SHOWN)
    providers = breakdown(
        *(database, scope, selection, Dimension.PROVIDER),
        order=CountOrder.SENT,
        limit=PROVIDERS_SHOWN,
    )
    servers = list_servers(database, scope, present, now_us)
    range_us = (selection.start_us, selection.end_us)
    covered = coverage(database, scope, selection.servers, range_us, now_us)
    chart = chart_of(
        *(summary.starts_us, selection.end_us, summary.buckets, summary.bucket, view.zone)
    )
    return Statistics(
        asked=asked,
        now_us=now_us,
        summary=summary,
        before=total(database, scope, earlier),
        chart=chart,
        reasons=reasons,
        providers=providers,
        page=events_page(database, scope, view, now_us=now_us),
        servers=servers,
        coverage=covered,
        domains=_names(database, scope, replace(asked, domain="", mailbox=""), now_us),
        mailboxes=_mailboxes(database, scope, asked, now_us),
        findings=findings(chart, reasons, servers, covered),
    )


def events_page(
    database: Database, scope: Scope, view: View, *, now_us: int, size: int = EVENTS_SHOWN
) -> Page:
    """One page of error events in the order of the view. Raises QueryError."""
    return list_events(
        *(database, scope, view.settled(now_us), Order(SORTS[view.sort], view.ascending)),
        token=view.after,
        size=size,
        now_us=now_us,
    )


def _names(database: Database, scope: Scope, asked: Filter, now_us: int) -> list[str]:
    """Domains to choose from: those of the caller, else the busiest of the last day."""
    if scope.domains is not None:
        return [name.decode("utf-8", "backslashreplace") for name in scope.domains]
    day = Filter(start_us=now_us - 24 * HOUR_US, end_us=now_us, servers=asked.servers)
    rows = breakdown(
        *(database, scope, select(day, now_us), Dimension.DOMAIN),
        order=CountOrder.SENT,
        limit=NAMES_OFFERED,
    ).rows
    return [row.name.decode("utf-8", "backslashreplace") for row in rows if row.name]


def _mailboxes(database: Database, scope: Scope, asked: Filter, now_us: int) -> list[str]:
    """Mailboxes of the chosen domain; none without one."""
    if not asked.domain:
        return []
    chosen = Filter(start_us=asked.start_us, end_us=asked.end_us, domain=asked.domain)
    rows = breakdown(
        *(database, scope, select(chosen, now_us), Dimension.MAILBOX),
        order=CountOrder.SENT,
        limit=NAMES_OFFERED,
    ).rows
    return [row.name.decode("utf-8", "backslashreplace") for row in rows if row.name]
