"""``mailtally trace``: the life of messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import typer

from mailtally.v1 import query_pb2, record_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.empty import NO_AGENT
from mailtally_collector.query_cli.export import write_csv, write_document
from mailtally_collector.query_cli.gap_words import gap_line, gap_record
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, open_screen
from mailtally_collector.query_cli.trace_block import draw
from mailtally_collector.query_cli.trace_records import NAMES, document, records


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages; empty does not restrict, but one of the first three is required."""

    queue_id: str
    message_id: str
    recipient: str
    servers: Sequence[str]
    limit: int
    canaries: bool = False

    def words(self) -> str:
        """``queue id 3F2A, server mx1``."""
        named = {
            "queue id": self.queue_id,
            "message id": self.message_id,
            "recipient": self.recipient,
            "server": " or ".join(self.servers),
        }
        return ", ".join(f"{name} {value}" for name, value in named.items() if value)


def show(connection: Connection, zone: ZoneInfo, output: Output, wanted: Wanted) -> None:
    """Ask and write. Raises typer.Exit and typer.BadParameter as ``collector`` does."""
    form = output.form()
    if not (wanted.queue_id or wanted.message_id or wanted.recipient):
        raise typer.BadParameter("give a QUEUE_ID, --message-id or --recipient")
    screen = open_screen(output.color, quiet=output.quiet)
    request = query_pb2.TraceMessageRequest(
        queue_id=wanted.queue_id,
        message_id=wanted.message_id,
        recipient=wanted.recipient,
        servers=wanted.servers,
        limit=wanted.limit,
        traffic_classes=record_pb2.TrafficClass.values() if wanted.canaries else (),
    )
    with collector(connection) as stub:
        answer = stub.TraceMessage(request, timeout=connection.timeout)
        why = ""
        if not answer.messages:
            known = stub.ListServers(query_pb2.ListServersRequest(), timeout=connection.timeout)
            why = f"no message with {wanted.words()} is stored" if known.servers else NO_AGENT
    match form:
        case Form.JSON:
            messages = [document(found, zone) for found in answer.messages]
            gaps = [gap_record(gap, zone) for gap in answer.gaps]
            write_document(
                {"messages": messages, "families_cut": answer.families_cut, "gaps": gaps}
            )
        case Form.CSV:
            write_csv(NAMES, (line for found in answer.messages for line in records(found, zone)))
        case Form.TEXT:
            for number, found in enumerate(answer.messages):
                if number:
                    screen.line()
                draw(screen, found, zone)
            if why:
                screen.line(Cell(why))
            why = ""
    screen.remark(gap_line(answer.gaps, 0, zone), form)
    if why:
        screen.note(why)
    elif sum(message.found for message in answer.messages) == wanted.limit:
        screen.note(f"Only the newest {wanted.limit} messages are shown; see --limit.")
    if answer.families_cut:
        screen.note("Some messages that these led to are not shown; trace one of them.")
