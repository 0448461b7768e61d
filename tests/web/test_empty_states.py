"""A page without figures says why there are none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtally_collector.store.database import migrate
from tests.web.asking import get, post
from tests.web.log_lines import SERVERS
from tests.web.serving import application, serving

PAGES = ("/", "/events", "/domains", "/mailboxes", "/servers", "/messages", "/unknown", "/settings")
LONG_AGO = "range=custom&from=2025-01-01T00:00&until=2025-01-02T00:00"


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "mailtally.db"
    migrate(path)
    with application(path) as app, serving(app) as address:
        yield address


def test_without_agents_every_page_is_there_and_says_how_to_get_one(new_site: str) -> None:
    for address in PAGES:
        answer = get(new_site, address)
        assert answer.status == 200, address
        if address not in {"/messages", "/unknown"}:
            assert "mailtally-collector agents invite" in answer.text, address
    assert "agents invite" not in get(new_site, "/", "customer").text
    assert "No mail of your domains" in get(new_site, "/", "customer").text
    assert post(new_site, "/update").headers["location"] == "/"


def test_no_mail_in_the_range_differs_from_logs_that_were_not_read(site: str) -> None:
    asked = "/?range=24h&to=nobody@nowhere.example"
    assert "No outbound mail was accepted in this time." in get(site, asked).text
    assert "The logs of this time were not read." in get(site, f"/?{LONG_AGO}").text
    stranger = get(site, "/?range=24h", "stranger").text
    assert "No mail of your domains has been seen yet." in stranger


def test_a_gap_without_mail_is_named(site: str) -> None:
    asked = f"/?server={SERVERS[2]}&range=custom&from=2026-11-15T15:30&until=2026-11-15T16:00"
    text = get(site, f"{asked}&to=nobody@nowhere.example").text
    assert "of which lines of the logs are missing" in text
    text = get(site, f"/?server={SERVERS[2]}&range=7d").text
    assert "lines of the log are missing" in text
    assert "Lines of logs are missing in 2 server-hours" in text


def test_where_collection_is_off_the_page_says_so(own_site: tuple[str, Path]) -> None:
    site, _ = own_site
    post(site, "/settings", how="continuous")
    text = get(site, f"/?{LONG_AGO}").text
    assert "Collection is off for every server that is chosen." in text
    assert "figures change only with Update" in get(site, "/?range=7d").text
    post(site, "/settings", server=SERVERS[0], enabled="1", how="continuous")
    assert f"{SERVERS[1]}, {SERVERS[2]}: collection is off" in get(site, "/?range=7d").text
    assert "collection is off" not in get(site, f"/?range=7d&server={SERVERS[0]}").text
