"""The dashboard as a browser meets it: signing in and out, links, accounts, people, and attacks."""

import asyncio
import html
import http.client
import logging
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import pytest
from starlette.routing import Route

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.durations import HOUR_US
from mailtally_collector.identity.authority import open_authority
from mailtally_collector.presence import Presence
from mailtally_collector.serving import PortError
from mailtally_collector.store.database import close_reading, open_for_reading
from mailtally_collector.store.location import Location
from mailtally_collector.store.sign_ins import IDLE_US
from mailtally_collector.store.transact import Transact
from mailtally_collector.web.app import build_app
from mailtally_collector.web.security import HEADERS
from mailtally_collector.web.server import WebServer
from tests.integration.collector.site import (
    COOKIE,
    PASSWORD,
    Browser,
    add_person,
    site,
    writing,
)

PROXY = '[web]\ntrusted_proxies = ["127.0.0.1"]\n'
T = TypeVar("T")


async def run(work: Callable[..., T], *arguments: object) -> T:
    """Run what blocks beside the collector of this loop."""
    return await asyncio.to_thread(work, *arguments)


@pytest.fixture
def transact(location: Location) -> Iterator[Transact]:
    with writing(location) as opened:
        opened(lambda sql: add_person(sql, "ann", "admin"))
        opened(lambda sql: add_person(sql, "sue", "support"))
        opened(lambda sql: add_person(sql, "cat", "customer", ("one.example",)))
        yield opened


@pytest.fixture
async def browser(location: Location, transact: Transact) -> AsyncIterator[Browser]:
    del transact
    async with site(location) as opened:
        yield opened


def audit(transact: Transact) -> list[tuple[str, str]]:
    rows = transact(
        lambda sql: sql.run(
            "SELECT who, action FROM audit WHERE time_us > 1 ORDER BY id"
        ).fetchall()
    )
    return [(who, action) for who, action in rows]


def shown(text: str) -> str:
    """What a page shows in its only secret."""
    found = re.search(r'<code class="secret">([^<]+)</code>', text)
    assert found is not None
    return html.unescape(found[1])


