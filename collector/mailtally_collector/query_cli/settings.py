"""``mailtally settings``: how logs are collected, of the fleet and of servers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import typer

from mailtally.v1 import control_pb2
from mailtally_collector.query_cli.choices import CollectionOption, Form
from mailtally_collector.query_cli.client import control
from mailtally_collector.query_cli.export import Value, write_csv, write_document
from mailtally_collector.query_cli.lengths import collection, parse_seconds
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, open_screen
from mailtally_collector.query_cli.time_range import iso, moment_of, shown

FLEET = "fleet"
NAMES = (
    *("server", "own", "enabled", "interval_seconds", "revision", "changed", "changed_by"),
    "agent_revision",
)
Fleet = control_pb2.CollectionSettings
Servers = Iterable[control_pb2.ServerSettings]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be set, and for whom; nobody named: for the fleet."""

    servers: Sequence[str]
    collection: CollectionOption
    every: str | None

    def request(self) -> control_pb2.UpdateSettingsRequest:
        """Put the request together. Raises typer.BadParameter for what does not fit together."""
        request = control_pb2.UpdateSettingsRequest(servers=self.servers)
        request.enabled = self.collection is not CollectionOption.OFF
        if (self.collection is CollectionOption.INTERVAL) != (self.every is not None):
            raise typer.BadParameter("--collection interval and --every need each other")
        if self.every is not None:
            request.interval_seconds = parse_seconds(self.every, "--every")
        elif self.collection is CollectionOption.CONTINUOUS:
            request.interval_seconds = 0
        return request


def show(connection: Connection, zone: ZoneInfo, output: Output, servers: Sequence[str]) -> None:
    """Ask and write."""
    request = control_pb2.GetSettingsRequest(servers=servers)
    with control(connection) as stub:
        answer = stub.GetSettings(request, timeout=connection.timeout)
    _write(answer.fleet, answer.servers, zone, output)


def change(connection: Connection, zone: ZoneInfo, output: Output, wanted: Wanted) -> None:
    """Set, and write what holds then."""
    request = wanted.request()
    with control(connection) as stub:
        answer = stub.UpdateSettings(request, timeout=connection.timeout)
    _write(None if wanted.servers else answer.fleet, answer.servers, zone, output)


def clear(connection: Connection, zone: ZoneInfo, output: Output, servers: Sequence[str]) -> None:
    """Clear, and write what holds then."""
    request = control_pb2.ClearSettingsRequest(servers=servers)
    with control(connection) as stub:
        answer = stub.ClearSettings(request, timeout=connection.timeout)
    _write(None, answer.servers, zone, output)


def _write(fleet: Fleet | None, servers: Servers, zone: ZoneInfo, output: Output) -> None:
    form = output.form()
    of_servers = [_of_server(server, zone) for server in servers]
    match form:
        case Form.JSON:
            whole = {} if fleet is None else {"fleet": _values(fleet, zone)}
            write_document({**whole, "servers": of_servers})
        case Form.CSV:
            nobody: dict[str, Value] = {"server": None, "own": None, "agent_revision": None}
            first = [] if fleet is None else [nobody | _values(fleet, zone)]
            write_csv(NAMES, [*first, *of_servers])
        case Form.TEXT:
            screen = open_screen(output.color, quiet=output.quiet)
            _draw(screen, fleet, servers, zone)


def _values(settings: control_pb2.CollectionSettings, zone: ZoneInfo) -> dict[str, Value]:
    return {
        "enabled": settings.enabled,
        "interval_seconds": settings.interval_seconds,
        "revision": settings.revision,
        "changed": iso(moment_of(settings, "changed", zone)),
        "changed_by": settings.changed_by,
    }


def _of_server(server: control_pb2.ServerSettings, zone: ZoneInfo) -> dict[str, Value]:
    return {
        "server": server.server,
        "own": server.own,
        **_values(server.settings, zone),
        "agent_revision": server.agent_revision,
    }


def _draw(screen: Screen, fleet: Fleet | None, servers: Servers, zone: ZoneInfo) -> None:
    columns = [Column("Server"), Column("Collection"), Column("Set for"), Column("Agent")]
    columns += [Column("Changed"), Column("By")]
    rows = []
    if fleet is not None:
        rows.append([Cell(FLEET, "bold"), *_cells(fleet, Cell(FLEET), Cell("-"), zone)])
    for server in servers:
        follows = server.agent_revision == server.settings.revision
        rows.append(
            [
                Cell(server.server),
                *_cells(
                    server.settings,
                    Cell("server" if server.own else FLEET),
                    Cell("follows", "green") if follows else Cell("not yet", "yellow"),
                    zone,
                ),
            ]
        )
    screen.table(Table(columns, rows))


def _cells(
    settings: control_pb2.CollectionSettings, scope: Cell, agent: Cell, zone: ZoneInfo
) -> list[Cell]:
    how = collection(enabled=settings.enabled, interval_seconds=settings.interval_seconds)
    return [
        Cell(how),
        scope,
        agent,
        Cell(shown(moment_of(settings, "changed", zone))),
        Cell(settings.changed_by or "-"),
    ]
