"""Pictures of every page, light, dark and on a phone: ``make screenshots``.

Result    PNG files in the folder (default build/screenshots), named PAGE-LOOK.png. The data is that
          of the tests, more of it; the clock stands still: pictures differ only when pages do.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.web.addresses import ADMIN_PAGES, CUSTOMER_PAGES
from tests.web.asking import get, post
from tests.web.conftest import CHROMIUM
from tests.web.log_lines import SERVERS, Mail
from tests.web.serving import HEADER, application, serving
from tests.web.stored import store_lines

MESSAGES = 8_000
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "device_scale_factor": 2,
        "is_mobile": True,
    },
}

DOCS: tuple[tuple[str, str, str, dict[str, int]], ...] = (
    ("statistics", "light", "/?range=14d", {"width": 1280, "height": 1180}),
    ("message", "dark", ADMIN_PAGES["message"], {"width": 1180, "height": 980}),
    ("events", "phone", "/events?range=7d&state=bounced", {"width": 390, "height": 1700}),
)


def retried(site: str) -> str:
    """Queue id of a message with several attempts."""
    rows = get(site, "/events.csv?range=30d").text.splitlines()
    names = rows[0].split(",")
    queue_id, attempts = names.index("queue_id"), names.index("attempts")
    cells = [row.split(",") for row in rows[1:]]
    return max(
        (row for row in cells if row[attempts].isdigit()), key=lambda row: int(row[attempts])
    )[queue_id]


def take(browser: Browser, site: str, folder: Path) -> Iterator[Path]:
    """Take them all."""
    for look, options in LOOKS.items():
        for viewer, pages in (("admin", ADMIN_PAGES), ("customer", CUSTOMER_PAGES)):
            context = browser.new_context(extra_http_headers={HEADER: viewer}, **options)
            page = context.new_page()
            for name, address in pages.items():
                page.goto(site + address.replace("{queue_id}", retried(site)))
                path = folder / f"{name}-{look}.png"
                page.screenshot(path=path, full_page=True)
                yield path
            context.close()


def for_docs(browser: Browser, site: str, folder: Path) -> Iterator[Path]:
    """Take those that the documentation shows: what is seen first, no longer than a screen."""
    for name, look, address, size in DOCS:
        options = LOOKS[look] | {"viewport": size, "device_scale_factor": 1}
        context = browser.new_context(extra_http_headers={HEADER: "admin"}, **options)
        page = context.new_page()
        page.goto(site + address.replace("{queue_id}", retried(site)))
        if look == "phone":
            page.locator("table details summary").first.click()
            page.locator("#events").evaluate("one => one.scrollIntoView()")
        path = folder / f"{name}-{look}.png"
        page.screenshot(path=path)
        yield path
        context.close()


def main() -> None:
    """Fill a database, serve it, take pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/screenshots"))
    parser.add_argument("--docs", action="store_true", help="only those of docs/pictures")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "mailtally.db"
        mail = Mail()
        mail.of_a_month(options.messages)
        store_lines(path, mail)
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        with application(path) as app, serving(app) as site:
            post(site, "/settings", server=SERVERS[1], enabled="1", how="interval", hours="4")
            pictures = for_docs if options.docs else take
            for picture in pictures(browser, site, options.folder):
                print(picture)
        browser.close()


if __name__ == "__main__":
    main()
