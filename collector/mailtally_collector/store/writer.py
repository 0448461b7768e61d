"""The one thread that writes. Work comes in by queue, each piece gets its result by future.

Gives     ``Writer.submit(work)``: the work runs inside a transaction, and its future is resolved
          after the commit, never before.
Limits    What lies in the queue is committed together (group commit). When a group fails, its
          pieces are tried one by one, so that one bad piece does not fail its neighbours. The
          callers bound the queue: they wait for futures before they submit more.
"""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from peewee import PeeweeException, SqliteDatabase

logger = logging.getLogger(__name__)

GROUP_MAX = 16

T = TypeVar("T")
Piece = tuple[Callable[[], Any], Future[Any]]


class StoreUnavailableError(Exception):
    """The database could not commit (locked, full disk, closed); the work may be tried again."""


class Writer:
    """Runs submitted work in transactions of ``database``, in order, in a thread of its own.

    ``forget`` is called after every rollback: what the work keeps in memory about rows may then
    describe rows that do not exist.
    """

    def __init__(self, database: SqliteDatabase, forget: Callable[[], None]) -> None:
        self._database = database
        self._forget = forget
        self._queue: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="writer")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Queue the work. The future raises StoreUnavailableError when it was not committed."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it under the thread
        with self._lock:
            if self._closed:
                future.set_exception(StoreUnavailableError("the collector is stopping"))
            else:
                self._queue.put((work, future))
        return future

    def close(self) -> None:
        """Do what is queued, then end the thread and its connection."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        with self._database.connection_context():
            while group := self._next_group():
                self._commit(group)

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

    def _commit(self, group: list[Piece]) -> None:
        try:
            with self._database.atomic("IMMEDIATE"):
                results = [work() for work, _ in group]
        except Exception as error:  # noqa: BLE001 - the task's edge: the thread outlives its work
            self._forget()
            if len(group) > 1:
                for piece in group:
                    self._commit([piece])
                return
            _fail(group[0][1], error)
            return
        for (_, future), result in zip(group, results, strict=True):
            future.set_result(result)


def _fail(future: Future[Any], error: Exception) -> None:
    if isinstance(error, PeeweeException):
        logger.error('write failed reason="%s"', error)
        future.set_exception(StoreUnavailableError(str(error)))
    else:
        logger.error("write failed", exc_info=error)
        future.set_exception(error)
