"""CSV and NDJSON: what the page lists, in cells that no spreadsheet takes for a formula."""

import csv
import html
import io
import json
import re

from mailtally_collector.query_cli.export import FORMULA_STARTS
from tests.web.asking import get


def linked(text: str, kind: str) -> str:
    """The page's own link to its download."""
    (found,) = re.findall(rf'href="(/events\.{kind}[^"]*)"', text)
    return html.unescape(found)


def events_of_pages(site: str, address: str) -> list[str]:
    """Keys of all events, page by page."""
    found: list[str] = []
    while address:
        text = get(site, address).text
        found += re.findall(r'<tr data-event="([^"]*)">', text)
        following = re.findall(r'<a rel="next" href="([^"]*)"', text)
        address = html.unescape(following[0]).partition("#")[0] if following else ""
    return found


def test_downloads_hold_the_events_of_all_pages_each_once(site: str) -> None:
    for address in ("/events?range=30d&sort=size&dir=asc", "/events?range=7d&code=550"):
        text = get(site, address).text
        pages = events_of_pages(site, address)
        rows = list(csv.DictReader(io.StringIO(get(site, linked(text, "csv")).text)))
        lines = get(site, linked(text, "ndjson")).text.splitlines()
        records = [json.loads(line) for line in lines]
        assert len(pages) == len(set(pages)) > 25
        assert sorted(pages) == sorted(f"{row['message']}.{row['number']}" for row in rows)
        assert [f"{one['message']}.{one['number']}" for one in records] == [
            f"{row['message']}.{row['number']}" for row in rows
        ]


def test_headers_make_it_a_file(site: str) -> None:
    answer = get(site, "/events.csv?range=24h")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="mailtally-events.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert get(site, "/events.csv?range=24h&after=broken").status == 200
    assert get(site, "/events?range=24h&after=broken").status == 400


def test_no_cell_is_a_formula_and_strangers_texts_are_exact_in_json(site: str) -> None:
    asked = "range=24h&domain=hostile.example"
    cells = [
        one
        for row in csv.reader(io.StringIO(get(site, f"/events.csv?{asked}").text))
        for one in row
    ]
    numbers = re.compile(r"-?\d+(\.\d+)?")
    assert [
        cell for cell in cells if cell.startswith(FORMULA_STARTS) and not numbers.fullmatch(cell)
    ] == []
    assert "'=1+1@hostile.example" in cells
    records = [json.loads(line) for line in get(site, f"/events.ndjson?{asked}").text.splitlines()]
    senders = {one["envelope_sender"] for one in records}
    assert '"<script>alert(1)</script>"@hostile.example' in senders
    assert "=1+1@hostile.example" in senders
    assert any("\u202eevil\u202c" in one["reply_text"] for one in records)


def test_a_customer_downloads_his_mail_alone(site: str) -> None:
    rows = csv.DictReader(io.StringIO(get(site, "/events.csv?range=30d", "customer").text))
    assert {row["sender_domain"] for row in rows} == {"shop.example", "hostile.example"}
    other = get(site, "/events.csv?range=30d&domain=bakery.example", "customer").text
    assert len(other.splitlines()) == 1
