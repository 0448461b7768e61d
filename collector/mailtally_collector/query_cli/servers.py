"""``mailtally servers``: the mail servers whose agents have reported."""

from zoneinfo import ZoneInfo

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.empty import NO_AGENT
from mailtally_collector.query_cli.export import Record, write_csv, write_document
from mailtally_collector.query_cli.lengths import collection, length
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, open_screen
from mailtally_collector.query_cli.time_range import iso, moment_of, shown

COUNTS = (
    "lines_read",
    "lines_unparsed",
    "lines_oversize",
    "backlog_bytes",
    "open_messages",
    "gaps",
    "records_stored",
    "records_quarantined",
    "records_too_old",
    "gaps_known",
    "gaps_suspected",
)
# In the table, one column stands for what was reported of gaps.
SHOWN = tuple(name for name in COUNTS if not name.startswith("gaps"))
NAMES = (
    "name",
    "agent_version",
    "connected",
    "last_seen",
    "newest_line",
    "oldest_line",
    *COUNTS,
    "stale",
    "stale_since",
    "collection_enabled",
    "collection_interval_seconds",
    "lag_seconds",
)


def show(connection: Connection, zone: ZoneInfo, output: Output) -> None:
    """Ask and write. Raises typer.Exit and typer.BadParameter as ``collector`` does."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    with collector(connection) as stub:
        answer = stub.ListServers(query_pb2.ListServersRequest(), timeout=connection.timeout)
    records = [record(server, zone) for server in answer.servers]
    match form:
        case Form.JSON:
            write_document({"servers": records})
        case Form.CSV:
            write_csv(NAMES, records)
        case Form.TEXT:
            if not records:
                screen.line(Cell(NO_AGENT))
                return
            _draw(screen, answer, zone)
    if not records:
        screen.note(NO_AGENT)


def record(server: query_pb2.Server, zone: ZoneInfo) -> Record:
    """One server for programs."""
    counts: Record = {name: getattr(server, name) for name in COUNTS}
    return {
        "name": server.name,
        "agent_version": server.agent_version,
        "connected": server.connected,
        "last_seen": iso(moment_of(server, "last_seen", zone)),
        "newest_line": iso(moment_of(server, "newest_line", zone)),
        "oldest_line": iso(moment_of(server, "oldest_line", zone)),
        **counts,
        "stale": server.stale,
        "stale_since": iso(moment_of(server, "stale_since", zone)),
        "collection_enabled": server.collection_enabled,
        "collection_interval_seconds": server.collection_interval_seconds,
        "lag_seconds": server.lag_seconds,
    }


def _draw(screen: Screen, answer: query_pb2.ListServersResponse, zone: ZoneInfo) -> None:
    columns = [
        Column("Server"),
        Column("Agent"),
        Column("Connected"),
        Column("Collection"),
        Column("Lag", right=True),
        Column("Last seen"),
        Column("Newest line"),
    ]
    columns += [Column(name.replace("_", " ").capitalize(), right=True) for name in SHOWN]
    columns.append(Column("Gaps"))
    rows = [
        [
            Cell(server.name),
            Cell(server.agent_version or "-"),
            _condition(server),
            Cell(
                collection(
                    enabled=server.collection_enabled,
                    interval_seconds=server.collection_interval_seconds,
                )
            ),
            Cell(length(server.lag_seconds) if server.lag_seconds else "-"),
            Cell(shown(moment_of(server, "last_seen", zone))),
            Cell(shown(moment_of(server, "newest_line", zone))),
            *(Cell(str(getattr(server, name))) for name in SHOWN),
            _gaps(server),
        ]
        for server in answer.servers
    ]
    screen.table(Table(columns, rows))


def _gaps(server: query_pb2.Server) -> Cell:
    """How many gaps of its log were reported."""
    counts = {"known": server.gaps_known, "suspected": server.gaps_suspected}
    words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return Cell(words or "-", "red" if server.gaps_known else "yellow" if words else "")


def _condition(server: query_pb2.Server) -> Cell:
    """Say in a word whether the agent is there, and whether that lasts too long."""
    if server.stale:
        return Cell(server.stale, "red")
    return Cell("yes", "green") if server.connected else Cell("no", "red")
