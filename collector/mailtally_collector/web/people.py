"""People: who may sign in, as what, and which domains customers see. For admins."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailtally_collector.people import register
from mailtally_collector.people.naming import domain_names, person_name
from mailtally_collector.people.register import By
from mailtally_collector.store import people as rows
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.reading import answer
from mailtally_collector.web.doorkeeper import signed_in_of
from mailtally_collector.web.forms import Form
from mailtally_collector.web.site import page, site_of, zone_of
from mailtally_collector.web.viewer import Role


def show_people(request: Request) -> Response:
    """Everybody, and a form for one more."""
    return _people_page(request)


def add_person(request: Request, form: Form) -> Response:
    """Add somebody, and show their link: this once."""
    site = site_of(request)
    by = By(signed_in_of(request).person.name, site.clock())
    name = person_name(form.get("name", ""))
    faults, domains, wrong = _role_faults(form)
    if name is None:
        faults["name"] = "people.bad_name"
    if faults:
        return _people_page(request, 422, faults=faults, wrong=wrong, form=form)
    chosen, role = str(name), form.get("role", "")
    secret = site.transact(lambda sql: register.add(sql, by, chosen, role, domains))
    if secret is None:
        return _people_page(request, 422, faults={"name": "people.taken"}, form=form)
    return _people_page(request, link=_link(request, secret), linked=chosen)


def change_person(request: Request, form: Form) -> Response:
    """Give a person another role or other domains."""
    site, who, name = site_of(request), signed_in_of(request).person.name, form.get("name", "")
    faults, domains, wrong = _role_faults(form)
    role = form.get("role", "")
    if not faults:
        fault = site.transact(
            lambda sql: register.change(sql, By(who, site.clock()), name, role, domains)
        )
        if not fault:
            return RedirectResponse("/people?done=changed", 303)
        faults["role"] = fault
    return _people_page(request, 422, faults=faults, wrong=wrong, form=form, of=name)


def switch_person(request: Request, form: Form) -> Response:
    """Let a person in no more, or again."""
    site, who, name = site_of(request), signed_in_of(request).person.name, form.get("name", "")
    switch = register.enable if form.get("on") == "1" else register.disable
    fault = site.transact(lambda sql: switch(sql, By(who, site.clock()), name))
    if fault:
        return _people_page(request, 422, faults={"switch": fault}, form=form, of=name)
    return RedirectResponse("/people?done=changed", 303)


def link_person(request: Request, form: Form) -> Response:
    """Make a link for a new password, and show it: this once."""
    site, who, name = site_of(request), signed_in_of(request).person.name, form.get("name", "")
    secret = site.transact(lambda sql: register.new_link(sql, By(who, site.clock()), name))
    if secret is None:
        return _people_page(request, 422, faults={"switch": "people.gone"}, form=form, of=name)
    return _people_page(request, link=_link(request, secret), linked=name)


def _role_faults(form: Form) -> tuple[dict[str, str], tuple[str, ...], str]:
    """Faults by field, domains, and the text that is no domain."""
    faults: dict[str, str] = {}
    role = form.get("role", "")
    if role not in register.ROLES:
        faults["role"] = "people.bad_role"
    domains, wrong = domain_names(form.get("domains", ""))
    if wrong:
        faults["domains"] = "people.bad_domain"
    elif role == Role.CUSTOMER.value and not domains:
        faults["domains"] = "people.no_domains"
    elif role != Role.CUSTOMER.value and domains:
        faults["domains"] = "people.domains_of_customers"
    return faults, domains, wrong


def _link(request: Request, secret: str) -> str:
    """The address by which the admin came is one by which others can."""
    return f"{request.base_url}setup/{secret}"


def _people_page(
    request: Request,
    status: int = 200,
    *,
    faults: dict[str, str] | None = None,
    wrong: str = "",
    form: Form | None = None,
    of: str = "",
    link: str = "",
    linked: str = "",
) -> Response:
    site = site_of(request)
    everybody = answer(site.database, lambda: rows.people(sql_for(site.database)))
    typed = {name: form.get(name, "") if form else "" for name in ("name", "role", "domains")}
    return page(
        request,
        "people.html",
        status,
        people=everybody,
        roles=register.ROLES,
        faults=faults or {},
        wrong=wrong,
        typed=typed,
        of=of,
        link=link,
        linked=linked,
        done=request.query_params.get("done"),
        zone=zone_of(request),
    )
