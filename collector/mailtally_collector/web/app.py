"""The web application: which address is answered by which handler."""

from collections.abc import Callable
from pathlib import Path

from peewee import Database, PeeweeException
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.presence import Presence
from mailtally_collector.store.transact import Transact
from mailtally_collector.web.download import download_csv, download_ndjson
from mailtally_collector.web.fleet_pages import show_audit, show_unknown
from mailtally_collector.web.message_pages import show_messages
from mailtally_collector.web.pages import (
    show_domains,
    show_events,
    show_mailboxes,
    show_statistics,
)
from mailtally_collector.web.security import Security
from mailtally_collector.web.server_pages import show_server, show_servers
from mailtally_collector.web.settings_pages import save_settings, show_settings
from mailtally_collector.web.site import Site, environment, page, posted
from mailtally_collector.web.texts import Texts
from mailtally_collector.web.update_pages import show_update, start_update

STATIC = Path(__file__).parent / "static"


def build_app(
    database: Database,
    presence: Presence,
    rules: CurrentRules,
    clock: Callable[[], int],
    transact: Transact,
) -> Starlette:
    """Put it together; ``database`` is opened for reading, ``transact`` writes."""
    texts = Texts()
    app = Starlette(
        routes=[
            Route("/", show_statistics),
            Route("/events", show_events),
            Route("/events.csv", download_csv),
            Route("/events.ndjson", download_ndjson),
            Route("/domains", show_domains),
            Route("/mailboxes", show_mailboxes),
            Route("/messages", show_messages),
            Route("/servers", show_servers),
            Route("/servers/{name}", show_server),
            Route("/unknown", show_unknown),
            Route("/settings", show_settings),
            Route("/settings", posted(save_settings), methods=["POST"]),
            Route("/audit", show_audit),
            Route("/update", show_update),
            Route("/update", posted(start_update), methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Security)],
        exception_handlers={HTTPException: _refused, PeeweeException: _no_database},
    )
    app.state.site = Site(database, presence, rules, clock, environment(texts, rules), transact)
    return app


def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    texts = {403: "error.forbidden", 404: "error.not_found"}
    why = Texts()(texts[status]) if status in texts else str(getattr(error, "detail", error))
    return page(request, "refused.html", status, why=why)


def _no_database(request: Request, error: Exception) -> Response:
    del error
    return page(request, "refused.html", 503, why=Texts()("error.database"))
