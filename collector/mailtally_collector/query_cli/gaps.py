"""``mailtally gaps``: lines that logs had and that were not read, or may not have been."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import typer

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.empty import NO_AGENT
from mailtally_collector.query_cli.export import write_csv, write_document
from mailtally_collector.query_cli.gap_words import cause, gap_record, hours_record
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, open_screen
from mailtally_collector.query_cli.time_range import (
    iso,
    moment_of,
    parse_moment,
    parse_range,
    shown,
)

NAMES = ("server", "start", "end", "cause", "certain", "lost_lines", "source", "reported")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which gaps: of these servers, or all; ``last``, ``start`` and ``end`` as they were given."""

    servers: Sequence[str]
    last: str | None
    start: str | None
    end: str | None
    limit: int

    def request(self, zone: ZoneInfo, now: datetime) -> query_pb2.ListGapsRequest:
        """The contract's form of it. Raises typer.BadParameter for times that cannot be read."""
        if self.last and self.start:
            raise typer.BadParameter("--range and --from exclude each other", param_hint="--range")
        wire = query_pb2.ListGapsRequest(servers=self.servers, limit=self.limit)
        end = parse_moment(self.end, zone, "--to") if self.end else None
        try:
            start = parse_moment(self.start, zone, "--from") if self.start else None
            if self.last:
                start = (end or now).astimezone(UTC) - parse_range(self.last)
            for moment, field in ((start, wire.start), (end, wire.end)):
                if moment is not None:
                    field.FromDatetime(moment.astimezone(UTC))
        except OverflowError:
            raise typer.BadParameter("the range leaves the calendar") from None
        return wire


def show(connection: Connection, zone: ZoneInfo, output: Output, wanted: Wanted) -> None:
    """Ask and write. Raises typer.Exit and typer.BadParameter as ``collector`` does."""
    form = output.form()
    request = wanted.request(zone, datetime.now(UTC))
    screen = open_screen(output.color, quiet=output.quiet)
    with collector(connection) as stub:
        answer = stub.ListGaps(request, timeout=connection.timeout)
        why = ""
        if not answer.gaps:
            listed = stub.ListServers(query_pb2.ListServersRequest(), timeout=connection.timeout)
            why = _why({server.name for server in listed.servers}, wanted.servers)
    records = [gap_record(gap, zone) for gap in answer.gaps]
    match form:
        case Form.JSON:
            write_document(
                {
                    "hours": hours_record(answer.coverage),
                    "newest_line": iso(moment_of(answer.coverage, "newest_line", zone)),
                    "gaps_total": answer.gaps_total,
                    "gaps": records,
                }
            )
        case Form.CSV:
            write_csv(NAMES, records)
        case Form.TEXT:
            _draw(screen, answer, zone)
            if why:
                screen.line(Cell(why))
            why = ""
    if why:
        screen.note(why)
    if len(answer.gaps) < answer.gaps_total:
        screen.note(f"{len(answer.gaps)} of {answer.gaps_total} gaps are shown; see --limit.")


def _why(known: set[str], asked: Sequence[str]) -> str:
    """Say why there is no gap."""
    if not known:
        return NO_AGENT
    unknown = [name for name in asked if name not in known]
    if unknown:
        names = ", ".join(sorted(known))
        return f"no server of the name {' or '.join(unknown)} has reported; known are {names}"
    return "no gap was reported"


def _draw(screen: Screen, answer: query_pb2.ListGapsResponse, zone: ZoneInfo) -> None:
    if answer.gaps:
        columns = (
            *(Column("Server"), Column("From"), Column("To"), Column("Lines")),
            *(Column("Lost", right=True), Column("Why"), Column("Log")),
        )
        rows = [
            [
                Cell(gap.server),
                Cell(shown(moment_of(gap, "start", zone))),
                Cell(shown(moment_of(gap, "end", zone))),
                Cell("missing", "red") if gap.certain else Cell("maybe missing", "yellow"),
                Cell(str(gap.lost_lines or "-")),
                Cell(cause(gap)),
                Cell(gap.source or "-"),
            ]
            for gap in answer.gaps
        ]
        screen.table(Table(columns, rows))
        screen.line()
    hours = hours_record(answer.coverage)
    if sum(hours.values()):
        words = (f"{count} {name.removeprefix('hours_')}" for name, count in hours.items())
        screen.line(Cell(f"Hours by server: {', '.join(words).replace('_', ' ')}"))
