"""Everything that the ingest side asks of the database, as awaitable calls.

Gives     ``Store``: each call runs in a writer thread and returns after its commit.
Threads   One writes to a SQLite file. To PostgreSQL some do, a server always in the same one.
Raises    StoreUnavailableError when nothing was committed; the caller must not acknowledge then.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar
from zlib import crc32

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.records import AgentState, Gap, Poison, Record
from mailtally_collector.store.database import open_for_writing
from mailtally_collector.store.dialect import is_postgres, sql_for
from mailtally_collector.store.location import Location
from mailtally_collector.store.reclassify import reclassify_some
from mailtally_collector.store.servers import Greeting, greet, store_agent_state
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.write_batch import Batch, BatchStore, Stored
from mailtally_collector.store.writer import StoreUnavailableError, Writer

# How many threads write to PostgreSQL.
POSTGRES_THREADS = 2

T = TypeVar("T")


class Store:
    """The tables, for those who write. ``clock`` gives microseconds since 1970."""

    def __init__(
        self,
        location: Location,
        clock: Callable[[], int],
        rules: CurrentRules,
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._sqls: list[Sql] = []
        self._batches: list[BatchStore] = []
        self._writers: list[Writer] = []
        threads = 1
        while len(self._writers) < threads:
            database = open_for_writing(location)
            threads = POSTGRES_THREADS if is_postgres(database) else 1
            self._sqls.append(sql_for(database))
            self._batches.append(BatchStore(database, rules))
            self._writers.append(Writer(database, self._batches[-1], on_lost))

    def start(self) -> None:
        """Start the writer threads."""
        for writer in self._writers:
            writer.start()

    def close(self) -> None:
        """Commit what is queued and end; blocks until then."""
        for writer in self._writers:
            writer.close()

    def batch(
        self,
        server: str,
        records: Sequence[Record | Poison],
        token: bytes,
        gaps: Sequence[Gap | Poison] = (),
    ) -> asyncio.Future[Stored]:
        """Queue one batch; batches of a server are committed in the order of these calls."""
        writer = self._writers[self._at(server)]
        batch = Batch(server, records, token, self._clock(), gaps)
        return asyncio.wrap_future(writer.batch(batch))

    async def greet(self, server: str, agent_version: str, token: bytes) -> Greeting:
        """Note that an agent connected; whether it must read again what its logs hold."""
        at = self._at(server)
        sql = self._sqls[at]
        return await asyncio.wrap_future(
            self._writers[at].submit(
                lambda: greet(sql, server, agent_version, token, self._clock())
            )
        )

    async def agent_state(self, server: str, state: AgentState) -> None:
        """Note how an agent is doing."""
        at = self._at(server)
        sql = self._sqls[at]
        await asyncio.wrap_future(
            self._writers[at].submit(lambda: store_agent_state(sql, server, state, self._clock()))
        )

    def reclassify_some(self) -> int:
        """Bring some verdicts to the rules in force; how many, 0 when all follow them.

        Blocks; for a thread of its own. Raises StoreUnavailableError.
        """
        sql = self._sqls[0]
        return self._writers[0].submit(lambda: reclassify_some(sql, self._rules.rules)).result()

    def transact(self, work: Callable[[Sql], T], /) -> T:
        """Run a piece of a periodic job between batches; blocks, for a thread of its own.

        Raises StoreUnavailableError.
        """
        sql = self._sqls[0]
        return self._writers[0].submit(lambda: work(sql)).result()

    def sweep(self) -> int:
        """Settle what collectors that were killed left behind; how many of their batches.

        Blocks; for a thread of its own. Does nothing while the database cannot be written.
        """
        batches = self._batches[0]
        try:
            return self._writers[0].submit(lambda: batches.sweep(self._clock())).result()
        except StoreUnavailableError:
            return 0  # the writer has said why

    def _at(self, server: str) -> int:
        """Which writer has the server."""
        return crc32(server.encode("utf-8", "replace")) % len(self._writers)
