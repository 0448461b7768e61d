"""``mailtally update``: have logs read up to now, and wait until what they hold is stored.

Shows     How far each server is: a line each on a terminal, elsewhere one when its state changes.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table as Grid
from rich.text import Text

from mailtally.v1 import control_pb2
from mailtally_collector.query_cli.choices import Form
from mailtally_collector.query_cli.client import EXIT_FAILED, EXIT_UNREACHABLE, control
from mailtally_collector.query_cli.empty import NO_AGENT
from mailtally_collector.query_cli.export import Record, write_csv, write_document
from mailtally_collector.query_cli.lengths import size
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.stream import SilenceError, parts_of
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, open_screen, visible

# The collector says something every 10 s.
SILENCE_SECONDS = 35.0
LINES_MAX = 20
NAMES = ("server", "state", "records", "backlog_bytes", "error")
WORDS = {
    control_pb2.COLLECT_STATE_WAITING: ("waiting for the agent", "yellow"),
    control_pb2.COLLECT_STATE_READING: ("reading", ""),
    control_pb2.COLLECT_STATE_DONE: ("done", "green"),
    control_pb2.COLLECT_STATE_NOT_CONNECTED: ("not connected", "red"),
    control_pb2.COLLECT_STATE_FAILED: ("failed", "red"),
    control_pb2.COLLECT_STATE_TIMED_OUT: ("not done in time", "red"),
}
Progress = control_pb2.CollectProgress
Show = Callable[[Progress, Progress | None], None]
# A newer collector may know more.
UNKNOWN = ("unknown", "red")
UNDER_WAY = (control_pb2.COLLECT_STATE_WAITING, control_pb2.COLLECT_STATE_READING)


@dataclass(slots=True)
class Board:
    """The newest progress of each server, by name."""

    servers: dict[str, Progress] = field(default_factory=dict)

    def grid(self) -> Grid:
        """Draw those that are under way, and how many are done."""
        grid = Grid.grid(padding=(0, 2))
        under_way = [one for one in self.servers.values() if one.state in UNDER_WAY]
        for one in under_way[:LINES_MAX]:
            grid.add_row(Text(visible(one.server)), Text(_said(one)))
        over = len(self.servers) - len(under_way)
        grid.add_row(Text(f"{over} of {len(self.servers)} servers"), Text(""))
        return grid


def run(connection: Connection, output: Output, servers: Sequence[str], wait: int) -> None:
    """Ask, wait and write. Raises typer.Exit(1) when a server is not done, as ``control`` else."""
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    board = Board()
    request = control_pb2.CollectNowRequest(servers=servers, wait_seconds=wait)
    with control(connection) as stub, _shown(board, quiet=output.quiet) as show:
        call = stub.CollectNow(request)
        try:
            for part in parts_of(call, SILENCE_SECONDS):
                for one in part.servers:
                    before = board.servers.get(one.server)
                    board.servers[one.server] = one
                    show(one, before)
        except SilenceError:
            sys.stderr.write(
                f"mailtally: the collector at {connection.collector} said nothing for"
                f" {SILENCE_SECONDS:g} s; the agents go on\n"
            )
            raise typer.Exit(EXIT_UNREACHABLE) from None
    found = sorted(board.servers.values(), key=lambda one: one.server)
    _write(screen, form, found)
    if any(one.state != control_pb2.COLLECT_STATE_DONE for one in found):
        raise typer.Exit(EXIT_FAILED)


@contextmanager
def _shown(board: Board, *, quiet: bool) -> Iterator[Show]:
    """Show the board on stderr while the block runs; gives what is to be told of each change."""
    if quiet:
        yield lambda _one, _before: None
    elif sys.stderr.isatty():
        console = Console(stderr=True)
        with Live(board.grid(), console=console, transient=True, refresh_per_second=4) as live:
            yield lambda _one, _before: live.update(board.grid())
    else:
        yield _tell


def _tell(one: Progress, before: Progress | None) -> None:
    """Write a line when the state is another."""
    if before is None or before.state != one.state:
        sys.stderr.write(f"{visible(one.server)}: {visible(_said(one))}\n")
        sys.stderr.flush()


def _said(one: Progress) -> str:
    """Say in words how far a server is."""
    word, _ = WORDS.get(one.state, UNKNOWN)
    if one.error:
        return f"{word}: {one.error}"
    if one.state == control_pb2.COLLECT_STATE_READING:
        return f"{word}, {one.records} records, {size(one.backlog_bytes)} to go"
    if one.state == control_pb2.COLLECT_STATE_DONE:
        return f"{word}, {one.records} records"
    return word


def _record(one: Progress) -> Record:
    named = control_pb2.CollectState.DESCRIPTOR.values_by_number.get(one.state)
    state = named.name.removeprefix("COLLECT_STATE_").lower() if named else UNKNOWN[0]
    return {
        "server": one.server,
        "state": state,
        "records": one.records,
        "backlog_bytes": one.backlog_bytes,
        "error": one.error,
    }


def _write(screen: Screen, form: Form, found: Sequence[Progress]) -> None:
    match form:
        case Form.JSON:
            write_document({"servers": [_record(one) for one in found]})
        case Form.CSV:
            write_csv(NAMES, [_record(one) for one in found])
        case Form.TEXT if found:
            columns = [Column("Server"), Column("Records", right=True), Column("Result")]
            rows = [[Cell(one.server), Cell(str(one.records)), _result(one)] for one in found]
            screen.table(Table(columns, rows))
    if not found:
        screen.note(NO_AGENT)


def _result(one: Progress) -> Cell:
    word, style = WORDS.get(one.state, UNKNOWN)
    return Cell(f"{word}: {one.error}" if one.error else word, style)
