"""How logs are collected: of the fleet and of each server, seen and changed.

Save      A change holds when it was saved, and reaches agents as every change does
          (control_changes.py). What cannot be set is said beside the field, with what was typed.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailtally_collector.collecting import CONTINUOUS, DEFAULT, INTERVAL_MAX, INTERVAL_MIN
from mailtally_collector.control_changes import Change, Clearing
from mailtally_collector.query.filters import QueryError
from mailtally_collector.query.settings import SettingsList, list_settings
from mailtally_collector.web.forms import Form
from mailtally_collector.web.site import asked_view, field, page, site_of, viewer_of

HOUR = 3_600
CONTINUOUSLY, INTERVAL = "continuous", "interval"
NAMES_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form shows: as it is set, or as it was typed, with what is wrong with it."""

    server: str
    enabled: bool
    how: str
    hours: str
    wrong: dict[str, str]


def show_settings(request: Request) -> Response:
    """What holds; the form is of the fleet, or of the server in the address."""
    viewer_of(request)
    server = request.query_params.get("server", "")
    listed = site_of(request).ask_sql(list_settings, ())
    held = listed.fleet
    if server:
        found = [one.settings for one in listed.servers if one.server == server]
        if not found:
            return page(request, "refused.html", 404, why=f"no server {server} has reported")
        held = found[0]
    how = INTERVAL if held.interval_seconds else CONTINUOUSLY
    hours = str(held.interval_seconds // HOUR or 1)
    return _form(request, listed, Typed(server, held.enabled, how, hours, {}))


def save_settings(request: Request, form: Form) -> Response:
    """Change them, or say what is wrong."""
    site, viewer = site_of(request), viewer_of(request)
    server = field(form, "server")
    servers = (server,) if server else ()
    if field(form, "clear"):
        site.change(Clearing(servers, site.clock(), viewer.name))
        return RedirectResponse("/settings?saved=1", 303)
    typed = Typed(
        server,
        enabled=field(form, "enabled") == "1",
        how=field(form, "how"),
        hours=field(form, "hours"),
        wrong={},
    )
    seconds = _seconds(typed)
    if seconds is not None:
        try:
            site.change(Change(servers, typed.enabled, seconds, site.clock(), viewer.name))
        except QueryError as error:
            typed.wrong["server"] = str(error)
    if typed.wrong:
        return _form(request, site.ask_sql(list_settings, ()), typed, 400)
    return RedirectResponse("/settings?saved=1", 303)


def _seconds(typed: Typed) -> int | None:
    """The interval; None, with what is wrong noted, when there is none of that kind."""
    if typed.how == CONTINUOUSLY:
        return CONTINUOUS
    if typed.how != INTERVAL:
        typed.wrong["how"] = "settings.wrong_how"
        return None
    hours = typed.hours
    is_number = hours.isascii() and hours.isdigit() and len(hours) <= 6
    if not is_number or not INTERVAL_MIN <= int(hours) * HOUR <= INTERVAL_MAX:
        typed.wrong["hours"] = "settings.wrong_hours"
        return None
    return int(hours) * HOUR


def _form(request: Request, listed: SettingsList, typed: Typed, status: int = 200) -> Response:
    return page(
        request,
        "settings.html",
        status,
        view=asked_view(request),
        listed=listed,
        typed=typed,
        default=DEFAULT,
        is_saved=bool(request.query_params.get("saved")) and status == 200,
    )
