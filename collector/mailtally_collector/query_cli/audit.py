"""``mailtally audit``: who changed settings or asked for an update."""

from zoneinfo import ZoneInfo

from mailtally.v1 import control_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import control
from mailtally_collector.query_cli.export import Record, write_csv, write_document
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, Column, Table, open_screen
from mailtally_collector.query_cli.time_range import iso, moment_of, shown

NOTHING = "nothing was changed or asked for yet"
NAMES = ("time", "who", "action", "scope", "detail")


def show(
    connection: Connection, zone: ZoneInfo, output: Output, limit: int, page_token: str
) -> None:
    """Ask and write."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    request = control_pb2.ListAuditRequest(limit=limit, page_token=page_token)
    with control(connection) as stub:
        answer = stub.ListAudit(request, timeout=connection.timeout)
    match form:
        case Form.JSON:
            entries = [_record(entry, zone) for entry in answer.entries]
            write_document({"entries": entries, "next_page_token": answer.next_page_token})
        case Form.CSV:
            write_csv(NAMES, [_record(entry, zone) for entry in answer.entries])
        case Form.TEXT if answer.entries:
            columns = [Column(name.capitalize()) for name in NAMES]
            rows = [
                [
                    Cell(shown(moment_of(entry, "time", zone))),
                    *(Cell(getattr(entry, name) or "-") for name in NAMES[1:]),
                ]
                for entry in answer.entries
            ]
            screen.table(Table(columns, rows))
    if not answer.entries:
        screen.note(NOTHING)
    if answer.next_page_token:
        screen.note(f"There is more: --page-token {answer.next_page_token}")


def _record(entry: control_pb2.AuditEntry, zone: ZoneInfo) -> Record:
    return {
        "time": iso(moment_of(entry, "time", zone)),
        "who": entry.who,
        "action": entry.action,
        "scope": entry.scope,
        "detail": entry.detail,
    }
