"""``mailtally events``: recipients whose mail was refused, given up or still waits.

A page token of this command holds the range of its question beside the collector's own token:
the collector continues a question only when it is the same, and "the last 24 hours" is not the
same a minute later.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import typer

from mailtally.v1 import query_pb2
from mailtally.v1.query_pb2_grpc import QueryServiceStub
from mailtally_collector.query_cli.choices import Form, SortOption
from mailtally_collector.query_cli.client import collector
from mailtally_collector.query_cli.empty import why_empty
from mailtally_collector.query_cli.event_rows import NAMES, draw, record
from mailtally_collector.query_cli.export import write_csv, write_json_lines
from mailtally_collector.query_cli.filter import Question
from mailtally_collector.query_cli.gap_words import coverage_line
from mailtally_collector.query_cli.options import Connection, Output
from mailtally_collector.query_cli.terminal import Cell, Screen, open_screen

PAGE_MAX = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Pages:
    """Which part of the list: at most ``limit`` events (None: all), from ``token`` on."""

    limit: int | None
    token: str
    sort: SortOption = SortOption.LAST_TRY
    ascending: bool = False


def show(connection: Connection, asked: Question, output: Output, pages: Pages) -> None:
    """Ask page by page and write. Raises typer.Exit and typer.BadParameter as ``collector`` does.

    JSON and CSV are written as the pages come; the aligned table needs all of them first.
    """
    form = output.form()
    screen = open_screen(output.color, quiet=output.quiet)
    asked, token = _continued(asked, pages.token) if pages.token else (asked, "")
    with collector(connection) as stub:
        walk = _Walk(stub, asked, connection.timeout, screen)
        events = walk.events(pages, token)
        match form:
            case Form.JSON:
                write_json_lines(record(event, asked.zone) for event in events)
            case Form.CSV:
                write_csv(NAMES, (record(event, asked.zone) for event in events))
            case Form.TEXT:
                draw(screen, list(events), asked.zone)
        why = "" if walk.count else why_empty(stub, asked, connection.timeout, "no error event")
    if why and form is Form.TEXT:
        screen.line(Cell(why))
    elif why:
        screen.note(why)
    screen.remark(walk.gaps, None if form is Form.JSON else form)


class _Walk:
    """Follows the pages of one question; ``count`` is how many events came so far.

    ``gaps``  the line about gaps that touch the list.
    """

    def __init__(
        self, stub: QueryServiceStub, asked: Question, timeout: float, screen: Screen
    ) -> None:
        self.count = 0
        self.gaps = ""
        self._stub = stub
        self._asked = asked
        self._timeout = timeout
        self._screen = screen

    def events(self, pages: Pages, token: str) -> Iterator[query_pb2.Event]:
        """``limit`` at most. Notes progress, and at the end how to go on."""
        wire, limit = self._asked.filter(), pages.limit
        order = query_pb2.EventOrder.Value(f"EVENT_ORDER_{pages.sort.name}")
        while limit is None or self.count < limit:
            size = PAGE_MAX if limit is None else min(PAGE_MAX, limit - self.count)
            request = query_pb2.ListEventsRequest(
                filter=wire,
                page_size=size,
                page_token=token,
                order=order,
                ascending=pages.ascending,
            )
            page = self._stub.ListEvents(request, timeout=self._timeout)
            self.count += len(page.events)
            self.gaps = self.gaps or coverage_line(page.coverage, self._asked.zone)
            yield from page.events
            if not page.next_page_token:
                return
            if page.next_page_token == token:
                self._screen.note("the collector repeats a page; stopped")
                return
            token = page.next_page_token
            if limit is None or self.count < limit:
                self._screen.note(f"{self.count} events so far …")
        self._screen.note(
            f"There are more. Repeat the command with --page-token {_token(self._asked, token)}"
        )


def _token(asked: Question, token: str) -> str:
    start, end = ((moment - _EPOCH) // _MICROSECOND for moment in (asked.start, asked.end))
    return f"{start}.{end}.{token}"


def _continued(asked: Question, text: str) -> tuple[Question, str]:
    """The question that the token belongs to, and the collector's token."""
    start, _, rest = text.partition(".")
    end, _, token = rest.partition(".")
    try:
        first, last = (
            (_EPOCH + int(micros) * _MICROSECOND).astimezone(asked.zone) for micros in (start, end)
        )
    except (ValueError, OverflowError):
        first = last = asked.start
    if not token or first >= last:
        raise typer.BadParameter(
            f"{text!r} is no page token of this command", param_hint="--page-token"
        )
    return replace(asked, start=first, end=last), token
