"""Threads in which questions are answered, each with a read connection of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from peewee import Database

from mailtally_collector.store.reading import answer

THREADS = 4

T = TypeVar("T")


class QueryThreads:
    """Runs plain functions that read the database."""

    def __init__(self, database: Database, threads: int = THREADS) -> None:
        self._database = database
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="query")

    def close(self) -> None:
        """Wait for the questions under way."""
        self._threads.shutdown()

    async def run(self, question: Callable[..., T], *arguments: Any) -> T:
        """Answer in a thread; raises what the question raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._connected, question, arguments)

    def _connected(self, question: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        return answer(self._database, lambda: question(*arguments))
