"""What goes down one agent's stream, in order: acknowledgements, settings, commands.

Order     One task writes. Acknowledgements come in the order of the batches, each after its commit.
          Settings come first of all and whenever their revision changes; a command comes once on a
          stream, and again on the next one while its result is not stored.
Limits    What waits is bounded: by the batches that a stream may have under way, by one set of
          settings, and by the requests that somebody waits for.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from mailtally.v1 import ingest_pb2
from mailtally_collector.collecting import Collecting
from mailtally_collector.order_watch import OrderWatch
from mailtally_collector.store.write_batch import Stored


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch that lies at the store."""

    sequence: int
    token: bytes
    stored: asyncio.Future[Stored]


class Downlink:
    """One stream. Without a watch nothing but acknowledgements goes down."""

    def __init__(
        self, server: str, watch: OrderWatch | None, written: Callable[[], object]
    ) -> None:
        """``written`` is called for each acknowledgement that was written."""
        self._server = server
        self._watch = watch
        self._written = written
        self._pending: deque[Pending] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self._revision = 0
        self._told: set[int] = set()

    def expect(self, batch: Pending) -> None:
        """A batch was read and lies at the store."""
        self._pending.append(batch)
        batch.stored.add_done_callback(lambda _: self._wake.set())

    def end(self) -> None:
        """Nothing more is read: end after the acknowledgement of what was."""
        self._ended = True
        self._wake.set()

    async def responses(self) -> AsyncGenerator[ingest_pb2.ReportResponse, None]:
        """Give what is to be written, until the end. Raises StoreUnavailableError."""
        called = self._watch.calling(self._wake.set) if self._watch else nullcontext()
        with called:
            while True:
                self._wake.clear()
                for response in self._orders():
                    yield response
                while self._pending and self._pending[0].stored.done():
                    batch = self._pending.popleft()
                    yield _acknowledgement(batch, batch.stored.result())
                    self._written()
                if self._ended and not self._pending:
                    return
                await self._wake.wait()

    def _orders(self) -> Iterator[ingest_pb2.ReportResponse]:
        """Give what this stream was not told yet."""
        if self._watch is None:
            return
        settings = self._watch.orders.settings_of(self._server)
        if settings.revision != self._revision:
            self._revision = settings.revision
            yield ingest_pb2.ReportResponse(settings=encode_settings(settings))
        requests = self._watch.requests_of(self._server)
        self._told &= {one.id for one in requests}
        for request in requests:
            if request.id not in self._told:
                self._told.add(request.id)
                yield ingest_pb2.ReportResponse(
                    command=ingest_pb2.Command(id=request.id, collect_now=ingest_pb2.CollectNow())
                )


def encode_settings(settings: Collecting) -> ingest_pb2.Settings:
    """Settings as agents get them."""
    if not settings.enabled:
        collection = ingest_pb2.COLLECTION_OFF
    elif settings.interval_seconds:
        collection = ingest_pb2.COLLECTION_INTERVAL
    else:
        collection = ingest_pb2.COLLECTION_CONTINUOUS
    return ingest_pb2.Settings(
        revision=settings.revision,
        collection=collection,
        interval_seconds=settings.interval_seconds if settings.enabled else 0,
    )


def _acknowledgement(batch: Pending, stored: Stored) -> ingest_pb2.ReportResponse:
    return ingest_pb2.ReportResponse(
        acknowledgement=ingest_pb2.Acknowledgement(
            sequence=batch.sequence,
            token=batch.token,
            stored=stored.stored,
            known=stored.known,
            quarantined=stored.quarantined,
        )
    )
