"""Databases of both kinds, and a collector that listens on a port of its own."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from mailtally_collector.config import load_config
from mailtally_collector.daemon import serve
from mailtally_collector.store.database import open_for_writing
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.location import Location, location_of
from tests.conftest import TEMPLATE
from tests.integration.collector.tables import Tables
from tests.postgres.citus import CitusCluster
from tests.postgres.emptying import AS_NEW
from tests.postgres.server import PostgresServer

NewLocation = Callable[[], AbstractContextManager[Location]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run everything on both kinds of database; with ``--citus`` on distributed tables only."""
    if "new_location" in metafunc.fixturenames:
        kinds = ["citus"] if metafunc.config.getoption("--citus") else ["sqlite", "postgres"]
        metafunc.parametrize("new_location", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def new_location(request: pytest.FixtureRequest) -> NewLocation:
    """Give a database that is gone after the block."""
    if request.param == "sqlite":
        return _file
    if request.param == "citus":
        cluster: CitusCluster = request.getfixturevalue("citus")
        return cluster.distributed
    server: PostgresServer = request.getfixturevalue("postgres")
    return partial(_database, server, [])


@contextmanager
def _file() -> Iterator[Location]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "collector.db"


@contextmanager
def _database(server: PostgresServer, free: list[Location]) -> Iterator[Location]:
    """Use one of the free databases again: to empty one is faster than to make one."""
    location = free.pop() if free else location_of(server.new_database(TEMPLATE))
    yield location
    database = open_for_writing(location)
    with database.connection_context():
        sql = sql_for(database)
        for statement in AS_NEW:
            sql.run(statement)
    free.append(location)


@pytest.fixture
def location(new_location: NewLocation) -> Iterator[Location]:
    with new_location() as made:
        yield made


@pytest.fixture
def tables(location: Location) -> Iterator[Tables]:
    with closing(Tables(location)) as opened:
        yield opened


async def port_in(port_file: Path) -> int:
    """Wait until a collector wrote its port."""
    while not await asyncio.to_thread(port_file.exists):  # noqa: ASYNC110 - made elsewhere
        await asyncio.sleep(0.01)
    return int(await asyncio.to_thread(port_file.read_text))


@asynccontextmanager
async def collector(
    database: Location, config_file: Path | None = None, *, insecure: bool | None = True
) -> AsyncIterator[str]:
    """Run a collector in this process; gives its address."""
    stop = asyncio.Event()
    folder = tempfile.mkdtemp()
    port_file = Path(folder) / "port"
    named = database if isinstance(database, Path) else database.uri
    config = load_config(config_file, listen="127.0.0.1:0", database=str(named), insecure=insecure)
    task = asyncio.create_task(serve(config, stop, port_file))
    waiting = asyncio.create_task(port_in(port_file))
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            waiting.cancel()
            await task
        yield f"127.0.0.1:{await waiting}"
    finally:
        stop.set()
        await task
        shutil.rmtree(folder)


@pytest.fixture
async def address(location: Location) -> AsyncIterator[str]:
    async with collector(location) as listening:
        yield listening
