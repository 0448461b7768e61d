"""Error events of a view as CSV and NDJSON: the rows that the page lists, with the same words.

Form      Keys and cells are those of ``mailtally export events`` (query_cli/event_rows.py), so that
          a file does not tell where it came from. CSV cells cannot be taken for formulas.
Order     Of message and number, which never changes: what fits is in the file exactly once, however
          long the download takes.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mailtally_collector.query.events import Page, export_events
from mailtally_collector.query.filters import QueryError
from mailtally_collector.query_cli.event_rows import NAMES, record
from mailtally_collector.query_cli.export import Record, csv_cell, json_text
from mailtally_collector.query_codec import encode_event
from mailtally_collector.web.site import asked_view, page, site_of, viewer_of

EVENTS_AT_ONCE = 500
Written = Callable[[Iterable[Record]], str]


def download_csv(request: Request) -> Response:
    """All events of the view, with a header."""
    return _download(request, "text/csv; charset=utf-8", "csv", _csv_rows, head=_csv(NAMES))


def download_ndjson(request: Request) -> Response:
    """All events of the view, one JSON object a line."""
    return _download(request, "application/x-ndjson", "ndjson", _json_lines)


def _download(
    request: Request, kind: str, suffix: str, written: Written, *, head: str = ""
) -> Response:
    site, viewer, view = site_of(request), viewer_of(request), asked_view(request)
    now_us = site.clock()
    asked = view.settled(now_us)

    def part(token: str) -> Page:
        return site.ask(
            lambda database: export_events(
                *(database, viewer.scope, asked), token=token, size=EVENTS_AT_ONCE, now_us=now_us
            )
        )

    try:
        first = part("")
    except QueryError as error:
        return page(request, "refused.html", 400, view=view, why=str(error))

    def parts() -> Iterator[str]:
        yield head
        found = first
        while True:
            events = (encode_event(event, site.rules.rules) for event in found.events)
            yield written(record(event, view.zone) for event in events)
            if not found.next_token:
                return
            found = part(found.next_token)

    name = f"mailtally-events.{suffix}"
    return StreamingResponse(
        parts(),
        media_type=kind,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


def _csv_rows(records: Iterable[Record]) -> str:
    return "".join(_csv([csv_cell(one[name]) for name in NAMES]) for one in records)


def _csv(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _json_lines(records: Iterable[Record]) -> str:
    return "".join(json_text(dict(one)) + "\n" for one in records)
