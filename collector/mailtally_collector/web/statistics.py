"""What the statistics page shows, asked of the database in one go.

Every part is asked with the same filter, so that the bounced figure, the reasons and the events are
always about the same recipients.
"""

from dataclasses import dataclass, replace

from peewee import Database

from mailtally_collector.query.breakdown import Breakdown, breakdown
from mailtally_collector.query.event_keys import Order
from mailtally_collector.query.events import Page, list_events
from mailtally_collector.query.filters import Filter, select
from mailtally_collector.query.reasons import TopReasons, top_reasons
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import Counts, Summary, summarise, total
from mailtally_collector.terms import Bucket, CountOrder, Dimension
from mailtally_collector.web.chart import Chart, chart_of
from mailtally_collector.web.findings import Finding, findings
from mailtally_collector.web.frame import Frame, frame
from mailtally_collector.web.view import SORTS, View

REASONS_SHOWN = 8
PROVIDERS_SHOWN = 8
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
    frame: Frame
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
    around = frame(database, scope, present, view, now_us)
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
        frame=around,
        findings=findings(chart, reasons, around),
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
