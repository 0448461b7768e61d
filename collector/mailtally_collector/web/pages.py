"""The statistics page."""

from starlette.requests import Request
from starlette.responses import Response

from mailtally_collector.query.filters import QueryError
from mailtally_collector.web.event_view import shown_events
from mailtally_collector.web.site import asked_view, page, site_of, viewer_of
from mailtally_collector.web.statistics import statistics


def show_statistics(request: Request) -> Response:
    """Chart, reasons and events of what the address bar says."""
    site, viewer, view = site_of(request), viewer_of(request), asked_view(request)
    now_us = site.clock()
    try:
        found = site.ask(statistics, viewer.scope, site.presence.servers(), view, now_us)
    except QueryError as error:
        return page(request, "refused.html", 400, view=view, why=str(error))
    events = shown_events(found.page.events, site.rules.rules, is_customer=not viewer.sees_fleet)
    return page(request, "statistics.html", view=view, found=found, events=events)
