"""Everything that the ingest side asks of the database, as awaitable calls.

Gives     ``Store``: each call runs in the writer thread and returns after its commit.
Raises    StoreUnavailableError when nothing was committed; the caller must not acknowledge then.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.records import AgentState, Poison, Record
from mailtally_collector.store.database import open_for_writing
from mailtally_collector.store.reclassify import reclassify_some
from mailtally_collector.store.servers import greet, store_agent_state
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.write_batch import BatchStore, Stored
from mailtally_collector.store.writer import Writer

T = TypeVar("T")


class Store:
    """The tables, for those who write. ``clock`` gives microseconds since 1970."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], int],
        rules: CurrentRules,
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        database = open_for_writing(path)
        self._rules = rules
        self._sql = Sql(database)
        self._batches = BatchStore(database, rules)
        self._writer = Writer(database, self._batches.forget, on_lost)
        self._clock = clock

    def start(self) -> None:
        """Start the writer thread."""
        self._writer.start()

    def close(self) -> None:
        """Commit what is queued and end; blocks until then."""
        self._writer.close()

    def batch(
        self, server: str, records: Sequence[Record | Poison], token: bytes
    ) -> asyncio.Future[Stored]:
        """Queue one batch; batches are committed in the order of these calls."""
        return asyncio.wrap_future(
            self._writer.submit(lambda: self._batches.store(server, records, token, self._clock()))
        )

    async def greet(self, server: str, agent_version: str, token: bytes) -> bool:
        """Note that an agent connected; whether it must read again what its logs hold."""
        return await asyncio.wrap_future(
            self._writer.submit(
                lambda: greet(self._sql, server, agent_version, token, self._clock())
            )
        )

    async def agent_state(self, server: str, state: AgentState) -> None:
        """Note how an agent is doing."""
        await asyncio.wrap_future(
            self._writer.submit(lambda: store_agent_state(self._sql, server, state, self._clock()))
        )

    def reclassify_some(self) -> int:
        """Bring some verdicts to the rules in force; how many, 0 when all follow them.

        Blocks; for a thread of its own. Raises StoreUnavailableError.
        """
        return self._writer.submit(lambda: reclassify_some(self._sql, self._rules.rules)).result()

    def transact(self, work: Callable[[Sql], T], /) -> T:
        """Run a piece of a periodic job between batches; blocks, for a thread of its own.

        Raises StoreUnavailableError.
        """
        return self._writer.submit(lambda: work(self._sql)).result()