async def test_the_first_run_gives_a_link_and_no_default_password(
    location: Location, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with site(location) as browser:
        (link,) = re.findall(r"open http://127\.0\.0\.1:\d+(/setup/\S+)", caplog.text)
        assert (await run(browser.get, "/")).location == "/login"
        assert (await run(browser.get, "/setup/guess")).status == 404
        first = await run(browser.get, link)
        assert (first.status, "first administrator" in first.text) == (200, True)
        form = {"name": "Root", "password": "short", "again": "short"}
        refused = await run(browser.post, link, form)
        assert (refused.status, "Too short" in refused.text) == (422, True)
        form = {"name": "Root", "password": PASSWORD, "again": PASSWORD + "x"}
        assert "different" in (await run(browser.post, link, form)).text
        done = await run(browser.post, link, form | {"again": PASSWORD})
        assert (done.status, done.location) == (303, "/")
        assert (await run(browser.get, "/people")).status == 200
        for name in ("Root", "eve"):
            again = form | {"name": name, "again": PASSWORD}
            assert (await run(Browser(browser.port).post, link, again)).status == 404
    caplog.clear()
    async with site(location):
        assert "/setup/" not in caplog.text


async def test_who_signs_in_gets_where_they_wanted_and_out_again(
    browser: Browser, transact: Transact
) -> None:
    sent = await run(browser.get, "/people?x=1")
    assert (sent.status, sent.location) == (303, "/login?next=/people%3Fx%3D1")
    form = await run(browser.get, sent.location)
    assert 'value="/people?x=1"' in form.text
    done = await run(browser.sign_in, "ANN ", PASSWORD, "/people?x=1")
    assert (done.status, done.location) == (303, "/people?x=1")
    assert set(done.headers["set-cookie"].lower().split("; ")) >= {
        *("httponly", "secure", "path=/", "samesite=lax")
    }
    assert (await run(browser.get, "/people?x=1")).status == 200
    key = browser.cookies[COOKIE]
    assert (await run(browser.post, "/logout", {})).location == "/login"
    assert COOKIE not in browser.cookies
    browser.cookies[COOKIE] = key
    assert (await run(browser.get, "/")).status == 303
    assert audit(transact) == [("ann", "sign-in"), ("ann", "sign-out")]


async def test_wrong_names_and_passwords_and_disabled_people_get_one_answer(
    browser: Browser, transact: Transact
) -> None:
    transact(lambda sql: sql.run("UPDATE person SET disabled_us = 1 WHERE name = 'sue'"))
    told = set()
    for name, password in (("ann", "wrong"), ("nobody", PASSWORD), ("sue", PASSWORD)):
        answer = await run(browser.sign_in, name, password)
        told.add((answer.status, answer.text.replace(f'value="{name}"', "")))
    assert len(told) == 1
    assert next(iter(told))[0] == 403
    assert not browser.cookies
    assert audit(transact) == [
        *(("ann", "sign-in-failed"), ("unknown", "sign-in-failed"), ("sue", "sign-in-failed"))
    ]


async def test_guessing_is_stopped_and_the_owner_comes_in_from_elsewhere(
    location: Location, transact: Transact
) -> None:
    async with site(location, PROXY) as browser:
        for _ in range(5):
            assert (await run(browser.sign_in, "ann", "wrong")).status == 403
        stopped = await run(browser.sign_in, "ann", PASSWORD)
        assert (stopped.status, "Try again in 15 minutes" in stopped.text) == (429, True)
        owner = Browser(browser.port, headers={"X-Forwarded-For": "198.51.100.7"})
        assert (await run(owner.sign_in, "ann")).status == 303
        for number in range(25):
            await run(browser.sign_in, f"guess{number}", "wrong")
        assert (await run(browser.sign_in, "sue", PASSWORD)).status == 429
    del transact


async def test_sessions_end_when_the_right_does(browser: Browser) -> None:
    await run(browser.sign_in, "cat")
    other = Browser(browser.port)
    await run(other.sign_in, "cat")
    admin = Browser(browser.port)
    await run(admin.sign_in, "ann")
    new = "another long password"
    form = {"old": "wrong", "password": new, "again": new}
    refused = await run(other.post, "/account/password", form)
    assert (refused.status, "not the present" in refused.text) == (422, True)
    before = other.cookies[COOKIE]
    changed = await run(other.post, "/account/password", form | {"old": PASSWORD})
    assert changed.location == "/account?done=password"
    assert other.cookies[COOKIE] != before
    assert (await run(other.get, "/account")).status == 200
    assert (await run(browser.get, "/account")).status == 303
    assert (await run(admin.post, "/people/switch", {"name": "cat", "on": "0"})).status == 303
    assert (await run(other.get, "/account")).status == 303
    assert (await run(other.sign_in, "cat", new)).status == 403
    await run(admin.post, "/people/switch", {"name": "cat", "on": "1"})
    assert (await run(other.sign_in, "cat", new)).status == 303


async def test_sessions_end_when_they_are_idle_and_at_last(
    browser: Browser, transact: Transact
) -> None:
    await run(browser.sign_in, "ann")
    for column, back_us in (("seen_us", IDLE_US), ("expires_us", 8 * 24 * HOUR_US)):
        assert (await run(browser.get, "/account")).status == 200
        statement = f"UPDATE web_session SET {column} = {column} - {back_us}"  # noqa: S608
        transact(lambda sql: sql.run(statement))  # noqa: B023 - run at once
        assert (await run(browser.get, "/account")).status == 303
        await run(browser.sign_in, "ann")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("ann", {"/": 200, "/account": 200, "/people": 200, "/people/x": 404, "/audit": 200}),
        ("sue", {"/": 200, "/account": 200, "/people": 403, "/people/x": 403, "/audit": 403}),
        ("cat", {"/": 200, "/account": 200, "/people": 403, "/servers": 403, "/unknown": 403}),
    ],
)
async def test_pages_are_for_whom_they_are_for(
    browser: Browser, name: str, seen: dict[str, int]
) -> None:
    await run(browser.sign_in, name)
    assert {path: (await run(browser.get, path)).status for path in seen} == seen
    if name != "ann":
        for path in ("add", "change", "switch", "link"):
            assert (await run(browser.post, f"/people/{path}", {"name": "ann"})).status == 403


