"""The collector: the product's service and store, with their writer as steps of the loop.

Gives     ``Collector``, one process on a storage.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import cache
from random import Random
from typing import Any, cast

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.identity.admission import Admission, Ledger
from mailtally_collector.ingest import IngestService
from mailtally_collector.order_watch import OrderWatch
from mailtally_collector.presence import Presence
from mailtally_collector.query_threads import QueryThreads
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.retention import RowRetention
from mailtally_collector.store.store import Store
from mailtally_collector.store.write_batch import BatchStore
from mailtally_collector.store.writer import StoreUnavailableError, Writer
from mailtally_collector.streams import Streams
from tests.faults.simulation.database import Storage, VirtualDatabase
from tests.faults.simulation.killed import Killed
from tests.faults.simulation.network import Stream

SLOWEST_WRITER = 0.03
STOP_SECONDS = 5


@cache
def rules() -> CurrentRules:
    """The rules that come with the product."""
    return CurrentRules(None)


class StepWriter(Writer):
    """The writer without its thread: what lies in its queue is done a little later."""

    def __init__(
        self,
        database: VirtualDatabase,
        batches: BatchStore,
        random: Random,
        killed: Callable[[], None],
    ) -> None:
        super().__init__(database, batches)
        self._guard = None
        self._random = random
        self._killed = killed
        self.dead = False

    def start(self) -> None:
        """There is no thread."""

    def close(self) -> None:
        """Do what is queued."""
        self._closed = True
        while not self._queue.empty() and not self.dead:
            self._work_off()

    def _put(self, what: Any) -> Future[Any]:
        future = super()._put(what)
        delay = self._random.random() * SLOWEST_WRITER
        asyncio.get_running_loop().call_later(delay, self._work_off)
        return future

    def _work_off(self) -> None:
        if self.dead or self._queue.empty():
            return
        try:
            self._commit(self._next_group())
        except Killed:
            self._killed()


class VirtualStore(Store):
    """The store on a storage in memory."""

    def __init__(
        self,
        storage: Storage,
        clock: Callable[[], int],
        random: Random,
        killed: Callable[[], None],
    ) -> None:
        self._rules = rules()
        self._clock = clock
        database = VirtualDatabase(storage)
        self._sqls = [sql_for(database)]
        self._batches = [BatchStore(database, self._rules)]
        self._writer = StepWriter(database, self._batches[0], random, killed)
        self._writers = [self._writer]

    def die(self) -> None:
        """Do nothing any more."""
        self._writer.dead = True

    async def delete_before(self, horizon_us: int) -> None:
        """Delete the rows of messages that arrived before, as the periodic job does."""
        rows = RowRetention(horizon_us)
        more = True
        while more:
            work = self._writers[0].submit(lambda: rows.step(self._sqls[0]))
            more = await asyncio.wrap_future(work)


class InlineThreads:
    """Answers at once; nothing is written meanwhile."""

    async def run(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """Answer."""
        return question(*arguments)


class Collector:
    """One process; ``ended`` is called when it was killed."""

    def __init__(
        self,
        storage: Storage,
        clock: Callable[[], int],
        random: Random,
        ended: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams: list[Stream] = []
        self.dead = False
        self.store = VirtualStore(storage, clock, random, self.kill)
        reader = VirtualDatabase(storage, may_fail=False)
        reader.connect()
        self._watch = OrderWatch(sql_for(reader), cast("QueryThreads", InlineThreads()), clock)
        streams = Streams(asyncio.get_running_loop().time)
        # Without certificates nothing is asked of what the database knows of them.
        admission = Admission(cast("Ledger", None), streams, clock, is_authority=False)
        self._service = IngestService(
            self.store, Presence(), self._watch, clock, streams=streams, admission=admission
        )
        self._do(self._watch.start())

    def accept(self, stream: Stream) -> None:
        """Serve a stream."""
        self._streams.append(stream)
        self._do(stream.serve(self._service.Report))

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def retain(self, horizon_us: int) -> None:
        """Run retention; a database that fails ends it, as it ends the job."""
        try:
            await self.store.delete_before(horizon_us)
        except StoreUnavailableError:
            return

    def kill(self) -> None:
        """End without a chance to do anything; what was not committed is rolled back."""
        if self.dead:
            return
        self.dead = True
        self.store.die()
        self._storage.abandon()
        for stream in self._streams:
            stream.break_collector_side()
            stream.lose_collector()
        for task in self._tasks:
            task.cancel()
        self._ended()

    async def stop(self) -> None:
        """End as after SIGTERM."""
        self._service.stop()
        if streams := [stream.handler for stream in self._streams if stream.handler]:
            await asyncio.wait(streams, timeout=STOP_SECONDS)
        if not self.dead:
            self.store.close()
            self.kill()
