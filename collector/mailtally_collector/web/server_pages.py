"""Pages of mail hosts: all of them, and one with all that its agent told."""

from dataclasses import dataclass

from peewee import Database
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailtally_collector.coverage import Hours
from mailtally_collector.query.coverage import LogGap, coverage, list_gaps
from mailtally_collector.query.filters import QueryError, select
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.server import ServerDetail, server_detail
from mailtally_collector.query.servers import Server, list_servers
from mailtally_collector.query_cli.gap_words import CAUSES
from mailtally_collector.web.site import asked_view, page, site_of, viewer_of
from mailtally_collector.web.view import View

COVERAGE_MAX = 200
GAPS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Covered:
    """A server with the hours of the view's range; None where there are too many servers."""

    server: Server
    hours: Hours | None


def show_servers(request: Request) -> Response:
    """All servers, with how far their logs of the range were read."""
    site, viewer, view = site_of(request), viewer_of(request), asked_view(request)
    now_us = site.clock()
    listed = site.ask(_servers, viewer.scope, site.presence.servers(), view, now_us)
    return page(request, "servers.html", view=view, listed=listed)


def show_server(request: Request) -> Response:
    """One server."""
    site, viewer, view = site_of(request), viewer_of(request), asked_view(request)
    now_us, name = site.clock(), request.path_params["name"]
    try:
        detail: ServerDetail = site.ask(
            server_detail, viewer.scope, site.presence.servers(), name, now_us
        )
    except QueryError:
        raise HTTPException(404) from None
    covered, gaps = site.ask(_course, viewer.scope, view, name, now_us)
    return page(
        request,
        "server.html",
        view=view,
        detail=detail,
        hours=covered,
        gaps=gaps,
        cause_of=lambda gap: CAUSES.get(gap.cause, "cause not known"),
    )


def _servers(
    database: Database, scope: Scope, present: frozenset[str], view: View, now_us: int
) -> list[Covered]:
    servers = list_servers(database, scope, present, now_us)
    if len(servers) > COVERAGE_MAX:
        return [Covered(server, None) for server in servers]
    return [
        Covered(server, _hours(database, scope, view, server.name, now_us)) for server in servers
    ]


def _hours(database: Database, scope: Scope, view: View, name: str, now_us: int) -> Hours:
    asked = select(view.settled(now_us), now_us)
    return coverage(database, scope, (name,), (asked.start_us, asked.end_us), now_us).hours


def _course(
    database: Database, scope: Scope, view: View, name: str, now_us: int
) -> tuple[Hours, tuple[list[LogGap], int]]:
    asked = select(view.settled(now_us), now_us)
    range_us = (asked.start_us, asked.end_us)
    gaps = list_gaps(database, scope, (name,), range_us, GAPS_SHOWN)
    return _hours(database, scope, view, name, now_us), gaps