async def test_an_admin_adds_changes_and_resets_people(
    browser: Browser, transact: Transact
) -> None:
    await run(browser.sign_in, "ann")
    form = {"name": "<b>", "role": "customer", "domains": "a b..c"}
    refused = await run(browser.post, "/people/add", form)
    assert refused.status == 422
    assert "&lt;b&gt;" in refused.text
    assert "<b><" not in refused.text
    assert "“b..c” is no domain" in refused.text
    form = {"name": "Dan@x.example", "role": "customer", "domains": "Bücher.example\nTWO.example."}
    added = await run(browser.post, "/people/add", form)
    link = shown(added.text)
    assert link.startswith(f"http://127.0.0.1:{browser.port}/setup/")
    assert (await run(browser.post, "/people/add", form)).status == 422
    path = "/setup/" + link.rpartition("/")[2]
    dan = Browser(browser.port)
    await run(dan.post, path, {"password": PASSWORD, "again": PASSWORD})
    account = (await run(dan.get, "/account")).text
    assert "two.example, xn--bcher-kva.example" in account
    form = {"name": "dan@x.example", "role": "support", "domains": ""}
    assert (await run(browser.post, "/people/change", form)).status == 303
    assert (await run(dan.get, "/servers")).status == 200  # it is theirs now
    reset = shown((await run(browser.post, "/people/link", {"name": "dan@x.example"})).text)
    assert (await run(dan.get, "/account")).status == 200
    await run(
        Browser(browser.port).post,
        "/setup/" + reset.rpartition("/")[2],
        {"password": PASSWORD + "2", "again": PASSWORD + "2"},
    )
    assert (await run(dan.get, "/account")).status == 303
    for change in ({"name": "ann", "role": "support"}, {"name": "ann", "on": "0"}):
        path = "/people/change" if "role" in change else "/people/switch"
        refused = await run(browser.post, path, change)
        assert (refused.status, "only administrator" in refused.text) == (422, True)
    assert [action for who, action in audit(transact) if who == "ann"] == [
        *("sign-in", "add-person", "change-person", "make-setup-link")
    ]


async def test_zone_and_tokens_of_an_account(browser: Browser, transact: Transact) -> None:
    await run(browser.sign_in, "cat")
    refused = await run(browser.post, "/account/zone", {"zone": "Mars/Base"})
    assert (refused.status, "no such time zone" in refused.text) == (422, True)
    await run(browser.post, "/account/zone", {"zone": "Europe/Berlin"})
    assert 'value="Europe/Berlin" list="zones"' in (await run(browser.get, "/account")).text
    good = {"label": "<i>", "days": "9", "role": "customer", "domains": ""}
    for bad in ({"days": "0"}, {"days": "٣"}, {"role": "admin"}, {"domains": "two.example"}):
        assert (await run(browser.post, "/account/tokens", good | bad)).status == 422
    made = await run(browser.post, "/account/tokens", good)
    text = shown(made.text)
    assert re.fullmatch(r"mt_[0-9a-f]{12}_[\w-]{43}", text)
    again = (await run(browser.get, "/account")).text
    assert "_".join(text.split("_")[:2]) in again
    assert text not in again
    assert "&lt;i&gt;" in again
    key = text.split("_")[1]
    other = Browser(browser.port)
    await run(other.sign_in, "sue")
    await run(other.post, "/account/tokens/remove", {"key": key})
    count = "SELECT count(*) FROM api_token"
    assert transact(lambda sql: sql.run(count).fetchone()[0]) == 1
    await run(browser.post, "/account/tokens/remove", {"key": key})
    assert transact(lambda sql: sql.run(count).fetchone()[0]) == 0


