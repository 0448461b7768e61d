"""A database file, and a collector that listens on a port of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailtally_collector.config import load_config
from mailtally_collector.daemon import serve
from tests.integration.collector.tables import Tables


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    opened = Tables(tmp_path / "direct.db")
    yield opened
    opened.close()


async def port_in(port_file: Path) -> int:
    """Wait until a collector wrote its port."""
    while not await asyncio.to_thread(port_file.exists):  # noqa: ASYNC110 - made elsewhere
        await asyncio.sleep(0.01)
    return int(await asyncio.to_thread(port_file.read_text))


@asynccontextmanager
async def collector(database: Path, config_file: Path | None = None) -> AsyncIterator[str]:
    """Run a collector in this process; gives its address."""
    stop = asyncio.Event()
    port_file = database.with_suffix(".port")
    port_file.unlink(missing_ok=True)
    config = load_config(config_file, listen="127.0.0.1:0", database=str(database))
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


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    async with collector(tmp_path / "collector.db") as listening:
        yield listening
