"""``mailtally-collector people``: who may sign in, for whoever has the collector itself.

How       The commands write to the database, beside running collectors; what they change holds with
          the next request.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from mailtally_collector.command_line import (
    EXIT_FAILED,
    EXIT_USAGE,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    fail,
    load,
)
from mailtally_collector.command_output import iso, print_json, print_table, shown, time_us, write
from mailtally_collector.config import Config
from mailtally_collector.people import register
from mailtally_collector.people.naming import domain_names, person_name
from mailtally_collector.people.password import LENGTH_MAX, LENGTH_MIN, fault_of, hashed
from mailtally_collector.people.register import By
from mailtally_collector.store import people as rows
from mailtally_collector.store.people import PersonRow
from mailtally_collector.store.sql import Sql
from mailtally_collector.web.viewer import Role

WHO = "local"
HEAD = ("NAME", "ROLE", "STATE", "ADDED", "DOMAINS")
GONE = "there is nobody of the name {}; mailtally-collector people list shows who there is"
FAULTS = {
    "people.gone": GONE,
    "people.last_admin": "{} is the only administrator who can sign in: make another one first",
}
PASSWORDS = {
    "password.short": f"too short: at least {LENGTH_MIN} characters",
    "password.long": f"too long: at most {LENGTH_MAX} characters",
    "password.simple": "too simple: too few different characters, or a part of the name",
}

people_app = typer.Typer(
    help="Who may sign in: add, list, change and disable people.", no_args_is_help=True
)
NameArgument = Annotated[str, typer.Argument(help="Name with which the person signs in.")]
RoleOption = Annotated[Role, typer.Option("--role", help="What the person may do.")]
DomainsOption = Annotated[
    list[str] | None,
    typer.Option("--domain", metavar="DOMAIN", help="A customer's domain. May be repeated."),
]


@people_app.command(name="setup-link")
def setup_link(
    name: Annotated[
        str | None, typer.Argument(help="Whose new password; without: of the first admin.")
    ] = None,
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link by which a person chooses a password: good once, for 24 hours."""
    settings = load(config, None, database)
    now_us = time_us()
    if name is None:
        secret = write(settings, lambda sql: register.first_link(sql, now_us))
        if secret is None:
            fail(["there are people already: name the one who needs a password"], EXIT_FAILED)
    else:
        known = _known(name)
        secret = write(settings, lambda sql: register.new_link(sql, By(WHO, now_us), known))
        if secret is None:
            fail([f"{GONE.format(known)}, and who is disabled"], EXIT_FAILED)
    _print_link(settings, name or "", secret, now_us, as_json=as_json)


