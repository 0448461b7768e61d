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
from mailtally_collector.web.pages import show_statistics
from mailtally_collector.web.security import Security
from mailtally_collector.web.site import Site, environment, page
from mailtally_collector.web.texts import Texts

STATIC = Path(__file__).parent / "static"


def build_app(
    database: Database, presence: Presence, rules: CurrentRules, clock: Callable[[], int]
) -> Starlette:
    """Put it together; ``database`` is opened for reading."""
    texts = Texts()
    app = Starlette(
        routes=[
            Route("/", show_statistics),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Security)],
        exception_handlers={HTTPException: _refused, PeeweeException: _no_database},
    )
    app.state.site = Site(database, presence, rules, clock, environment(texts, rules))
    return app


def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    texts = {403: "error.forbidden", 404: "error.not_found"}
    why = Texts()(texts[status]) if status in texts else str(getattr(error, "detail", error))
    return page(request, "refused.html", status, why=why)


def _no_database(request: Request, error: Exception) -> Response:
    del error
    return page(request, "refused.html", 503, why=Texts()("error.database"))
