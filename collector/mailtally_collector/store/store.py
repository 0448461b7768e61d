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
from mailtally_collector.records import (
    AgentReport,
    AgentState,
    CommandResult,
    Gap,
    Poison,
    Record,
)
from mailtally_collector.store.agent_reports import note_connected, note_left, store_report
from mailtally_collector.store.database import open_for_writing
from mailtally_collector.store.dialect import is_postgres, sql_for
from mailtally_collector.store.location import Location
from mailtally_collector.store.reclassify import reclassify_some
from mailtally_collector.store.requests import note_result
from mailtally_collector.store.servers import Greeting, greet, server_id_of, store_agent_state
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.write_batch import Batch, BatchStore, Stored, check_followed
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
        follows: bytes = b"",
    ) -> asyncio.Future[Stored]:
        """Queue one batch; batches of a server are committed in the order of these calls.

        ``follows`` is the token of the one before on its stream.
        """
        writer = self._writers[self._at(server)]
        batch = Batch(server, records, token, self._clock(), gaps, follows)
        return asyncio.wrap_future(writer.batch(batch))

    async def greet(self, server: str, agent_version: str, token: bytes) -> Greeting:
        """Note that an agent connected; whether it must read again what its logs hold."""
        return await self._submit(
            server, lambda sql: greet(sql, server, agent_version, token, self._clock())
        )

    async def connected(self, server: str, stream: int) -> None:
        """Note that the agent that follows the server's log opened this stream."""
        await self._submit(server, lambda sql: note_connected(sql, server, stream, self._clock()))

    async def left(self, server: str, stream: int) -> None:
        """Note that this stream ended."""
        await self._submit(server, lambda sql: note_left(sql, server, stream, self._clock()))

    async def agent_state(
        self, server: str, state: AgentState, report: AgentReport, follows: bytes = b""
    ) -> None:
        """Note how an agent is doing.

        Raises StoreUnavailableError also when the database no longer knows ``follows``, the token
        of the last batch on its stream: who has nothing to report would not notice.
        """

        def work(sql: Sql) -> None:
            now_us = self._clock()
            store_agent_state(sql, server, state, now_us)
            store_report(sql, server, report, now_us)
            check_followed(sql, server, server_id_of(sql, server, now_us), follows)

        await self._submit(server, work)

    async def command_result(self, server: str, result: CommandResult) -> None:
        """Note how far an agent is with a command."""
        await self._submit(
            server,
            lambda sql: note_result(
                *(sql, server, result.id),
                done=result.done,
                error=result.error,
                records=result.records,
            ),
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

    async def _submit(self, server: str, work: Callable[[Sql], T]) -> T:
        """Run work about a server in its writer's thread."""
        at = self._at(server)
        sql = self._sqls[at]
        return await asyncio.wrap_future(self._writers[at].submit(lambda: work(sql)))

    def _at(self, server: str) -> int:
        """Which writer has the server."""
        return crc32(server.encode("utf-8", "replace")) % len(self._writers)
