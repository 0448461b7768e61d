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
from pathlib import Path
from typing import Any, TypeVar

from peewee import PeeweeException, SqliteDatabase

from mailtally_collector.store.guard import FileGuard, causes

logger = logging.getLogger(__name__)

GROUP_MAX = 16

T = TypeVar("T")
Piece = tuple[Callable[[], Any], Future[Any]]


class StoreUnavailableError(Exception):
    """The database could not commit (locked, full disk, closed); the work may be tried again."""


class Writer:
    """Runs submitted work in transactions of ``database``, in order, in a thread of its own.

    ``forget`` is called after every rollback: what the work keeps in memory about rows may then
    describe rows that do not exist. ``on_lost`` is told, once, why the file must not be used any
    more (guard.py); from then on all work fails.
    """

    def __init__(
        self,
        database: SqliteDatabase,
        forget: Callable[[], None],
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._forget = forget
        self._guard = FileGuard(Path(database.database))
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

    def _commit(self, group: list[Piece]) -> None:
        if self._lost:
            self._refuse(group)
            return
        try:
            with self._database.atomic("IMMEDIATE"):
                results = [work() for work, _ in group]
        except Exception as error:  # noqa: BLE001 - the task's edge: the thread outlives its work
            self._forget()
            if self._is_lost(error):
                self._refuse(group)
                return
            if len(group) > 1:
                for piece in group:
                    self._commit([piece])
                return
            self._fail(group[0][1], error)
            return
        if self._is_lost(None):
            self._refuse(group)
            return
        for (_, future), result in zip(group, results, strict=True):
            future.set_result(result)

    def _is_lost(self, error: Exception | None) -> bool:
        reason = self._guard.lost(error)
        if reason:
            self._give_up(reason)
        return bool(reason)

    def _give_up(self, reason: str) -> None:
        self._lost = reason
        self._on_lost(reason)

    def _refuse(self, group: list[Piece]) -> None:
        """Promise nothing: what was committed would not be found again."""
        for _, future in group:
            future.set_exception(StoreUnavailableError(self._lost))

    def _fail(self, future: Future[Any], error: Exception) -> None:
        if isinstance(error, PeeweeException):
            *_, first = causes(error)
            logger.error('write failed database=%s reason="%s"', self._database.database, first)
            future.set_exception(StoreUnavailableError(str(first)))
        else:
            logger.error("write failed", exc_info=error)
            future.set_exception(error)
