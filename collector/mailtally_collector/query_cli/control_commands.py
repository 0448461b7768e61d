"""Commands of ``mailtally`` that change something: settings and update; and the audit of these.

Limits    The modules that do it are imported inside the commands, as in app.py.
"""

from typing import Annotated

import typer

from mailtally_collector.query_cli.choices import CollectionOption
from mailtally_collector.query_cli.command import command
from mailtally_collector.query_cli.options import Connection, Output, Zone

# ruff: noqa: PLC0415 -- see Limits above

Servers = Annotated[
    list[str] | None,
    typer.Option("--server", metavar="NAME", help="Only this mail server. May be repeated."),
]
settings = typer.Typer(
    help="How logs are collected: continuously, at an interval, or on command only.",
    epilog="Example:\n\nmailtally settings set --collection interval --every 6h",
)


@settings.callback(invoke_without_command=True)
@command
def show_all(*, context: typer.Context, connection: Connection, zone: Zone, output: Output) -> None:
    """How logs are collected; without a command: show it, for the fleet and every server."""
    if context.invoked_subcommand is not None:
        given = (context.get_parameter_source(name) for name in context.params)
        if any(source is not None and source.name == "COMMANDLINE" for source in given):
            raise typer.BadParameter(f"options stand behind {context.invoked_subcommand}")
    else:
        from mailtally_collector.query_cli import settings as show_settings
        from mailtally_collector.query_cli.time_range import chosen_zone

        show_settings.show(connection, chosen_zone(zone.time_zone), output, ())


@settings.command(epilog="Example:\n\nmailtally settings show --server mx1 --json")
@command
def show(*, connection: Connection, zone: Zone, output: Output, server: Servers = None) -> None:
    """Show what holds for the fleet and for servers, and whether their agents follow it."""
    from mailtally_collector.query_cli import settings as show_settings
    from mailtally_collector.query_cli.time_range import chosen_zone

    show_settings.show(connection, chosen_zone(zone.time_zone), output, server or ())


@settings.command(
    "set",
    epilog="Examples:\n\n"
    "mailtally settings set --collection interval --every 6h\n\n"
    "mailtally settings set --collection off --server mx1",
)
@command
def set_them(
    *,
    connection: Connection,
    zone: Zone,
    output: Output,
    collection: Annotated[
        CollectionOption, typer.Option("--collection", help="How logs are to be collected.")
    ],
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="LENGTH", help="The interval, from 1h to 24h."),
    ] = None,
    server: Servers = None,
) -> None:
    """Change what holds for the fleet, or for servers of their own; agents follow at once."""
    from mailtally_collector.query_cli import settings as show_settings
    from mailtally_collector.query_cli.time_range import chosen_zone

    wanted = show_settings.Wanted(server or (), collection, every)
    show_settings.change(connection, chosen_zone(zone.time_zone), output, wanted)


@settings.command(epilog="Example:\n\nmailtally settings clear --server mx1")
@command
def clear(
    *,
    connection: Connection,
    zone: Zone,
    output: Output,
    server: Annotated[
        list[str],
        typer.Option("--server", metavar="NAME", help="This mail server. May be repeated."),
    ],
) -> None:
    """Let the fleet's settings hold for servers that have settings of their own."""
    from mailtally_collector.query_cli import settings as show_settings
    from mailtally_collector.query_cli.time_range import chosen_zone

    show_settings.clear(connection, chosen_zone(zone.time_zone), output, server)


@command
def update(
    *,
    connection: Connection,
    output: Output,
    server: Servers = None,
    wait: Annotated[
        int,
        typer.Option("--wait", metavar="SECONDS", min=1, max=3600, help="How long to wait."),
    ] = 60,
) -> None:
    """Have logs read up to now, whatever the settings say, and wait until all is stored."""
    from mailtally_collector.query_cli import update as run_update

    run_update.run(connection, output, server or (), wait)


@command
def audit(
    *,
    connection: Connection,
    zone: Zone,
    output: Output,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many entries.")
    ] = 50,
    page_token: Annotated[
        str,
        typer.Option("--page-token", metavar="TOKEN", help="Go on where a listing ended."),
    ] = "",
) -> None:
    """List who changed settings or asked for an update, the newest first."""
    from mailtally_collector.query_cli import audit as show_audit
    from mailtally_collector.query_cli.time_range import chosen_zone

    show_audit.show(connection, chosen_zone(zone.time_zone), output, limit, page_token)


def add_to(app: typer.Typer) -> None:
    """Give the commands to the application."""
    app.add_typer(settings, name="settings")
    app.command(epilog="Examples:\n\nmailtally update\n\nmailtally update --server mx1")(update)
    app.command(epilog="Example:\n\nmailtally audit --limit 10")(audit)
