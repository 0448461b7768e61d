"""A collector for each test, ended with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Collector


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    running = Collector(tmp_path)
    running.start()
    yield running
    if running.process is not None and running.process.poll() is None:
        running.end()
