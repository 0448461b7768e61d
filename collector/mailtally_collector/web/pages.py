"""Pages of figures: statistics, error events, domains and mailboxes."""

from collections.abc import Callable
from typing import Any

from peewee import Database
from starlette.requests import Request
from starlette.responses import Response

from mailtally_collector.query.events import Page
from mailtally_collector.query.filters import QueryError
from mailtally_collector.query.scope import Scope
from mailtally_collector.web.event_view import shown_events
from mailtally_collector.web.frame import Frame, frame
from mailtally_collector.web.lists import domain_list, mailbox_list
from mailtally_collector.web.site import asked_view, page, site_of, viewer_of
from mailtally_collector.web.statistics import events_page, statistics
from mailtally_collector.web.view import View

EVENTS_SHOWN = 50


def show_statistics(request: Request) -> Response:
    """Chart, reasons and events of what the address bar says."""

    def filled(view: View, found: Any) -> Response:
        return page(request, "statistics.html", view=view, found=found, events=_events(found.page))

    def _events(found: Page) -> Any:
        return _shown(request, found)

    return _answered(request, statistics, filled)


def show_events(request: Request) -> Response:
    """The error events alone, more of them."""

    def filled(view: View, found: Any) -> Response:
        around, listed = found
        events = _shown(request, listed)
        return page(request, "events.html", view=view, frame=around, listed=listed, events=events)

    return _answered(request, _events_with_frame, filled)


def show_domains(request: Request) -> Response:
    """Domains of senders."""
    return _show_list(request, domain_list, "domain")


def show_mailboxes(request: Request) -> Response:
    """Addresses of senders."""
    return _show_list(request, mailbox_list, "mailbox")


def _show_list(request: Request, question: Callable[..., Any], kind: str) -> Response:
    def filled(view: View, found: Any) -> Response:
        return page(request, "list.html", view=view, found=found, kind=kind)

    return _answered(request, question, filled)


def _answered(
    request: Request, question: Callable[..., Any], filled: Callable[[View, Any], Response]
) -> Response:
    """Ask with what the address bar says, and fill a page; or say why there is no answer."""
    site, viewer, view = site_of(request), viewer_of(request), asked_view(request)
    try:
        found = site.ask(question, viewer.scope, site.presence.servers(), view, site.clock())
    except QueryError as error:
        return page(request, "refused.html", 400, view=view, why=str(error))
    return filled(view, found)


def _shown(request: Request, found: Page) -> Any:
    rules = site_of(request).rules.rules
    return shown_events(found.events, rules, is_customer=not viewer_of(request).sees_fleet)


def _events_with_frame(
    database: Database, scope: Scope, present: frozenset[str], view: View, now_us: int
) -> tuple[Frame, Page]:
    around = frame(database, scope, present, view, now_us)
    return around, events_page(database, scope, view, now_us=now_us, size=EVENTS_SHOWN)
