"""Update: have the logs of the chosen servers read to the present, then show the figures.

Walk      POST asks the agents and leads to a page that shows how far each server is. That page asks
          again by itself, with a script or without, until all are done; then it leads back.
Who       Staff: the chosen servers, or all. A customer: those of them that carry mail of his.
          Servers that somebody waits for already are not asked again.
"""

from itertools import pairwise
from typing import Any

from peewee import Database
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailtally_collector.collecting import DONE, UNDER_WAY
from mailtally_collector.control_changes import Request as CollectRequest
from mailtally_collector.query.filters import QueryError
from mailtally_collector.query.progress import Progress, progress_of, under_way
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.servers import list_servers
from mailtally_collector.web.forms import Form
from mailtally_collector.web.site import Site, asked_view, page, site_of, viewer_of
from mailtally_collector.web.view import View, view_of
from mailtally_collector.web.viewer import Viewer

REQUESTS_MAX = 5_000
WAIT_SECONDS = 120
# By the numbers of collecting.py; names of sentences.
STATES = ("", "waiting", "reading", "done", "not_connected", "failed", "timed_out")


def start_update(request: Request, form: Form) -> Response:
    """Ask the agents."""
    site, viewer = site_of(request), viewer_of(request)
    view = view_of(form, viewer.zone or "UTC")
    names = _chosen(site, viewer, view)
    if not names:  # nobody has reported yet
        return RedirectResponse(view.url("/"), 303)
    waiting = site.ask_sql(under_way, names, site.clock())
    rest = tuple(name for name in names if name not in waiting)
    ids = list(waiting.values())
    if rest:
        try:
            ids += site.change(CollectRequest(rest, WAIT_SECONDS, site.clock(), viewer.name))
        except QueryError as error:
            return page(request, "refused.html", 400, view=view, why=str(error))
    return RedirectResponse(view.url("/update", requests=packed(ids)), 303)


def show_update(request: Request) -> Response:
    """How far it is; back to the figures when all is done."""
    site, viewer, view = site_of(request), viewer_of(request), asked_view(request)
    ids = unpacked(request.query_params.get("requests", ""))
    present = site.presence.servers()
    found: list[Progress] = site.ask_sql(progress_of, ids, present, site.clock())
    seen = set(_chosen(site, viewer, view))
    found = [one for one in found if one.server in seen]
    if all(one.state == DONE for one in found):
        return RedirectResponse(view.url("/"), 303)
    return page(
        request,
        "update.html",
        view=view,
        found=found,
        states=STATES,
        done=sum(one.state not in UNDER_WAY for one in found),
        is_going=any(one.state in UNDER_WAY for one in found),
        here=f"{request.url.path}?{request.url.query}",
    )


def _chosen(site: Site, viewer: Viewer, view: View) -> tuple[str, ...]:
    """Names of the servers that the view is about, of those that the viewer sees."""
    names = site.ask(_names, viewer.scope, site.presence.servers(), site.clock())
    return tuple(name for name in names if not view.filter.servers or name in view.filter.servers)


def _names(database: Database, scope: Scope, present: frozenset[str], now_us: int) -> list[str]:
    return [server.name for server in list_servers(database, scope, present, now_us)]


def packed(ids: list[int]) -> str:
    """Numbers in short: mostly they follow each other.

    >>> packed([5, 3, 4, 9])
    '3-5,9'
    """
    parts: list[str] = []
    ordered = sorted(set(ids))
    if not ordered:
        return ""
    starts = [0, *(at for at, (one, two) in enumerate(pairwise(ordered), 1) if two != one + 1)]
    for start, end in pairwise([*starts, len(ordered)]):
        first, last = ordered[start], ordered[end - 1]
        parts.append(str(first) if first == last else f"{first}-{last}")
    return ",".join(parts)


def unpacked(text: str) -> list[int]:
    """Numbers of an address; what means none is left out.

    >>> unpacked("3-5,9,x,7-"), unpacked("1-99999999999")[-1]
    ([3, 4, 5, 9], 5000)
    """
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if _is_number(first) and _is_number(last or first) and not part.endswith("-"):
            end = min(int(last or first), int(first) + REQUESTS_MAX - 1)
            found += range(int(first), end + 1)
    return found[:REQUESTS_MAX]


def _is_number(text: Any) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
