"""``mailtally by``: the same counts for each server, domain, mailbox or receiving provider."""

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.choices import CountOption, DimensionOption, Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.empty import why_empty
from mailtally_collector.query_cli.export import Record, write_csv, write_document
from mailtally_collector.query_cli.filter import Question
from mailtally_collector.query_cli.gap_words import coverage_line, coverage_record
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.stats import COUNTS
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, decoded, open_screen
from mailtally_collector.query_cli.time_range import iso, moment_of

NAMES = ("name", "title", *COUNTS, "bounce_rate", "share")
SHOWN = ("sent", "delivered", "bounced", "expired", "pending", "messages")
UNKNOWN = {DimensionOption.PROVIDER: "(in no list)"}


def show(
    connection: Connection,
    asked: Question,
    output: Output,
    dimension: DimensionOption,
    *,
    sort: CountOption,
    limit: int,
) -> None:
    """Ask and write. Raises typer.Exit and typer.BadParameter as ``collector`` does."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    request = query_pb2.BreakdownRequest(
        filter=asked.filter(),
        dimension=query_pb2.Dimension.Value(f"DIMENSION_{dimension.name}"),
        order=query_pb2.CountOrder.Value(f"COUNT_ORDER_{sort.name}"),
        limit=limit,
    )
    with collector(connection) as stub:
        answer = stub.Breakdown(request, timeout=connection.timeout)
        why = "" if answer.rows else why_empty(stub, asked, connection.timeout)
    records = [_record(row) for row in answer.rows]
    match form:
        case Form.JSON:
            write_document(
                {
                    "by": dimension.value,
                    "start": iso(moment_of(answer, "start", asked.zone) or asked.start),
                    "end": iso(moment_of(answer, "end", asked.zone) or asked.end),
                    "rows_total": answer.rows_total,
                    "total": _counts(answer.total) | {"bounce_rate": _rate(answer)},
                    "rows": records,
                    "coverage": coverage_record(answer.coverage, asked.zone),
                }
            )
        case Form.CSV:
            write_csv(NAMES, records)
        case Form.TEXT:
            if why:
                screen.line(Cell(why))
            else:
                _draw(screen, answer, dimension, sort)
            why = ""
    screen.remark(coverage_line(answer.coverage, asked.zone), form)
    if why:
        screen.note(why)


def _counts(counts: query_pb2.Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in COUNTS}


def _rate(row: query_pb2.BreakdownRow | query_pb2.BreakdownResponse) -> float | None:
    return row.bounce_rate if row.HasField("bounce_rate") else None


def _record(row: query_pb2.BreakdownRow) -> Record:
    """Keys NAMES; the name is None for what is not known and empty for the null sender."""
    return {
        "name": None if row.unknown else decoded(row.name),
        "title": row.title or None,
        **_counts(row.counts),
        "bounce_rate": _rate(row),
        "share": row.share,
    }


def _draw(
    screen: Screen,
    answer: query_pb2.BreakdownResponse,
    dimension: DimensionOption,
    sort: CountOption,
) -> None:
    shown = [*SHOWN]
    if sort.value not in SHOWN and sort is not CountOption.FAILED:
        shown.append(sort.value)
    if dimension is DimensionOption.PROVIDER:
        shown.remove("messages")
    columns = [Column(dimension.value.capitalize())]
    columns += [Column(name.capitalize(), right=True) for name in shown]
    columns += [Column("Bounce rate", right=True), Column(f"Of all {sort.value}", right=True)]
    rows = [
        [
            Cell(_name(row, dimension)),
            *(Cell(str(getattr(row.counts, name))) for name in shown),
            Cell(_percent(_rate(row))),
            Cell(_percent(row.share)),
        ]
        for row in answer.rows
    ]
    rows.append(
        [
            Cell("Total", "bold"),
            *(Cell(str(getattr(answer.total, name)), "bold") for name in shown),
            Cell(_percent(_rate(answer)), "bold"),
            Cell(""),
        ]
    )
    screen.table(Table(columns, rows))
    if len(answer.rows) < answer.rows_total:
        screen.line()
        screen.line(Cell(f"{len(answer.rows)} of {answer.rows_total} rows; the total is of all."))


def _name(row: query_pb2.BreakdownRow, dimension: DimensionOption) -> str:
    if row.unknown:
        return UNKNOWN.get(dimension, "(sender not seen)")
    return row.title or decoded(row.name) or "<>"


def _percent(part: float | None) -> str:
    return "-" if part is None else f"{100 * part:.1f} %"
