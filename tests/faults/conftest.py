"""A collector for each test, ended with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import STARTED, Collector


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    running = Collector(tmp_path)
    running.start()
    return running
