"""One database, one server and one browser for all tests of pages."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.web.log_lines import Mail
from tests.web.serving import application, serving
from tests.web.stored import store_lines

CHROMIUM = "/usr/bin/chromium"
MESSAGES = 1_500


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of mail, a stranger's among it."""
    path = tmp_path_factory.mktemp("web") / "mailtally.db"
    mail = Mail()
    mail.of_a_month(MESSAGES)
    mail.of_a_stranger()
    store_lines(path, mail)
    return path


@pytest.fixture(scope="session")
def site(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the application over a copy of it: look-ups are written down."""
    path = Path(shutil.copy(filled, tmp_path_factory.mktemp("site")))
    with application(path) as app, serving(app) as address:
        yield address


@pytest.fixture
def own_site(filled: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The same over a copy that a test may change."""
    path = tmp_path / "mailtally.db"
    shutil.copy(filled, path)
    with application(path) as app, serving(app) as address:
        yield address, path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. While it runs, this thread counts as one with a running event loop."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()
