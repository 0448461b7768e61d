"""Signing in and out, and choosing a password by a link."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailtally_collector.durations import MINUTE_US
from mailtally_collector.people import register
from mailtally_collector.people.entrance import Refused
from mailtally_collector.people.naming import person_name
from mailtally_collector.people.password import LENGTH_MIN, fault_of, hashed
from mailtally_collector.people.secret import hash_of
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.people import NOBODY, linked_person, person_with
from mailtally_collector.store.reading import answer
from mailtally_collector.store.sql import Sql
from mailtally_collector.web.doorkeeper import (
    HOME,
    give_key,
    key_of,
    local_path,
    signed_in_of,
    take_key,
)
from mailtally_collector.web.forms import Form
from mailtally_collector.web.site import Site, page, site_of

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def show_sign_in(request: Request) -> Response:
    """The form; for who is signed in too, as who else."""
    return _sign_in_page(request, request.query_params.get("next", HOME))


def sign_in(request: Request, form: Form) -> Response:
    """Let somebody in, or say that it was not right."""
    name, target = form.get("name", ""), form.get("next", HOME)
    client = request.client.host if request.client else ""
    found = site_of(request).entrance.sign_in(
        name, form.get("password", ""), client, key_of(request)
    )
    if isinstance(found, Refused):
        status = 429 if found.wait_us else 403
        minutes = -(-found.wait_us // MINUTE_US)
        problem = "sign_in.wait" if found.wait_us else "sign_in.wrong"
        return _sign_in_page(request, target, status, name=name, problem=problem, minutes=minutes)
    return give_key(RedirectResponse(local_path(target), 303), found)


def sign_out(request: Request, form: Form) -> Response:
    """End the session."""
    del form
    site_of(request).entrance.sign_out(signed_in_of(request))
    return take_key(RedirectResponse("/login", 303))


def show_setup(request: Request) -> Response:
    """The form in which the holder of a link chooses a password."""
    site = site_of(request)
    found = _linked(site, request.path_params["secret"])
    return _setup_page(request, found)


def set_up(request: Request, form: Form) -> Response:
    """Set the password, and sign in who set it."""
    site, secret = site_of(request), request.path_params["secret"]
    found = _linked(site, secret)
    if found is None:
        return _setup_page(request, None)
    is_first, name = found
    faults: dict[str, str] = {}
    typed = form.get("name", "") if is_first else name
    chosen = person_name(typed)
    if chosen is None:
        faults["name"] = "people.bad_name"
    password_faults(faults, form, chosen or "")
    if faults:
        return _setup_page(request, (is_first, typed), faults)
    kept = hashed(form.get("password", ""))

    def work(sql: Sql) -> str | None:
        now_us = site.clock()
        person = register.use_link(sql, now_us, secret, chosen or "", kept)
        return site.entrance.open_for(sql, person.id, now_us) if person else None

    key = site.transact(work)
    if key is None:
        return _setup_page(request, None)
    return give_key(RedirectResponse(HOME, 303), key)


def password_faults(faults: dict[str, str], form: Form, name: str) -> None:
    """Add what is wrong with a new password, typed twice, to the faults by field."""
    password = form.get("password", "")
    if fault := fault_of(password, name):
        faults["password"] = fault
    elif password != form.get("again", ""):
        faults["again"] = "password.differs"


def _linked(site: Site, secret: str) -> tuple[bool, str] | None:
    """Whether the link is for the first admin, and the name of whose it is; None for no link."""
    sql, now_us = sql_for(site.database), site.clock()

    def question() -> tuple[bool, str] | None:
        person_id = linked_person(sql, hash_of(secret), now_us)
        if person_id == NOBODY:
            return True, ""
        person = None if person_id is None else person_with(sql, person_id)
        return (False, person.name) if person else None

    return answer(site.database, question)


def _setup_page(
    request: Request, found: tuple[bool, str] | None, faults: dict[str, str] | None = None
) -> Response:
    if found is None:
        return page(request, "setup_over.html", 404)
    is_first, name = found
    status = 422 if faults else 200
    values = {"is_first": is_first, "name": name, "faults": faults or {}, "least": LENGTH_MIN}
    return page(request, "setup.html", status, **values)


def _sign_in_page(
    request: Request,
    target: str,
    status: int = 200,
    *,
    name: str = "",
    problem: str = "",
    minutes: int = 0,
) -> Response:
    is_plain = request.url.scheme == "http" and request.url.hostname not in LOOPBACK
    return page(
        request,
        "login.html",
        status,
        target=local_path(target),
        name=name,
        problem=problem,
        minutes=minutes,
        is_plain=is_plain,
    )
