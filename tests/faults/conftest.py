"""Databases, collectors and agents that are troubled, and ended with their test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import STARTED, Collector
from tests.postgres.server import PostgresServer


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


@pytest.fixture
def cluster() -> Iterator[PostgresServer]:
    """A server that may be stopped and killed: the kernel keeps what it wrote, synced or not."""
    server = PostgresServer("-c", "fsync=off")
    server.create()
    server.start()
    yield server
    server.remove()