POSTS = (
    *("/login", "/logout", "/setup/x", "/account/password", "/account/zone", "/account/tokens"),
    *("/account/tokens/remove", "/people/add", "/people/change", "/people/switch", "/people/link"),
)


async def test_csrf_forms_of_other_sites_change_nothing(
    browser: Browser, transact: Transact
) -> None:
    await run(browser.sign_in, "ann")
    strangers = (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    )
    for path in POSTS:
        for stranger in strangers:
            answer = await run(
                lambda p, h: browser.post(p, {"name": "cat", "on": "0"}, **h), path, stranger
            )
            assert answer.status == 403, (path, stranger)
        assert (await run(browser.ask, "POST", path, "", {})).status == 403
    assert audit(transact) == [("ann", "sign-in")]


async def test_clickjacking_every_answer_has_the_headers(browser: Browser) -> None:
    strange = ("/nothing", "/static/style.css", "/static/none", "/login", "/setup/x", "/login/x")
    for name in ("", "ann"):
        if name:
            await run(browser.sign_in, name)
        for path in ("/", "/account", "/people", "/?tz=%FF", *strange):
            answer = await run(browser.get, path)
            told = {key: answer.headers.get(key.lower()) for key in HEADERS}
            assert told == HEADERS, path
        for path in POSTS:
            answer = await run(browser.ask, "POST", path, "", {})
            assert answer.headers["x-frame-options"] == "DENY", path
        answer = await run(browser.ask, "DELETE", "/account", None, {})
        assert answer.headers["x-frame-options"] == "DENY"


async def test_session_fixation_a_key_of_before_is_worth_nothing(
    browser: Browser, transact: Transact
) -> None:
    browser.cookies[COOKIE] = planted = "planted-by-somebody-else-0123456789"
    await run(browser.sign_in, "ann")
    first = browser.cookies[COOKIE]
    assert first != planted
    await run(browser.sign_in, "cat")
    second = browser.cookies[COOKIE]
    assert second not in (first, planted)
    for key, status in ((planted, 303), (first, 303), (second, 200)):
        answer = await run(Browser(browser.port, {COOKIE: key}).get, "/account")
        assert answer.status == status
    kept = transact(lambda sql: sql.run("SELECT key_hash FROM web_session").fetchall())
    assert len(kept) == 1
    assert second.encode() not in bytes(kept[0][0])


OUTSIDE = (
    *("https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example"),
    *("/\t/evil.example", "javascript:alert(1)", "evil.example", "/%0d%0aX: y\r\nX: y", ""),
    *("///evil.example", "/login?next=/login", "/logout", " //evil.example", "http:evil"),
)


async def test_open_redirect_who_signs_in_stays_on_this_site(browser: Browser) -> None:
    for target in OUTSIDE:
        done = await run(browser.sign_in, "ann", PASSWORD, target)
        assert (done.status, done.location) == (303, "/"), target
        assert "x" not in done.headers
        page = await run(browser.get, f"/login?next={quote(target)}")
        assert 'name="next" value="/"' in page.text


