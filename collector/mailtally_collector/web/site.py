"""What all pages have in common: the database, the rules, the clock, and how templates are filled.

Threads   Handlers are plain functions and run in the server's thread pool, each question on a read
          connection of its own thread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from peewee import Database
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mailtally_collector import __version__
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.people.entrance import Entrance
from mailtally_collector.presence import Presence
from mailtally_collector.query.buckets import time_zone
from mailtally_collector.query_cli.terms import domain_of, smtp_code
from mailtally_collector.store.reading import answer
from mailtally_collector.store.transact import Transact
from mailtally_collector.web import chart, words
from mailtally_collector.web.links import linked
from mailtally_collector.web.navigation import more_filters, navigation
from mailtally_collector.web.texts import Texts
from mailtally_collector.web.view import RANGES_US, STATES, View, view_of
from mailtally_collector.web.viewer import Viewer
from mailtally_collector.web.wording import Wording

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Site:
    """The parts that handlers need; ``clock`` gives microseconds since 1970.

    ``transact`` runs what is written; it blocks, and raises StoreUnavailableError.
    """

    database: Database
    presence: Presence
    rules: CurrentRules
    clock: Callable[[], int]
    templates: Environment
    transact: Transact
    entrance: Entrance

    def ask(self, question: Callable[..., T], *arguments: Any) -> T:
        """Ask the database; raises what the question raises."""
        return answer(self.database, lambda: question(self.database, *arguments))


def environment(texts: Texts, rules: CurrentRules) -> Environment:
    """Templates that escape everything, and stop at a name that they were not given."""
    made = Environment(
        loader=PackageLoader("mailtally_collector.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(t=texts, version=__version__, ranges=tuple(RANGES_US), states=tuple(STATES))
    made.globals.update(share=words.share, change=words.change, ago=words.ago)
    made.globals.update(clock=words.clock, iso=words.iso)
    made.globals.update(delivered=chart.delivered, other=chart.other, ended=chart.ended)
    made.globals.update(spoken=chart.spoken, linked=linked)
    made.globals.update(smtp_code=smtp_code, domain_of=domain_of)
    made.globals.update(navigation=navigation, more_filters=more_filters)
    made.globals.update(Wording(rules).by_name())
    made.filters.update(number=words.number, size=words.size, visible=words.visible)
    return made


def site_of(request: Request) -> Site:
    """The site that the request came to."""
    site: Site = request.app.state.site
    return site


def viewer_of(request: Request) -> Viewer:
    """Who asks; doorkeeper.py has seen to it that there is one."""
    viewer: Viewer = request.state.viewer
    return viewer


def zone_of(request: Request) -> ZoneInfo:
    """The viewer's time zone."""
    return time_zone(viewer_of(request).zone or "UTC")


def asked_view(request: Request) -> View:
    """What the address bar says, in the viewer's time zone."""
    return view_of(request.query_params, viewer_of(request).zone or "UTC")


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill a template."""
    site = site_of(request)
    viewer = getattr(request.state, "viewer", None)
    text = site.templates.get_template(template).render(
        viewer=viewer, path=request.url.path, now_us=site.clock(), **values
    )
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})
