"""A PostgreSQL server and a collector for all tests that ask for one; no process outlives them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailtally_collector.store.database import migrate
from mailtally_collector.store.location import location_of
from tests.e2e.processes import Collector, end_all
from tests.postgres.citus import MISSING, CitusCluster, has_citus
from tests.postgres.server import PostgresServer

# A shell starts what runs in its background with SIGINT ignored, and children inherit that: Ctrl-C
# would end none of the programs that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


TEMPLATE = "migrated"
CITUS_TESTS = Path(__file__).parent / "citus"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let ``--citus`` run the tests of both databases on a third one instead."""
    text = "run what runs on SQLite and PostgreSQL on tables that are distributed with Citus"
    parser.addoption("--citus", action="store_true", help=text)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what only a cluster can show, unless asked for: ``make test-citus``."""
    return True if collection_path == CITUS_TESTS and not config.getoption("--citus") else None


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    """A running collector on a SQLite file of its own."""
    running = Collector(tmp_path)
    running.start()
    return running


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


@pytest.fixture(scope="session")
def citus(postgres: PostgresServer) -> Iterator[CitusCluster]:
    """A running cluster; fails where Citus is not installed."""
    if not has_citus(postgres):
        pytest.fail(MISSING)
    cluster = CitusCluster()
    cluster.start()
    yield cluster
    cluster.remove()