@people_app.command(name="add")
def add(
    name: NameArgument,
    *,
    role: RoleOption,
    domain: DomainsOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person, and print the link by which they choose their password."""
    settings = load(config, None, database)
    chosen, domains, now_us = _known(name), _domains(role, domain), time_us()
    secret = write(
        settings, lambda sql: register.add(sql, By(WHO, now_us), chosen, role.value, domains)
    )
    if secret is None:
        fail([f"somebody has the name {chosen} already; nothing was changed"], EXIT_FAILED)
    _print_link(settings, chosen, secret, now_us, as_json=as_json)


@people_app.command(name="list")
def list_people(
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who may sign in, and as what."""
    settings = load(config, None, database)
    everybody = write(settings, rows.people)
    if as_json:
        print_json({"people": [_json(person) for person in everybody]})
        return
    if not everybody:
        typer.echo("Nobody yet: mailtally-collector people setup-link lets the first admin in.")
        return
    print_table([HEAD, *(_line(person) for person in everybody)])


@people_app.command(name="change")
def change(
    name: NameArgument,
    *,
    role: RoleOption,
    domain: DomainsOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a person another role, or other domains instead of those of before."""
    settings = load(config, None, database)
    known, domains, now_us = _known(name), _domains(role, domain), time_us()
    _done(
        write(
            settings, lambda sql: register.change(sql, By(WHO, now_us), known, role.value, domains)
        ),
        known,
    )
    _say(known, f"{known} is {role.value} now", as_json=as_json)


@people_app.command(name="disable")
def disable(
    name: NameArgument,
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a person in no more: sessions end at once, tokens are refused."""
    settings, known = load(config, None, database), _known(name)
    _done(write(settings, partial(_switched, register.disable, known)), known)
    _say(known, f"{known} may sign in no more; people enable takes that back", as_json=as_json)


@people_app.command(name="enable")
def enable(
    name: NameArgument,
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a person in again, with the password of before."""
    settings, known = load(config, None, database), _known(name)
    _done(write(settings, partial(_switched, register.enable, known)), known)
    _say(known, f"{known} may sign in again", as_json=as_json)


@people_app.command(name="passwd")
def passwd(
    name: NameArgument,
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set a person's password, asked for twice or read as a line from stdin; sessions end."""
    settings, known = load(config, None, database), _known(name)
    if write(settings, lambda sql: rows.person_named(sql, known)) is None:
        fail([GONE.format(known)], EXIT_FAILED)
    if sys.stdin.isatty():
        password = str(typer.prompt("New password", hide_input=True, confirmation_prompt=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if fault := fault_of(password, known):
        fail([PASSWORDS[fault]], EXIT_USAGE)
    kept = hashed(password)

    def work(sql: Sql) -> str:
        person = rows.person_named(sql, known)
        if person is None:
            return "people.gone"
        register.choose_password(sql, By(WHO, time_us()), person, kept)
        return ""

    _done(write(settings, work), known)
    _say(known, f"{known} has a new password, and is signed out everywhere", as_json=as_json)


def _switched(switch: Callable[[Sql, By, str], str], name: str, sql: Sql) -> str:
    return switch(sql, By(WHO, time_us()), name)


def _known(name: str) -> str:
    chosen = person_name(name)
    if chosen is None:
        rule = "1 to 100 letters, digits and . _ @ + - only, beginning with a letter or digit"
        fail([f"{name!r} cannot be a name: {rule}"], EXIT_USAGE)
    return chosen


def _domains(role: Role, given: list[str] | None) -> tuple[str, ...]:
    domains, wrong = domain_names(" ".join(given or ()))
    if wrong:
        fail([f"--domain: {wrong!r} is no domain; write other letters as xn--…"], EXIT_USAGE)
    if role is Role.CUSTOMER and not domains:
        fail(["--domain: a customer without domains would see nothing"], EXIT_USAGE)
    if role is not Role.CUSTOMER and domains:
        fail([f"--domain: is for customers; {role.value} sees everything"], EXIT_USAGE)
    return domains


def _done(fault: str, name: str) -> None:
    if fault:
        fail([FAULTS[fault].format(name)], EXIT_FAILED)


def _say(name: str, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name})
    else:
        typer.echo(f"{text}.")


def _print_link(settings: Config, name: str, secret: str, now_us: int, *, as_json: bool) -> None:
    link = f"{settings.web_url()}/setup/{secret}"
    until_us = now_us + register.LINK_US
    if as_json:
        print_json({"name": name, "link": link, "expires": iso(until_us)})
        return
    whose = name or "the first administrator"
    typer.echo(f"Good once, until {shown(until_us)}, for {whose}:\n", err=True)
    typer.echo(link)


def _state(person: PersonRow) -> str:
    if person.disabled_us:
        return "disabled"
    return "good" if person.password else "no password"


def _line(person: PersonRow) -> tuple[str, ...]:
    domains = ", ".join(person.domains) or "-"
    return person.name, person.role, _state(person), shown(person.created_us), domains


def _json(person: PersonRow) -> dict[str, object]:
    return {
        "name": person.name,
        "role": person.role,
        "state": _state(person),
        "domains": list(person.domains),
        "created": iso(person.created_us),
        "changed": iso(person.changed_us),
    }
