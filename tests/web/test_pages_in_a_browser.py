"""Every page in a real browser: light, dark and on a phone, with a script and without."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page

from tests.web.addresses import ADMIN_PAGES, CUSTOMER_PAGES
from tests.web.asking import get
from tests.web.screenshots import LOOKS
from tests.web.serving import HEADER

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
PAGES = {name: ("admin", address) for name, address in ADMIN_PAGES.items()}
PAGES |= {name: ("customer", address) for name, address in CUSTOMER_PAGES.items()}
PHONE_WIDTH = 390


class Watched:
    """A page and what went wrong on it: errors of the console and of scripts, and dialogs."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wrong: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", self._dialog)

    def _dialog(self, dialog: Dialog) -> None:
        self.wrong.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message: Any) -> None:
        expected = "status of 404" in message.text and self.page.url.endswith("/nothing-here")
        if message.type in {"error", "warning"} and not expected:
            self.wrong.append(message.text)


@contextmanager
def opened(browser: Browser, viewer: str, **options: Any) -> Iterator[Watched]:
    """A page in a context of its own."""
    context = browser.new_context(extra_http_headers={HEADER: viewer}, **options)
    context.set_default_timeout(15_000)
    try:
        yield Watched(context.new_page())
    finally:
        context.close()


def address_of(site: str, address: str) -> str:
    if "{queue_id}" not in address:
        return site + address
    row = get(site, "/events.csv?range=30d").text.splitlines()[1]
    return site + address.replace("{queue_id}", row.split(",")[2])


def violations(page: Page) -> list[str]:
    """What axe-core finds; run beside the page, so that the page's own policy is not touched."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


@pytest.mark.parametrize("look", LOOKS)
def test_pages_have_no_violation_and_no_error(browser: Browser, site: str, look: str) -> None:
    """axe-core, which measures contrast too; the console holds reports of the policy as well."""
    found: dict[str, list[str]] = {}
    for viewer in ("admin", "customer"):
        with opened(browser, viewer, **LOOKS[look]) as watched:
            for name, (whose, address) in PAGES.items():
                if whose != viewer:
                    continue
                watched.page.goto(address_of(site, address))
                wide = watched.page.evaluate("document.documentElement.scrollWidth")
                wrong = [*violations(watched.page), *watched.wrong]
                if look == "phone" and wide > PHONE_WIDTH:
                    wrong.append(f"{wide} wide")
                watched.wrong.clear()
                if wrong:
                    found[name] = wrong
    assert found == {}


def test_strangers_texts_are_shown_as_they_are_and_run_nowhere(browser: Browser, site: str) -> None:
    """Opened details too; no element comes of a text, and what turns text around is escaped."""
    with opened(browser, "admin") as watched:
        page = watched.page
        for address in (
            "/?range=24h&domain=hostile.example",
            "/events?range=24h&domain=hostile.example",
            "/mailboxes?range=24h&domain=hostile.example",
            "/domains?range=24h",
            "/unknown?range=24h",
            "/servers/mx1.fleet.example",
            "/messages?range=24h&text=script",
            "/messages?queue_id=%3Cscript%3Ealert(1)%3C/script%3E",
            "/?domain=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&text=%3Cimg+src=x+onerror=alert(1)%3E",
            "/?range=%3Cscript%3E&tz=%3Cb%3E",
            "/audit",
        ):
            page.goto(site + address)
            for details in page.query_selector_all("details"):
                details.evaluate("one => one.open = true")
            scripts = page.evaluate("[...document.scripts].map(one => one.getAttribute('src'))")
            assert [one.partition("?")[0] for one in scripts] == ["/static/page.js"], address
            assert page.locator("img").count() == 1, address
            odd = page.evaluate(
                "document.body.innerText.match(/[\\u202a-\\u202e\\u2066-\\u2069\\x80-\\x9f]/g)"
            )
            assert odd is None, address
            assert page.evaluate("[...document.querySelectorAll('[onerror],[style]')].length") == 0
        assert watched.wrong == []
        page.goto(f"{site}/events?range=24h&domain=hostile.example")
        for details in page.query_selector_all("details"):
            details.evaluate("one => one.open = true")
        text = page.locator("table.event-table").inner_text()
        for shown in (
            "550 5.7.1 <script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "\\u202eevil\\u202c",
            "C1 \\x85 \\x9b31m end",
            "{{ 7 * 7 }} {% raw %} ${7*7}",
            "=cmd|' /C calc'!A0",
            "\\xff\\xfe not UTF-8",
            "=1+1@hostile.example",
        ):
            assert shown in text
        links = page.evaluate("[...document.querySelectorAll('.reply a')].map(one => one.href)")
        assert links == ["https://good.example/?a=1&b=%3Cb"]
        rel = page.locator(".reply a").first.get_attribute("rel") or ""
        assert "noopener" in rel


def test_all_of_it_works_without_scripts(browser: Browser, site: str) -> None:
    with opened(browser, "customer", java_script_enabled=False) as watched:
        page = watched.page
        page.goto(site)
        page.locator("select[name=domain]").select_option("shop.example")
        page.locator("input[value='30d']").check(force=True)
        page.get_by_role("button", name="Show").click()
        assert "domain=shop.example" in page.url
        assert "range=30d" in page.url
        sent = page.locator("[data-figure=sent]").inner_text()
        page.locator("select[name=mailbox]").select_option("newsletter@shop.example")
        page.get_by_role("button", name="Show").click()
        assert page.locator("[data-figure=sent]").inner_text() != sent
        page.locator("table.bars a").first.click()
        assert "reason=" in page.url
        page.get_by_text("Show as table").click()
        assert page.get_by_role("columnheader", name="Sent").first.is_visible()


def test_the_keyboard_walks_the_chart_and_a_bar_leads_to_its_time(
    browser: Browser, site: str
) -> None:
    with opened(browser, "admin") as watched:
        page = watched.page
        page.goto(f"{site}/?range=7d")
        page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "Skip to content"
        page.locator("a.bar[tabindex='0']").focus()
        first = page.locator(":focus").get_attribute("aria-label")
        page.keyboard.press("ArrowRight")
        second = page.locator(":focus").get_attribute("aria-label") or ""
        assert first != second
        assert "sent" in second
        page.keyboard.press("Enter")
        page.wait_for_url("**range=custom**")
        page.go_back()
        assert page.locator("input[value='7d']").is_checked()
        assert watched.wrong == []


def test_a_chosen_filter_is_in_the_address_at_once(browser: Browser, site: str) -> None:
    with opened(browser, "admin") as watched:
        page = watched.page
        page.goto(f"{site}/?range=30d")
        page.locator("select[name=server]").select_option("mx1.fleet.example")
        page.wait_for_url("**server=mx1.fleet.example**")
        assert "mailbox=" not in page.url
        assert page.locator("input[value='30d']").is_checked()
        assert watched.wrong == []


def test_print_and_forced_colours_leave_nothing_out(browser: Browser, site: str) -> None:
    with opened(browser, "admin", forced_colors="active") as watched:
        watched.page.goto(f"{site}/?range=30d")
        colours = watched.page.evaluate(
            "['delivered', 'bounced'].map(one => getComputedStyle(document.querySelector("
            "'.legend .' + one), '::before').backgroundColor)"
        )
        assert len(set(colours)) == 2
    with opened(browser, "admin") as watched:
        page = watched.page
        page.goto(f"{site}/?range=30d")
        page.emulate_media(media="print")
        assert page.locator("form.filters").is_hidden()
        assert page.locator("table.event-table").is_visible()
        assert page.evaluate("document.querySelector('.scroll').scrollWidth") > 0
