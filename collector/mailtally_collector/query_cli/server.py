"""``mailtally server NAME``: one mail server, with all that its agent told last."""

from zoneinfo import ZoneInfo

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.export import write_document
from mailtally_collector.query_cli.lengths import collection, length, size
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.servers import COUNTS, record
from mailtally_collector.query_cli.terminal import Cell, Screen, decoded, open_screen
from mailtally_collector.query_cli.time_range import iso, moment_of, shown

WIDTH = 22
# Clocks that differ by less than this are the way to the collector.
SKEW_SECONDS = 5


def show(connection: Connection, zone: ZoneInfo, output: Output, name: str) -> None:
    """Ask and write. Raises typer.Exit(2) when there is no such server."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    request = query_pb2.GetServerRequest(name=name)
    with collector(connection) as stub:
        answer = stub.GetServer(request, timeout=connection.timeout)
    if form is Form.TEXT:
        _draw(screen, answer, zone)
    else:
        write_document(_document(answer, zone))


def _document(answer: query_pb2.GetServerResponse, zone: ZoneInfo) -> dict[str, object]:
    return {
        **record(answer.server, zone),
        "settings_revision": answer.settings_revision,
        "agent_settings_revision": answer.agent_settings_revision,
        "next_collection": iso(moment_of(answer, "next_collection", zone)),
        "clock_skew_seconds": round(answer.clock_skew_us / 1_000_000, 3),
        "reported": iso(moment_of(answer, "reported", zone)),
        "oldest_line": iso(moment_of(answer, "oldest_line", zone)),
        "unparsed_samples": [
            {"daemon": one.daemon, "line": decoded(one.line)} for one in answer.unparsed_samples
        ],
        "oldest_open_messages": [
            {
                "instance": one.instance,
                "queue_id": one.queue_id,
                "arrival": iso(moment_of(one, "arrival", zone)),
            }
            for one in answer.oldest_open_messages
        ],
        "sources": [
            {
                "name": one.name,
                "newest_line": iso(moment_of(one, "newest_line", zone)),
                "backlog_bytes": one.backlog_bytes,
                "problem": one.problem,
            }
            for one in answer.sources
        ],
    }


def _draw(screen: Screen, answer: query_pb2.GetServerResponse, zone: ZoneInfo) -> None:
    server = answer.server

    def line(title: str, text: str, style: str = "") -> None:
        screen.line(Cell(title.ljust(WIDTH), "bold"), Cell(text, style))

    line("Server", server.name)
    line("Agent", server.agent_version or "-")
    condition = server.stale or ("yes" if server.connected else "no")
    line("Connected", condition, "green" if condition == "yes" else "red")
    line("Last seen", shown(moment_of(server, "last_seen", zone)))
    how = collection(
        enabled=server.collection_enabled, interval_seconds=server.collection_interval_seconds
    )
    follows = answer.settings_revision == answer.agent_settings_revision
    line("Collection", how if follows else f"{how}, which its agent does not follow yet")
    if answer.HasField("next_collection"):
        line("Next collection", shown(moment_of(answer, "next_collection", zone)))
    line("Lag", length(server.lag_seconds) if server.lag_seconds else "none")
    line("Backlog", size(server.backlog_bytes))
    skew = answer.clock_skew_us / 1_000_000
    words = f"{length(abs(skew))} {'ahead' if skew > 0 else 'behind'}"
    is_off = abs(skew) >= SKEW_SECONDS
    line("Clock", words if is_off else "right", "yellow" if is_off else "")
    line("Oldest line", shown(moment_of(answer, "oldest_line", zone)))
    line("Newest line", shown(moment_of(server, "newest_line", zone)))
    for name in COUNTS:
        if name != "backlog_bytes":
            line(name.replace("_", " ").capitalize(), str(getattr(server, name)))
    _draw_lists(screen, answer, zone)


def _draw_lists(screen: Screen, answer: query_pb2.GetServerResponse, zone: ZoneInfo) -> None:
    if answer.sources:
        screen.line(Cell("Logs", "bold"))
    for source in answer.sources:
        newest = shown(moment_of(source, "newest_line", zone))
        problem = Cell(f"  {source.problem}" if source.problem else "", "red")
        screen.line(Cell(f"  {source.name}  {newest}  {size(source.backlog_bytes)} to go"), problem)
    if answer.oldest_open_messages:
        screen.line(Cell("Oldest messages in the queue", "bold"))
    for message in answer.oldest_open_messages:
        arrival = shown(moment_of(message, "arrival", zone))
        screen.line(Cell(f"  {message.queue_id}  {arrival}  {message.instance}"))
    if answer.unparsed_samples:
        screen.line(Cell("Lines that the agent could not read", "bold"))
    for sample in answer.unparsed_samples:
        screen.line(Cell(f"  {sample.daemon}  "), Cell(decoded(sample.line)))
