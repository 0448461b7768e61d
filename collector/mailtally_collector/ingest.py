"""IngestService: streams of records from agents, acknowledged after the commit.

Order     A receiver task reads requests and queues batches at the store; the handler waits for
          the commits in the same order and writes the acknowledgements. Up to IN_FLIGHT batches of
          a stream lie between the two; when they do, nothing is read, and HTTP/2 holds the agent.
Errors    Bad data never ends a stream: it goes to quarantine. A stream is refused for a bad
          handshake or a batch that is too large, and ends with UNAVAILABLE when the database cannot
          commit or the collector stops. What was not acknowledged is sent again.
Limits    Commands and settings are not sent yet; results of commands are ignored.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import grpc

from mailtally.v1 import ingest_pb2, ingest_pb2_grpc
from mailtally_collector import __version__
from mailtally_collector.ingest_codec import decode_agent_state, decode_gap, decode_record
from mailtally_collector.presence import Presence
from mailtally_collector.store.servers import Greeting
from mailtally_collector.store.store import Store
from mailtally_collector.store.write_batch import Stored
from mailtally_collector.store.writer import StoreUnavailableError

logger = logging.getLogger(__name__)

PROTOCOL = 1
HELLO_SECONDS = 10
SERVER_NAME_MAX = 253
# Tokens of one length are kept together (store_token): those of old logs have their own.
TOKEN_BYTES = 16
OLD_LOGS_TOKEN_BYTES = 20
RECORDS_MAX = 5_000
RECORDS_ADVISED = 1_000
IN_FLIGHT = 8
# Batches of all streams that may wait for the writer; bounds the memory.
QUEUED_MAX = 32

Requests = AsyncIterator[ingest_pb2.ReportRequest]
Context = grpc.aio.ServicerContext[ingest_pb2.ReportRequest, ingest_pb2.ReportResponse]


class StreamRefusedError(Exception):
    """The stream must end with this status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch that lies at the store."""

    sequence: int
    token: bytes
    stored: asyncio.Future[Stored]


class IngestService(ingest_pb2_grpc.IngestServiceServicer):
    """Takes reports. With ``names_are_certified`` a server's name must be its certificate's."""

    def __init__(
        self,
        store: Store,
        presence: Presence,
        clock: Callable[[], int],
        *,
        names_are_certified: bool,
        hello_seconds: float = HELLO_SECONDS,
    ) -> None:
        self._store = store
        self._presence = presence
        self._clock = clock
        self._names_are_certified = names_are_certified
        self._hello_seconds = hello_seconds
        self._queued = asyncio.Semaphore(QUEUED_MAX)
        self._receivers: set[asyncio.Task[None]] = set()
        self._stopping = False

    def stop(self) -> None:
        """Read nothing more; streams end after the acknowledgement of what was read."""
        self._stopping = True
        for receiver in self._receivers:
            receiver.cancel()

    async def Report(  # type: ignore[override]  # noqa: N802 - gRPC names it
        self,
        request_iterator: Requests,
        context: Context,
    ) -> None:
        """Serve one agent until it leaves."""
        try:
            hello = await self._hello(request_iterator)
            if self._names_are_certified:
                check_certified(hello.server, context.auth_context())
            greeting = await self._store.greet(hello.server, hello.agent_version, hello.last_token)
            logger.info("agent connected server=%s resync=%s", hello.server, greeting.resync)
            await context.write(ingest_pb2.ReportResponse(welcome=_welcome(greeting)))
            with self._presence.stream(hello.server):
                token_bytes = OLD_LOGS_TOKEN_BYTES if hello.old_logs else TOKEN_BYTES
                await self._acknowledge(hello.server, token_bytes, request_iterator, context)
            logger.info("agent left server=%s", hello.server)
        except StreamRefusedError as refusal:
            logger.warning('stream ended reason="%s"', refusal.details)
            await context.abort(refusal.code, refusal.details)
        except StoreUnavailableError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"the database cannot commit: {error}")

    async def _hello(self, requests: Requests) -> ingest_pb2.Hello:
        """Wait for the first message. Raises StreamRefusedError unless it is a usable Hello."""
        try:
            async with asyncio.timeout(self._hello_seconds):
                request = await anext(requests)
        except (TimeoutError, StopAsyncIteration):
            raise StreamRefusedError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"no Hello came within {self._hello_seconds:g} s",
            ) from None
        if request.WhichOneof("kind") != "hello":
            raise StreamRefusedError(
                grpc.StatusCode.INVALID_ARGUMENT, "the first message must be Hello"
            )
        check_hello(request.hello)
        return request.hello

    async def _acknowledge(
        self, server: str, token_bytes: int, requests: Requests, context: Context
    ) -> None:
        """Store what comes and write the acknowledgements, in order, each after its commit."""
        pending: asyncio.Queue[Pending | None] = asyncio.Queue()
        slots = asyncio.Semaphore(IN_FLIGHT)
        receiver = asyncio.create_task(self._receive(server, token_bytes, requests, pending, slots))
        self._receivers.add(receiver)
        receiver.add_done_callback(lambda _: pending.put_nowait(None))
        if self._stopping:
            receiver.cancel()
        try:
            while (batch := await pending.get()) is not None:
                await context.write(_acknowledgement(batch, await batch.stored))
                slots.release()
            if receiver.cancelled():
                raise StreamRefusedError(grpc.StatusCode.UNAVAILABLE, "the collector is stopping")
            await receiver
        finally:
            self._receivers.discard(receiver)
            receiver.cancel()
            with suppress(asyncio.CancelledError, StreamRefusedError, StoreUnavailableError):
                await receiver

    async def _receive(
        self,
        server: str,
        token_bytes: int,
        requests: Requests,
        pending: asyncio.Queue[Pending | None],
        slots: asyncio.Semaphore,
    ) -> None:
        """Read requests to the end of the stream and queue their batches."""
        async for request in requests:
            match request.WhichOneof("kind"):
                case "batch":
                    await slots.acquire()
                    pending.put_nowait(await self._submit(server, request.batch, token_bytes))
                case "status":
                    await self._store.agent_state(server, decode_agent_state(request.status))
                case "hello":
                    raise StreamRefusedError(
                        grpc.StatusCode.INVALID_ARGUMENT, "a second Hello on one stream"
                    )

    async def _submit(self, server: str, batch: ingest_pb2.Batch, token_bytes: int) -> Pending:
        for what, count in (("records", len(batch.records)), ("gaps", len(batch.gaps))):
            if count > RECORDS_MAX:
                raise StreamRefusedError(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"a batch of {count} {what}; at most {RECORDS_MAX} are taken",
                )
        now_us = self._clock()
        records = [decode_record(record, now_us) for record in batch.records]
        gaps = [decode_gap(gap, now_us) for gap in batch.gaps]
        token = secrets.token_bytes(token_bytes)
        await self._queued.acquire()
        stored = self._store.batch(server, records, token, gaps)
        stored.add_done_callback(self._leave_queue)
        return Pending(batch.sequence, token, stored)

    def _leave_queue(self, stored: asyncio.Future[Stored]) -> None:
        self._queued.release()
        if not stored.cancelled():
            stored.exception()  # a stream that is gone does not look at it


def check_hello(hello: ingest_pb2.Hello) -> None:
    """Raise StreamRefusedError when the agent cannot be served."""
    if not hello.server or len(hello.server) > SERVER_NAME_MAX or "\0" in hello.server:
        raise StreamRefusedError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"the server name must have 1 to {SERVER_NAME_MAX} characters",
        )
    if not hello.protocol_min <= PROTOCOL <= hello.protocol_max:
        raise StreamRefusedError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"the agent speaks protocol {hello.protocol_min} to {hello.protocol_max},"
            f" this collector speaks {PROTOCOL}: upgrade the older of the two",
        )


def check_certified(server: str, auth: Mapping[str, Iterable[bytes]]) -> None:
    """Raise StreamRefusedError unless the client's certificate bears the server's name."""
    names = {
        name.decode("utf-8", "replace")
        for kind in ("x509_subject_alternative_name", "x509_common_name")
        for name in auth.get(kind, ())
    }
    if server not in names:
        raise StreamRefusedError(
            grpc.StatusCode.PERMISSION_DENIED,
            f"the client certificate is for {', '.join(sorted(names))}, not for {server}",
        )


def _welcome(greeting: Greeting) -> ingest_pb2.Welcome:
    return ingest_pb2.Welcome(
        protocol=PROTOCOL,
        collector_version=__version__,
        resync=greeting.resync,
        stored_until_us=greeting.stored_until_us,
        max_batch_records=RECORDS_ADVISED,
        max_batches_in_flight=IN_FLIGHT,
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
