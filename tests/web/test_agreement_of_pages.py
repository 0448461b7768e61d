"""For every filter: the page's figures add up, and page, CSV and gRPC tell the same."""

import asyncio
import csv
import html
import io
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailtally.v1 import query_pb2, query_pb2_grpc
from mailtally_collector.config import load_config
from mailtally_collector.daemon import serve
from mailtally_collector.durations import DAY_US, HOUR_US
from mailtally_collector.query_cli.event_rows import NAMES, record
from mailtally_collector.query_cli.export import csv_cell
from mailtally_collector.web.words import iso_us
from tests.web.asking import get
from tests.web.log_lines import SERVERS, Mail
from tests.web.serving import application, serving
from tests.web.stored import NOW_US, store_lines

UTC = ZoneInfo("UTC")
PAGE_SIZE = 50
FAILED = ("bounced", "expired")
# Parameter of the address, and field of the contract's filter.
FIELDS = {
    "server": "servers",
    "domain": "domain",
    "mailbox": "mailbox",
    "to_domain": "recipient_domain",
    "to": "recipient",
    "reason": "reasons",
    "provider": "providers",
    "text": "text",
    "code": "reply_codes",
    "status": "enhanced_statuses",
    "unknown": "unknown_only",
}
VALUES: dict[str, tuple[str, ...]] = {
    "server": (*SERVERS, "nobody"),
    "domain": ("shop.example", "hostile.example", "wine.example", "nobody.example"),
    "mailbox": ("newsletter@shop.example", "info@bakery.example", "=1+1@hostile.example"),
    "to_domain": ("gmail.com", "b.example", "partner.example"),
    "to": ("a1@gmail.com", "=1+1@b.example"),
    "reason": ("authentication", "recipient", "unknown", "recipient.user_unknown"),
    "provider": ("google", "microsoft", "unknown"),
    "text": ("gsmtp", "<script>", "FROBNICATED"),
    "code": ("550", "554", "452"),
    "status": ("5.7.26", "5.1.1"),
    "unknown": ("1",),
}


class Both(NamedTuple):
    """The dashboard and a collector over one database."""

    site: str
    stub: Any


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    path = folder / "mailtally.db"
    mail = Mail(seed=7)
    mail.of_a_month(400)
    mail.of_a_stranger()
    store_lines(path, mail)
    with (
        application(path) as app,
        serving(app) as site,
        _Collector(path, folder) as address,
        grpc.insecure_channel(address) as channel,
    ):
        yield Both(site, query_pb2_grpc.QueryServiceStub(channel))


class _Collector:
    """A collector in a thread of this process."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._port_file = folder / "port"
        config = load_config(None, listen="127.0.0.1:0", database=str(path), insecure=True)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        work = serve(config, self._stop, self._port_file)
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(work,))

    def __enter__(self) -> str:
        self._thread.start()
        while not self._port_file.exists():
            self._thread.join(0.02)
        return f"127.0.0.1:{self._port_file.read_text().strip()}"

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@st.composite
def choices(draw: st.DrawFn) -> dict[str, str]:
    """A range and up to three conditions, as an address says them."""
    first, length = draw(st.integers(0, 29)), draw(st.sampled_from([1, 24, 24 * 7, 24 * 30]))
    start_us = NOW_US - (first + 1) * DAY_US + draw(st.integers(0, HOUR_US))
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True))
    chosen = {name: draw(st.sampled_from(VALUES[name])) for name in names}
    moments = {"from": iso_us(start_us), "until": iso_us(start_us + length * HOUR_US)}
    return chosen | {"range": "custom"} | moments


def wire(chosen: dict[str, str], *states: str) -> query_pb2.Filter:
    asked = query_pb2.Filter()
    asked.start.FromJsonString(chosen["from"])
    asked.end.FromJsonString(chosen["until"])
    for name, field in FIELDS.items():
        if name not in chosen:
            continue
        if name == "unknown":
            asked.unknown_only = True
        elif name == "code":
            asked.reply_codes.append(int(chosen[name]))
        elif field.endswith(("s", "es")) and not isinstance(getattr(asked, field), str | bytes):
            getattr(asked, field).append(chosen[name])
        else:
            setattr(asked, field, chosen[name])
    asked.states.extend(
        query_pb2.DeliveryState.Value(f"DELIVERY_STATE_{state.upper()}") for state in states
    )
    return asked


def figures(text: str) -> dict[str, int]:
    found = re.findall(r'data-figure="([^"]*)">([^<]*)<', text)
    return {name: int(value.replace("\u202f", "")) for name, value in found}


def keys_of(text: str) -> list[str]:
    return re.findall(r'<tr data-event="([^"]*)">', text)


MONTH = {
    "range": "custom",
    "from": iso_us(NOW_US - 30 * DAY_US),
    "until": iso_us(NOW_US),
}


@pytest.mark.parametrize("name", FIELDS)
def test_every_panel_obeys_each_condition(both: Both, name: str) -> None:
    for value in VALUES[name]:
        check(both, MONTH | {name: value}, "last_try")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(chosen=choices(), sort=st.sampled_from(["last_try", "accepted", "attempts", "size"]))
def test_every_panel_obeys_every_filter(both: Both, chosen: dict[str, str], sort: str) -> None:
    check(both, chosen, sort)


def check(both: Both, chosen: dict[str, str], sort: str) -> None:
    """Ask for everything with the same filter, and compare."""
    site, stub = both
    text = get(site, f"/?{urlencode(chosen)}").text
    shown = figures(text)
    assert shown["sent"] == shown["delivered"] + shown["bounced"] + shown["pending"]
    summary = stub.Summary(query_pb2.SummaryRequest(filter=wire(chosen))).total
    assert shown["sent"] == summary.sent
    assert shown["bounced"] == summary.bounced + summary.expired
    bars = re.findall(r'aria-label="[^":]*(?::\d\d)?: (\S*) sent,[^"]*" class="bar"', text)
    assert sum(int(one.replace("\u202f", "")) for one in bars) == shown["sent"]
    reasons = re.findall(r'data-reason="[^"]*">([^<]*)<', text)
    assert sum(int(one.replace("\u202f", "")) for one in reasons) == shown["bounced"]

    asked = urlencode([*chosen.items(), *(("state", one) for one in FAILED)])
    rows = list(csv.DictReader(io.StringIO(get(site, f"/events.csv?{asked}").text)))
    assert len(rows) == shown["bounced"]
    told = []
    for part in stub.ExportEvents(query_pb2.ExportEventsRequest(filter=wire(chosen, *FAILED))):
        told += [record(event, UTC) for event in part.events]
    # The viewer of the page has a zone of his own; moments are compared as they are in UTC.
    utc = list(csv.DictReader(io.StringIO(get(site, f"/events.csv?{asked}&tz=UTC").text)))
    assert utc == [{name: csv_cell(one[name]) for name in NAMES} for one in told]

    listed = stub.ListEvents(
        query_pb2.ListEventsRequest(
            filter=wire(chosen),
            page_size=PAGE_SIZE,
            order=query_pb2.EventOrder.Value(f"EVENT_ORDER_{sort.upper()}"),
        )
    )
    page = get(site, f"/events?{urlencode(chosen)}&sort={sort}").text
    assert keys_of(page) == [f"{one.message}.{one.number}" for one in listed.events]
    assert bool(listed.next_page_token) == ('rel="next"' in html.unescape(page))
