"""One's own account: password, time zone, and the tokens of one's programs."""

from zoneinfo import available_timezones

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailtally_collector.people import register
from mailtally_collector.people.naming import domain_names
from mailtally_collector.people.password import LENGTH_MIN, hashed
from mailtally_collector.people.register import By
from mailtally_collector.people.rights import RANKS
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.people import person_with, set_zone
from mailtally_collector.store.reading import answer
from mailtally_collector.store.sign_ins import tokens_of
from mailtally_collector.store.sql import Sql
from mailtally_collector.web.doorkeeper import give_key, signed_in_of
from mailtally_collector.web.forms import Form
from mailtally_collector.web.sign_in import password_faults
from mailtally_collector.web.site import page, site_of, zone_of
from mailtally_collector.web.viewer import Role

DAYS_DEFAULT, DAYS_MAX = 90, 400
NAME_MAX = 100


def show_account(request: Request) -> Response:
    """All of it."""
    return _account_page(request)


def change_password(request: Request, form: Form) -> Response:
    """Set another password; every other browser of the person is signed out."""
    site, person = site_of(request), signed_in_of(request).person
    client = request.client.host if request.client else ""
    faults: dict[str, str] = {}
    password_faults(faults, form, person.name)
    if not faults and not site.entrance.confirms(person, form.get("old", ""), client):
        faults["old"] = "password.wrong"
    if faults:
        return _account_page(request, 422, faults=faults)
    kept = hashed(form.get("password", ""))

    def work(sql: Sql) -> str | None:
        now_us = site.clock()
        present = person_with(sql, person.id)
        if present is None or present.password != person.password or present.disabled_us:
            return None
        register.choose_password(sql, By(person.name, now_us), person, kept)
        return site.entrance.open_for(sql, person.id, now_us)

    key = site.transact(work)
    done = RedirectResponse("/account?done=password", 303)
    return give_key(done, key) if key else done


def change_zone(request: Request, form: Form) -> Response:
    """Set the time zone in which times are shown; "" for UTC."""
    site, person, zone = site_of(request), signed_in_of(request).person, form.get("zone", "")
    if zone and zone not in available_timezones():
        return _account_page(request, 422, faults={"zone": "account.bad_zone"}, zone=zone)
    site.transact(lambda sql: set_zone(sql, person.id, zone, site.clock()))
    return RedirectResponse("/account?done=zone", 303)


def make_token(request: Request, form: Form) -> Response:
    """Make a token, and show it: this once."""
    site, signed_in = site_of(request), signed_in_of(request)
    name, days_text = form.get("label", "").strip(), form.get("days", "")
    role = form.get("role", signed_in.viewer.role.value)
    faults: dict[str, str] = {}
    if not name or len(name) > NAME_MAX or not name.isprintable():
        faults["label"] = "account.bad_label"
    days = int(days_text) if days_text.isascii() and days_text.isdigit() else 0
    if not 1 <= days <= DAYS_MAX or len(days_text) > 4:
        faults["days"] = "account.bad_days"
    if role not in _roles(signed_in.viewer.role):
        faults["role"] = "people.bad_role"
    domains, wrong = domain_names(form.get("domains", ""))
    if wrong:
        faults["domains"] = "people.bad_domain"
    elif domains and role != Role.CUSTOMER.value:
        faults["domains"] = "people.domains_of_customers"
    elif not domains and role == Role.CUSTOMER.value and signed_in.viewer.sees_fleet:
        faults["domains"] = "people.no_domains"
    elif signed_in.viewer.role is Role.CUSTOMER and set(domains) - set(signed_in.person.domains):
        faults["domains"] = "account.not_yours"
    if faults:
        return _account_page(request, 422, faults=faults, wrong=wrong, form=form)
    text = site.transact(
        lambda sql: register.make_token(
            sql,
            site.clock(),
            signed_in.person,
            name=name,
            role=role,
            domains=domains,
            days=days,
        )
    )
    return _account_page(request, made=text)


def remove_token(request: Request, form: Form) -> Response:
    """Take a token back."""
    site, person = site_of(request), signed_in_of(request).person
    key = form.get("key", "")
    site.transact(lambda sql: register.take_token(sql, site.clock(), person, key))
    return RedirectResponse("/account?done=token", 303)


def _roles(own: Role) -> list[str]:
    return [role.value for role in RANKS[: RANKS.index(own) + 1]]


def _account_page(
    request: Request,
    status: int = 200,
    *,
    faults: dict[str, str] | None = None,
    wrong: str = "",
    form: Form | None = None,
    made: str = "",
    zone: str | None = None,
) -> Response:
    site, signed_in = site_of(request), signed_in_of(request)
    person = signed_in.person
    tokens = answer(site.database, lambda: tokens_of(sql_for(site.database), person.id))
    typed = {name: form.get(name, "") if form else "" for name in ("label", "role", "domains")}
    typed["days"] = form.get("days", "") if form else str(DAYS_DEFAULT)
    typed["zone"] = person.zone if zone is None else zone
    return page(
        request,
        "account.html",
        status,
        person=person,
        tokens=tokens,
        faults=faults or {},
        wrong=wrong,
        typed=typed,
        made=made,
        roles=_roles(signed_in.viewer.role),
        zones=sorted(available_timezones()),
        zone=zone_of(request),
        least=LENGTH_MIN,
        days_max=DAYS_MAX,
        done=request.query_params.get("done"),
    )
