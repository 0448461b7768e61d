"""The web application: which address is answered by which handler.

Order     Of what is around handlers: what a trusted proxy says (forwarded.py), headers and the
          origin of changes (security.py), who asks (doorkeeper.py).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from anyio import CapacityLimiter
from peewee import Database, PeeweeException
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.people.entrance import Entrance
from mailtally_collector.presence import Presence
from mailtally_collector.store.transact import Transact
from mailtally_collector.store.writer import StoreUnavailableError
from mailtally_collector.web.account import (
    change_password,
    change_zone,
    make_token,
    remove_token,
    show_account,
)
from mailtally_collector.web.doorkeeper import Doorkeeper
from mailtally_collector.web.download import download_csv, download_ndjson
from mailtally_collector.web.fleet_pages import show_audit, show_unknown
from mailtally_collector.web.forms import posted
from mailtally_collector.web.forwarded import Forwarded, Network
from mailtally_collector.web.message_pages import show_messages
from mailtally_collector.web.pages import (
    show_domains,
    show_events,
    show_mailboxes,
    show_statistics,
)
from mailtally_collector.web.people import (
    add_person,
    change_person,
    link_person,
    show_people,
    switch_person,
)
from mailtally_collector.web.security import HEADERS, Security
from mailtally_collector.web.server_pages import show_server, show_servers
from mailtally_collector.web.settings_pages import save_settings, show_settings
from mailtally_collector.web.sign_in import (
    set_up,
    show_setup,
    show_sign_in,
    sign_in,
    sign_out,
)
from mailtally_collector.web.site import Site, environment, page
from mailtally_collector.web.texts import Texts
from mailtally_collector.web.update_pages import show_update, start_update

STATIC = Path(__file__).parent / "static"
# Each takes 64 MiB and a core for some 50 ms.
HASHES_AT_ONCE = 2


def build_app(
    database: Database,
    presence: Presence,
    rules: CurrentRules,
    clock: Callable[[], int],
    *,
    transact: Transact,
    trusted_proxies: Sequence[Network] = (),
) -> Starlette:
    """Put it together; ``database`` is opened for reading, ``transact`` writes."""
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
            *_people_routes(),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(Forwarded, trusted_proxies),
            Middleware(Security),
            Middleware(Doorkeeper),
        ],
        exception_handlers={
            HTTPException: _refused,
            PeeweeException: _no_database,
            StoreUnavailableError: _no_database,
            Exception: _broken,
        },
    )
    entrance = Entrance(database, transact, clock)
    templates = environment(Texts(), rules)
    app.state.site = Site(database, presence, rules, clock, templates, transact, entrance)
    return app


def _people_routes() -> list[Route]:
    """Of pages that concern people; what hashes passwords waits for its turn."""
    hashing = CapacityLimiter(HASHES_AT_ONCE)
    return [
        Route("/login", show_sign_in),
        Route("/login", posted(sign_in, hashing), methods=["POST"]),
        Route("/logout", posted(sign_out), methods=["POST"]),
        Route("/setup/{secret}", show_setup),
        Route("/setup/{secret}", posted(set_up, hashing), methods=["POST"]),
        Route("/account", show_account),
        Route("/account/password", posted(change_password, hashing), methods=["POST"]),
        Route("/account/zone", posted(change_zone), methods=["POST"]),
        Route("/account/tokens", posted(make_token), methods=["POST"]),
        Route("/account/tokens/remove", posted(remove_token), methods=["POST"]),
        Route("/people", show_people),
        Route("/people/add", posted(add_person), methods=["POST"]),
        Route("/people/change", posted(change_person), methods=["POST"]),
        Route("/people/switch", posted(switch_person), methods=["POST"]),
        Route("/people/link", posted(link_person), methods=["POST"]),
    ]


def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    texts = {403: "error.forbidden", 404: "error.not_found", 405: "error.not_found"}
    why = Texts()(texts[status]) if status in texts else str(getattr(error, "detail", error))
    return page(request, "refused.html", status, why=why)


def _no_database(request: Request, error: Exception) -> Response:
    del error
    return page(request, "refused.html", 503, why=Texts()("error.database"))


def _broken(request: Request, error: Exception) -> Response:
    """Answer from outside of all middleware: the server logs the error."""
    del error
    answer = page(request, "refused.html", 500, why=Texts()("error.broken"))
    answer.headers.update(HEADERS)
    return answer
