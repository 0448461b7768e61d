"""Looks at the database for orders to agents, and calls the streams that have to pass them on.

Theory    Orders may be given at any collector, and the agent reports to any other: all of them look
          at one counter, twice a second. A collector that is killed loses nothing, for everything
          is in the tables.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from peewee import PeeweeException

from mailtally_collector.query_threads import QueryThreads
from mailtally_collector.store.failures import sentence
from mailtally_collector.store.orders import Orders, Request, look
from mailtally_collector.store.sql import Sql

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5


class OrderWatch:
    """Knows the orders. ``clock`` gives microseconds since 1970."""

    def __init__(self, sql: Sql, threads: QueryThreads, clock: Callable[[], int]) -> None:
        self._sql = sql
        self._threads = threads
        self._clock = clock
        self._callbacks: set[Callable[[], None]] = set()
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_blind = False
        self.orders = Orders()

    async def start(self) -> None:
        """Look for the first time, then go on looking."""
        await self._look()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def look_soon(self) -> None:
        """Something was just changed here."""
        self._hurry.set()

    def requests_of(self, server: str) -> list[Request]:
        """Requests to that server's agent that somebody waits for."""
        return self.orders.requests_of(server, self._clock())

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call whenever the orders change while the block runs."""
        self._callbacks.add(callback)
        try:
            yield
        finally:
            self._callbacks.discard(callback)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._hurry.wait()
            self._hurry.clear()
            await self._look()

    async def _look(self) -> None:
        try:
            found = await self._threads.run(look, self._sql, self.orders, self._clock())
        except PeeweeException as error:
            if not self._is_blind:
                logger.warning('orders to agents cannot be read reason="%s"', sentence(error))
            self._is_blind = True
            return
        self._is_blind = False
        if found is not self.orders:
            self.orders = found
            for callback in tuple(self._callbacks):
                callback()
