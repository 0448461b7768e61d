"""Databases that are troubled, and removed with their test."""

from collections.abc import Iterator

import pytest

from tests.postgres.server import PostgresServer


@pytest.fixture
def cluster() -> Iterator[PostgresServer]:
    """A server that may be stopped and killed: the kernel keeps what it wrote, synced or not."""
    server = PostgresServer("-c", "fsync=off")
    server.create()
    server.start()
    yield server
    server.remove()
