"""``mailtally reasons``: the most frequent causes of delivery failure."""

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.empty import why_empty
from mailtally_collector.query_cli.export import Record, write_csv, write_document
from mailtally_collector.query_cli.filter import Question
from mailtally_collector.query_cli.gap_words import coverage_line, coverage_record
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, decoded, open_screen
from mailtally_collector.query_cli.terms import smtp_code
from mailtally_collector.query_cli.time_range import iso
from mailtally_collector.query_cli.verdict import NAMES as VERDICT_NAMES
from mailtally_collector.query_cli.verdict import verdict_record

CODES_SHOWN = 3
NAMES = (
    "count",
    "share",
    "count_before",
    "smtp_code",
    "reply_code",
    "enhanced_status",
    "template",
    "sample",
    "smtp_codes",
    *VERDICT_NAMES,
)


def show(connection: Connection, asked: Question, output: Output, limit: int) -> None:
    """Ask and write. Raises typer.Exit and typer.BadParameter as ``collector`` does."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    request = query_pb2.TopReasonsRequest(filter=asked.filter(), limit=limit)
    with collector(connection) as stub:
        answer = stub.TopReasons(request, timeout=connection.timeout)
        why = (
            ""
            if answer.reasons
            else why_empty(stub, asked, connection.timeout, "no failed recipient")
        )
    records = [_record(reason) for reason in answer.reasons]
    match form:
        case Form.JSON:
            write_document(
                {
                    "start": iso(asked.start),
                    "end": iso(asked.end),
                    "total": answer.total,
                    "total_before": answer.total_before,
                    "reasons": records,
                    "coverage": coverage_record(answer.coverage, asked.zone),
                }
            )
        case Form.CSV:
            write_csv(NAMES, records)
        case Form.TEXT:
            if why:
                screen.line(Cell(why))
            else:
                _draw(screen, answer)
            why = ""
    screen.remark(coverage_line(answer.coverage, asked.zone), form)
    if why:
        screen.note(why)


def _record(reason: query_pb2.Reason) -> Record:
    return {
        "count": reason.count,
        "share": reason.share,
        "count_before": reason.count_before,
        "smtp_code": smtp_code(reason.reply_code, reason.enhanced_status),
        "reply_code": reason.reply_code or None,
        "enhanced_status": reason.enhanced_status or None,
        "template": decoded(reason.template),
        "sample": decoded(reason.sample),
        "smtp_codes": " ".join(reason.smtp_codes),
        **verdict_record(reason.verdict),
    }


def _draw(screen: Screen, answer: query_pb2.TopReasonsResponse) -> None:
    columns = (
        Column("Count", right=True),
        Column("Share", right=True),
        Column("Change", right=True),
        Column("SMTP codes"),
        Column("Reason"),
        Column("Provider"),
        Column("Advice"),
    )
    rows = [
        [
            Cell(str(reason.count)),
            Cell(f"{100 * reason.share:.1f} %"),
            Cell(_change(reason.count, reason.count_before)),
            Cell(_codes(reason), "bold"),
            Cell(reason.verdict.reason or "-"),
            Cell(reason.verdict.filter or reason.verdict.provider or "-"),
            Cell(_advice(reason)),
        ]
        for reason in answer.reasons
    ]
    screen.table(Table(columns, rows))
    listed = sum(reason.count for reason in answer.reasons)
    screen.line()
    screen.line(Cell(f"{listed} of {answer.total} failed recipients have these reasons."))
    before = answer.total_before
    screen.line(Cell(f"In the range of the same length before: {before}."))


def _change(now: int, before: int) -> str:
    """Against the range before; "new" for what did not happen then."""
    return f"{now - before:+d}" if before else "new"


def _codes(reason: query_pb2.Reason) -> str:
    """The most frequent codes, and how many more there are."""
    shown = " ".join(reason.smtp_codes[:CODES_SHOWN]) or "-"
    more = len(reason.smtp_codes) - CODES_SHOWN
    return shown + (f" +{more}" if more > 0 else "")


def _advice(reason: query_pb2.Reason) -> str:
    """What to do; for a reply that no rule knows, what it says."""
    if not reason.HasField("verdict"):
        return "No line about these recipients was seen."
    if reason.verdict.unknown:
        return decoded(reason.template or reason.sample)
    return reason.verdict.advice
