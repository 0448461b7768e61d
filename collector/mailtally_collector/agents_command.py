"""``mailtally-collector agents``: who may report under which name.

How       The commands write to the database, beside running collectors; these look at it when
          somebody connects, and every few seconds (identity/admission.py).
"""

import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, TypeVar

import typer
from peewee import PeeweeException

from mailtally_collector.command_line import (
    EXIT_FAILED,
    EXIT_USAGE,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    fail,
    load,
)
from mailtally_collector.config import Config
from mailtally_collector.durations import DAY_US, SECOND_US
from mailtally_collector.identity.authority import AuthorityError, open_authority
from mailtally_collector.identity.token import SECRET_BYTES, token
from mailtally_collector.store.database import migrate, open_for_writing
from mailtally_collector.store.identities import (
    AgentRow,
    NameTakenError,
    UnknownServerError,
    agents,
    invite,
    rename,
    revoke,
)
from mailtally_collector.store.schema_version import DatabaseRefusedError
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.transact import transact_on

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
T = TypeVar("T")


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
    now_us = _now_us()
    until_us = now_us + INVITED_US
    _write(settings, lambda sql: invite(sql, name, sha256(secret).digest(), now_us, until_us))
    line = token(pin, secret, addresses)
    if as_json:
        _print_json({"server": name, "token": line, "expires": _iso(until_us)})
        return
    typer.echo(
        f"Good once, until {_shown(until_us)}, at {', '.join(addresses)}. On {name} run, as the"
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
    now_us = _now_us()
    rows = _write(settings, lambda sql: agents(sql, now_us))
    if as_json:
        _print_json({"agents": [_json(row, now_us) for row in rows]})
        return
    if not rows:
        typer.echo("No agent yet: mailtally-collector agents invite NAME makes a token for one.")
        return
    table: list[tuple[str, ...]] = [
        ("SERVER", "STATE", "CERTIFICATE", "GOOD UNTIL", "LAST SEEN", "FORMERLY")
    ]
    table += [_line(row, now_us) for row in rows]
    widths = [max(len(line[at]) for line in table) for at in range(len(table[0]))]
    for line in table:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


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
        revoked, withdrawn = _write(settings, lambda sql: revoke(sql, name, _now_us()))
    except UnknownServerError:
        fail([_unknown(name, "certificate or invitation that could be revoked")], EXIT_FAILED)
    if as_json:
        _print_json({"server": name, "certificates": revoked, "invitations": withdrawn})
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
        _write(settings, lambda sql: rename(sql, old, new))
    except UnknownServerError:
        fail([_unknown(old, "row, certificate or invitation")], EXIT_FAILED)
    except NameTakenError:
        fail([f"{new} is another server already; nothing was changed"], EXIT_FAILED)
    if as_json:
        _print_json({"server": new, "formerly": old})
        return
    typer.echo(f"{old} is {new} now. Its agent learns it within a minute.")


def _write(settings: Config, work: Callable[[Sql], T]) -> T:
    """Run the work in a transaction, or say why that cannot be and leave."""
    location = settings.storage.database
    try:
        migrate(location)
        database = open_for_writing(location)
        with database.connection_context():
            return transact_on(database)(work)
    except (DatabaseRefusedError, PeeweeException) as error:
        fail([f"{location}: {error}"], EXIT_FAILED)


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
        _shown(row.not_after_us),
        _shown(row.last_seen_us),
        ascii(", ".join(row.former_names))[1:-1],
    )


def _json(row: AgentRow, now_us: int) -> dict[str, Any]:
    moments = {
        name.removesuffix("_us"): _iso(value) if value else None
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


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document))


def _now_us() -> int:
    return time.time_ns() // 1_000


def _iso(moment_us: int) -> str:
    return datetime.fromtimestamp(moment_us / SECOND_US, UTC).isoformat(timespec="seconds")


def _shown(moment_us: int) -> str:
    if not moment_us:
        return "-"
    return f"{datetime.fromtimestamp(moment_us / SECOND_US, UTC):%Y-%m-%d %H:%M} UTC"
