"""The threads that write. Work comes in by queue, each piece gets its result by future.

Gives     ``Writer.batch`` for what agents report and ``Writer.submit`` for anything else: it runs
          inside a transaction, and its future is resolved after the commit, never before.
Limits    What lies in the queue is committed together (group commit), batches in one pass. When a
          group fails, its pieces are tried one by one, so that one bad piece does not fail its
          neighbours. The callers bound the queue: they wait for futures before they submit more.
Again     What PostgreSQL gave up for another's sake (a deadlock) is tried again, and what was under
          way when the connection broke, on a new one: work is such that it may be done twice.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count, groupby
from pathlib import Path
from typing import Any, TypeVar

from peewee import Database, PeeweeException

from mailtally_collector.store.dialect import is_postgres, writing
from mailtally_collector.store.failures import is_conflict, is_connection_lost, sentence
from mailtally_collector.store.guard import FileGuard, causes
from mailtally_collector.store.write_batch import Batch, BatchStore, ForgottenError, Stored

logger = logging.getLogger(__name__)

GROUP_MAX = 16
TRIES = 5
PAUSE_SECONDS = 0.05

T = TypeVar("T")


class StoreUnavailableError(Exception):
    """The database could not commit (locked, full disk, closed); the work may be tried again."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A batch, or work of another kind, and who waits for it."""

    what: Batch | Callable[[], Any]
    future: Future[Any]


class Writer:
    """Runs pieces in transactions of ``database``, in order, in a thread of its own.

    ``on_lost`` is told, once, why a file must not be used any more (guard.py); from then on all
    work fails.
    """

    def __init__(
        self,
        database: Database,
        batches: BatchStore,
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._batches = batches
        self._guard = None if is_postgres(database) else FileGuard(Path(database.database))
        self._on_lost = on_lost
        self._lost = ""
        self._queue: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="writer")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Queue the work. The future raises StoreUnavailableError when it was not committed."""
        return self._put(work)

    def batch(self, batch: Batch) -> Future[Stored]:
        """Queue a batch; batches are committed in the order of these calls."""
        return self._put(batch)

    def close(self) -> None:
        """Do what is queued, then end the thread and its connection."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _put(self, what: Batch | Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it under the thread
        with self._lock:
            if self._closed:
                future.set_exception(StoreUnavailableError("the collector is stopping"))
            else:
                self._queue.put(Piece(what, future))
        return future

    def _run(self) -> None:
        if self._guard:
            try:
                self._database.connect()
                self._guard.open()
            except (PeeweeException, OSError) as error:
                self._give_up(self._guard.lost(error) or f"{self._database.database}: {error}")
        while group := self._next_group():
            self._commit(group)
        self._database.close()

    def _next_group(self) -> list[Piece]:
        """Wait for work, then take what else lies in the queue; [] at the end."""
        group: list[Piece] = []
        piece = self._queue.get()
        while piece is not None:
            group.append(piece)
            if len(group) == GROUP_MAX or self._queue.empty():
                return group
            piece = self._queue.get()
        if group:
            self._queue.put(None)
        return group

    def _commit(self, group: Sequence[Piece]) -> None:
        if self._lost:
            self._refuse(group)
            return
        try:
            results = self._try(group)
        except Exception as error:  # noqa: BLE001 - the task's edge: the thread outlives its work
            self._batches.forget()
            if self._is_lost(error):
                self._refuse(group)
                return
            if len(group) > 1 and not is_connection_lost(error):
                for piece in group:
                    self._commit([piece])
                return
            for piece in group:
                self._fail(piece.future, error)
            return
        if self._is_lost(None):
            self._refuse(group)
            return
        self._settle()
        for piece, result in zip(group, results, strict=True):
            piece.future.set_result(result)

    def _try(self, group: Sequence[Piece]) -> list[Any]:
        """Commit the pieces, some times if need be; what became of each."""
        for attempt in count(1):
            self._connect()
            try:
                return self._transact(group)
            except PeeweeException as error:
                is_lost = is_connection_lost(error)
                if attempt == TRIES or not (is_lost or is_conflict(error)):
                    raise
                logger.warning('write tried again reason="%s"', sentence(error))
                self._batches.forget()
                if is_lost:
                    self._database.close()
            time.sleep(attempt * PAUSE_SECONDS)
        raise AssertionError

    def _transact(self, group: Sequence[Piece]) -> list[Any]:
        self._batches.prepare([piece.what for piece in group if isinstance(piece.what, Batch)])
        with writing(self._database):
            return self._work(group)

    def _settle(self) -> None:
        """Have links resolved before anybody is told, so that who asks then sees it."""
        try:
            self._batches.settle()
        except Exception:
            logger.exception("links not settled")

    def _connect(self) -> None:
        """Connect, for the first time or after the server went away.

        Another may answer then, or the same with an older state: nothing that is kept in memory
        about its rows holds.
        """
        if self._database.is_closed() or not self._database.is_connection_usable():
            self._batches.forget()
            self._database.close()
            self._database.connect()

    def _work(self, group: Sequence[Piece]) -> list[Any]:
        """Do the pieces in their order; batches that follow one another at once."""
        results: list[Any] = []
        for is_batch, run in groupby(group, key=lambda piece: isinstance(piece.what, Batch)):
            pieces = [piece.what for piece in run]
            if is_batch:
                results += self._batches.store([one for one in pieces if isinstance(one, Batch)])
            else:
                results += [one() for one in pieces if not isinstance(one, Batch)]
        return results

    def _is_lost(self, error: Exception | None) -> bool:
        reason = self._guard.lost(error) if self._guard else ""
        if reason:
            self._give_up(reason)
        return bool(reason)

    def _give_up(self, reason: str) -> None:
        self._lost = reason
        self._on_lost(reason)

    def _refuse(self, group: Sequence[Piece]) -> None:
        """Promise nothing: what was committed would not be found again."""
        for piece in group:
            piece.future.set_exception(StoreUnavailableError(self._lost))

    def _fail(self, future: Future[Any], error: Exception) -> None:
        if isinstance(error, PeeweeException):
            *_, first = causes(error)
            reason = sentence(first if self._guard and isinstance(first, Exception) else error)
            # The URI of a server may hold its password.
            place = f"database={self._database.database} " if self._guard else ""
            logger.error('write failed %sreason="%s"', place, reason)
            future.set_exception(StoreUnavailableError(reason))
        elif isinstance(error, ForgottenError):
            logger.warning('agent has to report again reason="%s"', error)
            future.set_exception(StoreUnavailableError(str(error)))
        else:
            logger.error("write failed", exc_info=error)
            future.set_exception(error)
