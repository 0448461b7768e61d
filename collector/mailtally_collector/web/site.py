"""What all pages have in common: the database, the rules, the clock, and how templates are filled.

Threads   Handlers are plain functions and run in the server's thread pool, each question on a read
          connection of its own thread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from peewee import Database
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mailtally_collector import __version__
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.control_means import Checked
from mailtally_collector.people.entrance import Entrance
from mailtally_collector.presence import Presence
from mailtally_collector.query.buckets import time_zone
from mailtally_collector.query_cli.terms import domain_of, smtp_code
from mailtally_collector.store.audit import note
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.reading import answer
from mailtally_collector.store.transact import Transact
from mailtally_collector.web import chart, spark, words
from mailtally_collector.web.links import linked
from mailtally_collector.web.navigation import may_see, more_filters, navigation
from mailtally_collector.web.texts import Texts
from mailtally_collector.web.view import BY, RANGES_US, SORTS, STATES, View, view_of
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

    def ask_sql(self, question: Callable[..., T], *arguments: Any) -> T:
        """Ask a question whose first argument is ``sql``."""
        return answer(self.database, lambda: question(sql_for(self.database), *arguments))

    def change(self, what: Checked[T]) -> T:
        """Check on the reading side, then write. Raises QueryError."""
        self.ask_sql(what.check)
        return self.transact(what.write)

    def note(self, viewer: Viewer, action: str, scope: str, detail: str) -> None:
        """Write into the audit who looked for what."""
        work = partial(
            note, now_us=self.clock(), who=viewer.name, action=action, scope=scope, detail=detail
        )
        self.transact(work)


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
    made.globals.update(clock=words.clock, iso=words.iso, field_time=words.field_time)
    made.globals.update(iso_us=words.iso_us, in_state=chart.in_state)
    made.globals.update(sorts=tuple(SORTS), orders=BY)
    made.globals.update(length=words.length, score=words.score, spark=spark.spark_of)
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
    """Who asks; doorkeeper.py has seen to it that there is one.

    Raises HTTPException for a page that is none of the viewer's.
    """
    viewer: Viewer = request.state.viewer
    if not may_see(viewer, request.url.path):
        raise HTTPException(403)
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


def field(form: Mapping[str, Any], name: str) -> str:
    """A field's text; empty when it is not there."""
    return str(form.get(name) or "").strip()
