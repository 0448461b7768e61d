"""``mailtally events --follow``: new error events as the collector stores them, until Ctrl-C."""

import csv
import sys

import typer

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import EXIT_UNREACHABLE, collector
from mailtally_collector.query_cli.event_rows import NAMES, line, record
from mailtally_collector.query_cli.export import csv_cell, write_json_lines
from mailtally_collector.query_cli.filter import Question
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.stream import SilenceError, parts_of
from mailtally_collector.query_cli.terminal import open_screen

# The collector says something every 10 s.
SILENCE_SECONDS = 35.0


def show(connection: Connection, asked: Question, output: Output) -> None:
    """Ask and write until the caller leaves. Raises typer.Exit as ``collector`` does.

    Ends with exit code 3 when the collector stops or falls silent.
    """
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    wire = asked.filter()
    wire.ClearField("start")
    wire.ClearField("end")
    rows = csv.writer(sys.stdout)
    if form is Form.CSV:
        rows.writerow(NAMES)
        sys.stdout.flush()
    has_begun = False
    with collector(connection) as stub:
        call = stub.TailEvents(query_pb2.TailEventsRequest(filter=wire))
        try:
            for part in parts_of(call, SILENCE_SECONDS):
                if not has_begun:
                    has_begun = True
                    screen.note("Following new events; end with Ctrl-C.")
                for event in part.events:
                    match form:
                        case Form.JSON:
                            write_json_lines([record(event, asked.zone)])
                        case Form.CSV:
                            told = record(event, asked.zone)
                            rows.writerow([csv_cell(told[name]) for name in NAMES])
                        case Form.TEXT:
                            line(screen, event, asked.zone)
                sys.stdout.flush()
        except SilenceError:
            sys.stderr.write(
                f"mailtally: the collector at {connection.collector} said nothing for"
                f" {SILENCE_SECONDS:g} s; the connection is dead\n"
            )
            raise typer.Exit(EXIT_UNREACHABLE) from None
