"""What people change: settings, and having logs read now; with a script and without."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mailtally_collector.collecting import FAILED
from mailtally_collector.query.settings import list_settings
from mailtally_collector.store.database import open_for_writing
from mailtally_collector.store.dialect import sql_for, writing
from mailtally_collector.store.requests import note_result
from mailtally_collector.store.sql import Sql
from tests.web.asking import get, post
from tests.web.log_lines import SERVERS
from tests.web.test_pages_in_a_browser import opened

Site = tuple[str, Path]


def agents_answer(path: Path, *, failing: str = "") -> int:
    """Note what agents would say of the requests under way; how many there were."""
    database = open_for_writing(path)
    with database.connection_context(), writing(database):
        sql = sql_for(database)
        rows = sql.run(
            "SELECT r.id, s.name FROM collection_request r JOIN server s ON s.id = r.server_id"
            " WHERE r.state < 3"
        ).fetchall()
        for one, name in rows:
            error = "the log cannot be read" if name == failing else ""
            note_result(sql, name, one, done=not error, error=error, records=12)
    return len(rows)


def held(path: Path, server: str = "") -> tuple[bool, int]:
    database = open_for_writing(path)
    with database.connection_context():
        sql: Sql = sql_for(database)
        listed = list_settings(sql, ())
    settings = {one.server: one.settings for one in listed.servers} | {"": listed.fleet}
    return settings[server].enabled, settings[server].interval_seconds


@pytest.mark.parametrize("scripts", [True, False])
def test_update_shows_progress_and_comes_back_to_the_same_figures(
    own_site: Site, browser: Browser, *, scripts: bool
) -> None:
    site, path = own_site
    with opened(browser, "admin", java_script_enabled=scripts) as watched:
        page = watched.page
        page.goto(f"{site}/?range=7d&domain=shop.example")
        page.get_by_role("button", name="Update").click()
        page.wait_for_url("**/update?**")
        expect(page.locator("tbody tr")).to_have_count(len(SERVERS))
        expect(page.locator("tbody tr").first).to_contain_text("waiting for the agent")
        assert agents_answer(path) == len(SERVERS)
        page.wait_for_url(f"{site}/?**")
        assert "range=7d" in page.url
        assert "domain=shop.example" in page.url
        assert "requests" not in page.url
        assert watched.wrong == []


def test_update_tells_which_server_failed_and_leads_on(own_site: Site) -> None:
    site, path = own_site
    answer = post(site, "/update", server=SERVERS[0], range="24h")
    assert answer.status == 303
    where = answer.headers["location"]
    assert "server=mx1.fleet.example" in where
    agents_answer(path, failing=SERVERS[0])
    shown = get(site, where)
    assert shown.status == 200
    assert "failed: the log cannot be read" in shown.text
    assert SERVERS[1] not in shown.text
    assert 'http-equiv="refresh"' not in shown.text
    assert "Show the figures" in shown.text
    assert FAILED == 5


def test_servers_that_somebody_waits_for_are_not_asked_again(own_site: Site) -> None:
    site, path = own_site
    first = post(site, "/update").headers["location"]
    again = post(site, "/update").headers["location"]
    assert first == again
    assert agents_answer(path) == len(SERVERS)


def test_a_customer_updates_the_servers_of_his_mail_and_sees_no_counters(own_site: Site) -> None:
    site, path = own_site
    where = post(site, "/update", "customer").headers["location"]
    asked = agents_answer(path, failing=SERVERS[0])
    assert 0 < asked < len(SERVERS)
    others = post(site, "/update", "admin").headers["location"]
    shown = get(site, others, "customer").text
    names = [name for name in SERVERS if f'data-name="{name}"' in shown]
    assert len(names) == asked
    assert "New records" not in get(site, where, "customer").text
    assert post(site, "/update", "stranger").headers["location"] == "/"


def test_settings_hold_after_save_alone_and_are_written_into_the_audit(
    own_site: Site, browser: Browser
) -> None:
    site, path = own_site
    with opened(browser, "admin") as watched:
        page = watched.page
        page.goto(f"{site}/settings")
        page.get_by_label("Every", exact=True).check()
        page.get_by_label("hours (1 to 24)").fill("25")
        assert held(path) == (True, 0)
        page.get_by_role("button", name="Save").click()
        field = page.get_by_label("hours (1 to 24)")
        expect(field).to_have_value("25")
        wrong = page.locator(f"#{field.get_attribute('aria-describedby')}")
        expect(wrong).to_have_text("The interval must be a whole number of hours from 1 to 24.")
        assert held(path) == (True, 0)
        for hours in ("1", "24"):
            page.get_by_label("hours (1 to 24)").fill(hours)
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_role("status")).to_contain_text("Saved")
            assert held(path) == (True, int(hours) * 3_600)
        page.get_by_label("Change settings of mx2.fleet.example").click()
        page.get_by_label("Enable statistics collection").uncheck()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("Saved")
        assert held(path, SERVERS[1]) == (False, 86_400)
        assert held(path, SERVERS[0]) == (True, 86_400)
        page.goto(f"{site}/?server=mx2.fleet.example")
        expect(page.locator(".note.warn").first).to_contain_text("Collection is off")
        page.goto(f"{site}/settings?server=mx2.fleet.example")
        page.get_by_role("button", name="Use the settings of all servers").click()
        assert held(path, SERVERS[1]) == (True, 86_400)
        page.goto(f"{site}/audit")
        expect(page.locator("tbody tr").first).to_contain_text("cleared settings")
        expect(page.locator("tbody tr").nth(1)).to_contain_text("enabled=false")
        expect(page.locator("tbody tr").nth(1)).to_contain_text("anna")
    for hours in ("0", "25", "1.5", "-1", "", "\uff11\uff12", "9" * 40, "<b>"):
        assert post(site, "/settings", enabled="1", how="interval", hours=hours).status == 400
    assert post(site, "/settings", enabled="1", how="sometimes").status == 400
    assert post(site, "/settings", server="nobody", enabled="1", how="continuous").status == 400
    assert held(path) == (True, 86_400)


def test_only_admins_change_settings(own_site: Site) -> None:
    site, path = own_site
    for viewer in ("support", "customer"):
        assert post(site, "/settings", viewer, how="continuous").status == 403
        assert get(site, "/settings", viewer).status == 403
        assert get(site, "/audit", viewer).status == 403
    assert get(site, "/unknown", "customer").status == 403
    assert held(path) == (True, 0)


def test_look_ups_are_written_into_the_audit(own_site: Site) -> None:
    site, _ = own_site
    get(site, "/messages?queue_id=4ABC", "customer")
    get(site, "/messages", "customer")
    listed = get(site, "/audit").text
    assert listed.count("looked up messages") == 1
    assert "carla" in listed
    assert "queue_id=4ABC" in listed
