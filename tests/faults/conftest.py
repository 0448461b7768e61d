"""Databases, collectors and agents that are troubled, and ended with their test."""

from collections.abc import Iterator

import pytest

from tests.e2e.processes import STARTED
from tests.postgres.server import PostgresServer


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()


@pytest.fixture
def cluster() -> Iterator[PostgresServer]:
    """A server that may be stopped and killed; what it has committed is on disk."""
    server = PostgresServer()
    server.create()
    server.start()
    yield server
    server.remove()
