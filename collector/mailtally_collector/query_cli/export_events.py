"""``mailtally export events``: every error event of a selection, into a file or to stdout.

File      Written beside its name as FILE.part and renamed when it is complete, so that what was
          interrupted never looks whole.
Breaks    A connection that breaks is made again, and the export goes on behind the last part.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import grpc
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailtally.v1 import query_pb2
from mailtally.v1.query_pb2_grpc import QueryServiceStub
from mailtally_collector.query_cli.choices import FileFormat
from mailtally_collector.query_cli.client import EXIT_UNREACHABLE, collector
from mailtally_collector.query_cli.empty import why_empty
from mailtally_collector.query_cli.event_rows import NAMES, record
from mailtally_collector.query_cli.export import write_csv, write_json_lines
from mailtally_collector.query_cli.filter import Question
from mailtally_collector.query_cli.gap_words import coverage_line
from mailtally_collector.query_cli.options import Connection
from mailtally_collector.query_cli.stream import SilenceError, parts_of
from mailtally_collector.query_cli.terminal import visible

TRIES_MAX = 5
PAUSE_SECONDS = 0.5
BROKEN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Target:
    """Where an export goes: a file, or stdout for None; and how."""

    file: Path | None
    format: FileFormat
    quiet: bool


def run(connection: Connection, asked: Question, target: Target) -> None:
    """Ask and write. Raises typer.Exit and typer.BadParameter as ``collector`` does."""
    with _opened(target.file) as out, _bar(target) as bar, collector(connection) as stub:
        walk = _Walk(stub, asked, connection, bar)
        events = walk.events()
        first = [*islice(events, 1)]  # before the header: a refused question writes nothing
        records = (record(event, asked.zone) for event in chain(first, events))
        if target.format is FileFormat.CSV:
            write_csv(NAMES, records, out)
        else:
            write_json_lines(records, out)
        why = "" if walk.count else why_empty(stub, asked, connection.timeout, "no error event")
    if target.quiet:
        return
    if walk.gaps:
        sys.stderr.write(f"{visible(walk.gaps)}\n")
    if why:
        sys.stderr.write(f"{visible(why)}\n")
    elif target.file is not None:
        sys.stderr.write(f"{walk.count} events written to {visible(str(target.file))}\n")


class _Walk:
    """Follows an export over broken connections; ``count`` is how many events came so far.

    ``gaps``  the line about gaps that touch the export.
    """

    def __init__(
        self, stub: QueryServiceStub, asked: Question, connection: Connection, bar: Progress
    ) -> None:
        self.count = 0
        self.gaps = ""
        self._stub = stub
        self._wire, self._zone = asked.filter(), asked.zone
        self._connection = connection
        self._bar = bar
        self._task = bar.add_task("exporting", total=None)
        self._token = ""
        self._broken = 0

    def events(self) -> Iterator[query_pb2.Event]:
        """Give all events."""
        while True:
            try:
                yield from self._try_on()
            except grpc.RpcError as error:
                code = error.code() if isinstance(error, grpc.Call) else None
                self._broken += 1
                if not self._token or code not in BROKEN or self._broken > TRIES_MAX:
                    raise
                time.sleep(PAUSE_SECONDS * self._broken)
            except SilenceError:
                sys.stderr.write(
                    f"mailtally: the collector at {self._connection.collector} gave nothing for"
                    f" {self._connection.timeout:g} s; raise --timeout or narrow the selection\n"
                )
                raise typer.Exit(EXIT_UNREACHABLE) from None
            else:
                return

    def _try_on(self) -> Iterator[query_pb2.Event]:
        request = query_pb2.ExportEventsRequest(filter=self._wire, page_token=self._token)
        call = self._stub.ExportEvents(request)
        for part in parts_of(call, self._connection.timeout):
            if part.total:
                self._bar.update(self._task, total=part.total)
            self.gaps = self.gaps or coverage_line(part.coverage, self._zone)
            # A part counts as soon as it has come: what follows it is asked for by its token.
            self._token, self._broken = part.next_page_token, 0
            self.count += len(part.events)
            yield from part.events
            self._bar.advance(self._task, len(part.events))
            if not part.next_page_token:
                return


def _bar(target: Target) -> Progress:
    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_shown = sys.stderr.isatty() and (target.file is not None or not sys.stdout.isatty())
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=target.quiet or not is_shown)


@contextmanager
def _opened(file: Path | None) -> Iterator[TextIO]:
    """Open stdout, or the file's .part, which becomes the file when the block ends well."""
    if file is None:
        yield sys.stdout
        return
    partial = file.with_name(file.name + ".part")
    try:
        out = partial.open("w", encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise typer.BadParameter(f"{partial}: {error.strerror}", param_hint="--output") from None
    try:
        with out:
            yield out
        partial.replace(file)
    except BaseException:
        sys.stderr.write(
            f"mailtally: not complete; what came so far is in {visible(str(partial))}\n"
        )
        raise