async def test_header_spoofing_only_a_proxy_says_who_asks(
    location: Location, transact: Transact
) -> None:
    said = {
        "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "stats.example.com",
    }
    form = {"name": "dan", "role": "support"}

    async def tried(config: str, **headers: str) -> tuple[str, str, int]:
        """Address in the audit, link for others, and whether a form from outside passes."""
        async with site(location, config) as browser:
            browser.headers = {**said, **headers}
            outside = {"Origin": "https://stats.example.com"}
            await run(lambda: browser.sign_in("ann"))
            if COOKIE not in browser.cookies:
                await run(
                    lambda: browser.post("/login", {"name": "ann", "password": PASSWORD}, **outside)
                )
            passed = await run(lambda: browser.post("/people/add", form, **outside))
            if passed.status == 403:
                passed_inside = await run(lambda: browser.post("/people/add", form))
                link = shown(passed_inside.text)
            else:
                link = shown(passed.text)
            transact(lambda sql: sql.run("DELETE FROM person WHERE name = 'dan'"))
            detail = "SELECT detail FROM audit WHERE action = 'sign-in' ORDER BY id DESC LIMIT 1"
            address = transact(lambda sql: sql.run(detail).fetchone()[0])
            return address, link.partition("/setup/")[0].rpartition(":")[0], passed.status

    assert await tried("") == ("from 127.0.0.1", "http://127.0.0.1", 403)
    behind = await tried(PROXY)
    assert behind == ("from 198.51.100.7", "https", 200)
    chain = '[web]\ntrusted_proxies = ["127.0.0.0/8", "198.51.100.0/24"]\n'
    assert (await tried(chain))[0] == "from 203.0.113.9"
    broken = await tried(PROXY, **{"X-Forwarded-For": "203.0.113.9, nonsense"})
    assert broken[0] == "from 127.0.0.1"
    refused = await tried(PROXY, **{"X-Forwarded-Host": "evil.example/x", "X-Forwarded-Proto": "x"})
    assert refused[1:] == ("http://127.0.0.1", 403)


async def test_what_is_too_large_is_refused(browser: Browser) -> None:
    assert (await run(browser.post, "/login", {"name": "x" * 300_000})).status == 413
    fields = {f"f{number}": "" for number in range(2_000)}
    assert (await run(browser.post, "/login", fields)).status == 413
    browser.cookies[COOKIE] = "x" * 5_000
    assert (await run(browser.get, "/")).status == 303


async def test_a_taken_port_costs_the_dashboard_only_where_it_is_not_asked_for(
    tmp_path: Path,
) -> None:
    async with site(tmp_path / "a.db") as first:
        address = f'[web]\naddress = "127.0.0.1:{first.port}"\n'
        with pytest.raises(Exception, match=r"web\.address"):
            async with site(tmp_path / "b.db", address):
                pass


async def test_without_an_address_there_is_no_dashboard(tmp_path: Path) -> None:
    async with site(tmp_path / "a.db", '[web]\naddress = ""\n') as browser:
        assert browser.port == 0


async def test_the_dashboard_serves_tls_and_ends_with_the_collector(tmp_path: Path) -> None:
    authority = open_authority(tmp_path / "ca")
    own = authority.server_credential(("localhost",), datetime.now(UTC))
    (tmp_path / "web.pem").write_bytes(own.certificate)
    (tmp_path / "web.key").write_bytes(own.key)
    files = f'certificate_file = "{tmp_path}/web.pem"\nkey_file = "{tmp_path}/web.key"\n'
    trust = ssl.create_default_context(cadata=authority.pem.decode())

    def asked(port: int) -> int:
        connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=trust)
        with closing(connection):
            connection.request("GET", "/login")
            return connection.getresponse().status

    async with site(tmp_path / "a.db", f"[web]\n{files}") as browser:
        assert await run(asked, browser.port) == 200
    with pytest.raises(ConnectionRefusedError):
        await run(asked, browser.port)
    (tmp_path / "web.key").write_bytes(b"no key")
    with pytest.raises(PortError, match=r"\[web\] cannot be used"):
        async with site(tmp_path / "b.db", f"[web]\n{files}"):
            pass


async def test_clickjacking_an_answer_about_a_fault_has_the_headers_too(tmp_path: Path) -> None:
    def broken(request: object) -> None:
        raise ZeroDivisionError(request)

    database = tmp_path / "a.db"
    with writing(database) as transact:
        reader = open_for_reading(database)
        app = build_app(*(reader, Presence(), CurrentRules(None), lambda: 1), transact=transact)
        app.router.routes.append(Route("/login/broken", broken))
        server = WebServer(app, "127.0.0.1:0")
        server.start()
        answer = await run(Browser(server.port).get, "/login/broken")
        await run(server.stop)
        close_reading(reader)
    assert answer.status == 500
    assert {key: answer.headers.get(key.lower()) for key in HEADERS} == HEADERS
    assert "ZeroDivisionError" not in answer.text
