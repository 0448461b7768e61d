"""``mailtally-collector agents``: who may report under which name.

How       The commands write to the database, beside running collectors; these look at it when
          somebody connects, and every few seconds (identity/admission.py).
"""

import re
import secrets
from dataclasses import asdict
from hashlib import sha256
from typing import Annotated, Any

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
from mailtally_collector.durations import DAY_US
from mailtally_collector.identity.authority import AuthorityError, open_authority
from mailtally_collector.identity.token import SECRET_BYTES, token
from mailtally_collector.store.identities import (
    AgentRow,
    NameTakenError,
    UnknownServerError,
    agents,
    invite,
    rename,
    revoke,
)

INVITED_US = DAY_US
HEAD: tuple[str, ...] = (
    "SERVER",
    "STATE",
    "CERTIFICATE",
    "GOOD UNTIL",
    "LAST SEEN",
    "FORMERLY",
)
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")

agents_app = typer.Typer(
    help="Who may report: invite, list, revoke and rename agents.", no_args_is_help=True
)
NameArgument = Annotated[str, typer.Argument(help="Name of the mail host in all statistics.")]


@agents_app.command(name="invite")
def invite_agent(
    name: NameArgument,
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a token for one agent: good once, for 24 hours; use it with mailtally-agent enroll."""
    settings = load(config, None, database)
    _check_name(name)
    addresses = _enrolment_addresses(settings)
    try:
        pin = open_authority(settings.identity.folder).pin
    except AuthorityError as error:
        fail([str(error)], EXIT_FAILED)
    secret = secrets.token_bytes(SECRET_BYTES)
    now_us = time_us()
    until_us = now_us + INVITED_US
    write(settings, lambda sql: invite(sql, name, sha256(secret).digest(), now_us, until_us))
    line = token(pin, secret, addresses)
    if as_json:
        print_json({"server": name, "token": line, "expires": iso(until_us)})
        return
    typer.echo(
        f"Good once, until {shown(until_us)}, at {', '.join(addresses)}. On {name} run, as the"
        " agent's user:\n",
        err=True,
    )
    typer.echo(f"mailtally-agent enroll {line}")


@agents_app.command(name="list")
def list_agents(
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who reported, who has a certificate and until when, and who is invited."""
    settings = load(config, None, database)
    now_us = time_us()
    rows = write(settings, lambda sql: agents(sql, now_us))
    if as_json:
        print_json({"agents": [_json(row, now_us) for row in rows]})
        return
    if not rows:
        typer.echo("No agent yet: mailtally-collector agents invite NAME makes a token for one.")
        return
    print_table([HEAD, *(_line(row, now_us) for row in rows)])


@agents_app.command(name="revoke")
def revoke_agent(
    name: NameArgument,
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """End the certificates and invitations of a server; open connections end within a minute."""
    settings = load(config, None, database)
    try:
        revoked, withdrawn = write(settings, lambda sql: revoke(sql, name, time_us()))
    except UnknownServerError:
        fail([_unknown(name, "certificate or invitation that could be revoked")], EXIT_FAILED)
    if as_json:
        print_json({"server": name, "certificates": revoked, "invitations": withdrawn})
        return
    typer.echo(
        f"{name}: {revoked} certificates revoked, {withdrawn} invitations withdrawn; what it"
        " reported stays. mailtally-collector agents invite lets it report again."
    )


@agents_app.command(name="rename")
def rename_agent(
    old: Annotated[str, typer.Argument(help="Its present name.")],
    new: Annotated[str, typer.Argument(help="Its name from now on.")],
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a server another name, with all that it reported; its certificate stays good."""
    settings = load(config, None, database)
    _check_name(new)
    try:
        write(settings, lambda sql: rename(sql, old, new))
    except UnknownServerError:
        fail([_unknown(old, "row, certificate or invitation")], EXIT_FAILED)
    except NameTakenError:
        fail([f"{new} is another server already; nothing was changed"], EXIT_FAILED)
    if as_json:
        print_json({"server": new, "formerly": old})
        return
    typer.echo(f"{old} is {new} now. Its agent learns it within a minute.")


def _enrolment_addresses(settings: Config) -> list[str]:
    """Where the agent is to come with its token."""
    why = ""
    if settings.listen.insecure:
        why = "listen.insecure is true: agents need no certificate"
    elif settings.tls.files:
        why = "the collector has certificates of another authority ([tls]): make the agent's there"
    elif not settings.listen.enrolment_address:
        why = "listen.enrolment is empty: no agent could come with its token"
    if why:
        fail([why], EXIT_FAILED)
    port = settings.listen.enrolment_address.rpartition(":")[2]
    return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in settings.hosts]


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        fail(
            [f"{name!r} cannot be a server's name: letters, digits, '.', '_' and '-' only"],
            EXIT_USAGE,
        )


def _unknown(name: str, what: str) -> str:
    return f"{name!r} has no {what}; mailtally-collector agents list shows who has"


def _state(row: AgentRow, now_us: int) -> str:
    if row.invited_until_us:
        return "invited"
    if row.certificate is None:
        return "no certificate"
    if row.revoked_us:
        return "revoked"
    return "ended" if row.not_after_us <= now_us else "good"


def _line(row: AgentRow, now_us: int) -> tuple[str, ...]:
    return (
        "".join(one if one.isprintable() else "?" for one in row.server),
        _state(row, now_us),
        row.certificate.hex()[:16] if row.certificate else "-",
        shown(row.not_after_us),
        shown(row.last_seen_us),
        ascii(", ".join(row.former_names))[1:-1],
    )


def _json(row: AgentRow, now_us: int) -> dict[str, Any]:
    moments = {
        name.removesuffix("_us"): iso(value) if value else None
        for name, value in asdict(row).items()
        if name.endswith("_us")
    }
    certificate = row.certificate.hex() if row.certificate else None
    return {
        "server": row.server,
        "state": _state(row, now_us),
        "certificate_sha256": certificate,
        **moments,
        "former_names": list(row.former_names),
    }
