"""``mailtally unknown``: replies that no rule knows, and the draft of a rule for one."""

import sys

import typer

from mailtally.v1 import query_pb2
from mailtally_collector.classify.draft_rule import draft_rule
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.empty import why_empty
from mailtally_collector.query_cli.export import Record, write_csv, write_document
from mailtally_collector.query_cli.filter import Question
from mailtally_collector.query_cli.gap_words import coverage_line, coverage_record
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, decoded, open_screen
from mailtally_collector.query_cli.terms import smtp_code
from mailtally_collector.query_cli.time_range import iso, moment_of, shown

NAMES = (
    "id",
    "count",
    "smtp_code",
    "provider",
    "filter",
    "first_seen",
    "last_seen",
    "template",
    "sample",
)
COLUMNS = (
    Column("Id", right=True),
    Column("Count", right=True),
    Column("SMTP code"),
    Column("Provider"),
    Column("First seen"),
    Column("Last seen"),
    Column("Reply"),
)
ALL = 1000


def show(connection: Connection, asked: Question, output: Output, limit: int) -> None:
    """Ask and write. Raises typer.Exit and typer.BadParameter as ``collector`` does."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    request = query_pb2.ListUnknownRepliesRequest(filter=asked.filter(), limit=limit)
    with collector(connection) as stub:
        answer = stub.ListUnknownReplies(request, timeout=connection.timeout)
        what = "no reply that no rule knows"
        why = "" if answer.replies else why_empty(stub, asked, connection.timeout, what)
    records = [_record(reply, asked) for reply in answer.replies]
    match form:
        case Form.JSON:
            covered = coverage_record(answer.coverage, asked.zone)
            write_document({"total": answer.total, "replies": records, "coverage": covered})
        case Form.CSV:
            write_csv(NAMES, records)
        case Form.TEXT:
            if why:
                screen.line(Cell(why))
            else:
                _draw(screen, answer, asked)
            why = ""
    screen.remark(coverage_line(answer.coverage, asked.zone), form)
    if why:
        screen.note(why)


def draft(connection: Connection, asked: Question, template_id: int) -> None:
    """Write a rule for one reply. Raises typer.BadParameter for an id that is not there."""
    request = query_pb2.ListUnknownRepliesRequest(filter=asked.filter(), limit=ALL)
    with collector(connection) as stub:
        answer = stub.ListUnknownReplies(request, timeout=connection.timeout)
    for reply in answer.replies:
        if reply.id == template_id:
            template, sample = decoded(reply.template), decoded(reply.sample)
            sys.stdout.write(draft_rule(template, sample, reply.filter or reply.provider))
            return
    raise typer.BadParameter(
        f"no unknown reply {template_id} among {asked.words()}; mailtally unknown lists them",
        param_hint="--draft",
    )


def _record(reply: query_pb2.UnknownReply, asked: Question) -> Record:
    return {
        "id": reply.id,
        "count": reply.count,
        "smtp_code": smtp_code(reply.reply_code, reply.enhanced_status),
        "provider": reply.provider or None,
        "filter": reply.filter or None,
        "first_seen": iso(moment_of(reply, "first_seen", asked.zone)),
        "last_seen": iso(moment_of(reply, "last_seen", asked.zone)),
        "template": decoded(reply.template),
        "sample": decoded(reply.sample),
    }


def _draw(screen: Screen, answer: query_pb2.ListUnknownRepliesResponse, asked: Question) -> None:
    rows = [
        [
            Cell(str(reply.id)),
            Cell(str(reply.count)),
            Cell(smtp_code(reply.reply_code, reply.enhanced_status) or "-", "bold"),
            Cell(reply.filter or reply.provider or "-"),
            Cell(shown(moment_of(reply, "first_seen", asked.zone))),
            Cell(shown(moment_of(reply, "last_seen", asked.zone))),
            Cell(decoded(reply.template or reply.sample)),
        ]
        for reply in answer.replies
    ]
    screen.table(Table(COLUMNS, rows))
    listed = sum(reply.count for reply in answer.replies)
    screen.line()
    screen.line(Cell(f"{listed} of {answer.total} recipients with replies that no rule knows."))
    screen.note("mailtally unknown --draft ID writes the beginning of a rule.")
