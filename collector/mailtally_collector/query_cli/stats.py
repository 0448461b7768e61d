"""``mailtally stats``: recipients by state, in total and over time."""

from datetime import datetime

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.choices import BucketOption, Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.empty import why_empty
from mailtally_collector.query_cli.export import Record, write_csv, write_document
from mailtally_collector.query_cli.filter import Question
from mailtally_collector.query_cli.gap_words import coverage_line, coverage_record
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, open_screen
from mailtally_collector.query_cli.terms import percent, state_style, term
from mailtally_collector.query_cli.time_range import iso, moment_of, shown
from mailtally_collector.terms import Bucket, DeliveryState, TimeBasis

FINISHED_STATES = ("delivered", "bounced", "expired", "discarded", "removed")
STATES = (*FINISHED_STATES, "held", "pending")
COUNTS = ("sent", *STATES, "messages")


def finished(counts: query_pb2.Counts) -> int:
    """Recipients with nothing to come: neither pending nor held."""
    return sum(getattr(counts, state) for state in FINISHED_STATES)


def failed(counts: query_pb2.Counts) -> int:
    """Recipients that the bounce rate counts: bounced and expired."""
    return counts.bounced + counts.expired


def show(connection: Connection, asked: Question, output: Output, bucket: BucketOption) -> None:
    """Ask and write. Raises typer.Exit and typer.BadParameter as ``collector`` does."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    name = "UNSPECIFIED" if bucket is BucketOption.AUTO else bucket.name
    request = query_pb2.SummaryRequest(
        filter=asked.filter(),
        bucket=query_pb2.Bucket.Value(f"BUCKET_{name}"),
        time_zone=asked.zone.key,
    )
    with collector(connection) as stub:
        answer = stub.Summary(request, timeout=connection.timeout)
        why = "" if answer.total.sent else why_empty(stub, asked, connection.timeout)
    series = [(moment_of(part, "start", asked.zone), part.counts) for part in answer.buckets]
    match form:
        case Form.JSON:
            write_document(_document(answer, asked))
        case Form.CSV:
            write_csv(("start", *COUNTS), [_record(start, counts) for start, counts in series])
        case Form.TEXT:
            if why:
                screen.line(Cell(why))
            else:
                _draw(screen, answer, asked)
            why = ""
    screen.remark(coverage_line(answer.coverage, asked.zone), form)
    if why:
        screen.note(why)


def _record(start: datetime | None, counts: query_pb2.Counts) -> Record:
    return {"start": iso(start)} | {name: getattr(counts, name) for name in COUNTS}


def _document(answer: query_pb2.SummaryResponse, asked: Question) -> dict[str, object]:
    total, done = answer.total, finished(answer.total)
    return {
        "start": iso(moment_of(answer, "start", asked.zone) or asked.start),
        "end": iso(moment_of(answer, "end", asked.zone) or asked.end),
        "time_zone": asked.zone.key,
        "time_basis": term(TimeBasis, asked.filter().time_basis),
        "newest_line": iso(moment_of(answer, "newest_line", asked.zone)),
        "total": {name: getattr(total, name) for name in COUNTS}
        | {
            "finished": done,
            "delivered_rate": total.delivered / done if done else None,
            "bounce_rate": failed(total) / done if done else None,
        },
        "bucket": term(Bucket, answer.bucket),
        "buckets": [
            _record(moment_of(part, "start", asked.zone), part.counts) for part in answer.buckets
        ],
        "coverage": coverage_record(answer.coverage, asked.zone),
    }


def _draw(screen: Screen, answer: query_pb2.SummaryResponse, asked: Question) -> None:
    total, done = answer.total, finished(answer.total)
    words = asked.words()
    screen.line(Cell(words[0].upper() + words[1:]))
    screen.line()
    rows = [[Cell("sent"), Cell(str(total.sent)), Cell("")]]
    for state in STATES:
        count = getattr(total, state)
        share = percent(count, done) if state in FINISHED_STATES else ""
        style = state_style(DeliveryState[state.upper()]) if count else ""
        rows.append([Cell(state, style), Cell(str(count)), Cell(share)])
    columns = (Column("State"), Column("Recipients", right=True), Column("Of finished", right=True))
    screen.table(Table(columns, rows))
    screen.line()
    screen.line(Cell(f"Messages     {total.messages}"))
    screen.line(Cell(f"Finished     {done} recipients"))
    screen.line(Cell(f"Delivered    {percent(total.delivered, done)} of finished"))
    screen.line(Cell(f"Bounced      {percent(failed(total), done)} of finished (with expired)"))
    newest = moment_of(answer, "newest_line", asked.zone)
    screen.line(Cell(f"Newest line  {shown(newest)}"))
    if answer.buckets:
        screen.line()
        _draw_series(screen, answer, asked)


def _draw_series(screen: Screen, answer: query_pb2.SummaryResponse, asked: Question) -> None:
    names = ("sent", *STATES)
    columns = [Column(f"Per {term(Bucket, answer.bucket)}")]
    columns += [Column(name.capitalize(), right=True) for name in names]
    rows = []
    for part in answer.buckets:
        start = Cell(shown(moment_of(part, "start", asked.zone)))
        rows.append([start, *(Cell(str(getattr(part.counts, name))) for name in names)])
    screen.table(Table(columns, rows))
