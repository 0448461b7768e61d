"""A PostgreSQL server for all tests that ask for one."""

from collections.abc import Iterator

import pytest

from mailtally_collector.store.database import migrate
from mailtally_collector.store.location import location_of
from tests.postgres.server import PostgresServer

TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server, with a database TEMPLATE that has the tables."""
    server = PostgresServer("-c", "fsync=off")
    server.create()
    server.start()
    server.psql("postgres", f"CREATE DATABASE {TEMPLATE}")
    migrate(location_of(server.uri(TEMPLATE)))
    yield server
    server.remove()
