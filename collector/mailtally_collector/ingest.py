"""IngestService: streams of records from agents, acknowledged after the commit.

Order     A receiver task reads requests and queues batches at the store; the handler writes what
          goes down (downlink.py): acknowledgements after the commits in the same order, settings,
          commands. Up to IN_FLIGHT batches of a stream lie between the two; when they do, nothing
          is read, and HTTP/2 holds the agent.
Who       admission.py says as whom a stream may report; streams.py ends it when another one of the
          same server begins, or its certificate is revoked.
Errors    Bad data never ends a stream: it goes to quarantine. A stream is refused for a bad
          handshake or a batch that is too large, and ends with UNAVAILABLE when the database cannot
          commit or the collector stops. What was not acknowledged is sent again.
Limits    Of what a message may hold: ingest_limits.py. Who says nothing for IDLE_SECONDS is gone.
          Streams of old logs get neither settings nor commands, and do not count as the agent's.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress

import grpc

from mailtally.v1 import ingest_pb2, ingest_pb2_grpc
from mailtally_collector import __version__
from mailtally_collector.agent_codec import (
    decode_agent_report,
    decode_agent_state,
    decode_command_result,
)
from mailtally_collector.downlink import Downlink, Pending
from mailtally_collector.identity.admission import Admission
from mailtally_collector.identity.certificate import peer_certificate
from mailtally_collector.ingest_codec import decode_gap, decode_record
from mailtally_collector.ingest_limits import Oversized
from mailtally_collector.order_watch import OrderWatch
from mailtally_collector.presence import Presence
from mailtally_collector.refusal import StreamRefusedError
from mailtally_collector.store.servers import Greeting
from mailtally_collector.store.store import Store
from mailtally_collector.store.write_batch import Stored
from mailtally_collector.store.writer import StoreUnavailableError
from mailtally_collector.streams import OpenStream, Streams

logger = logging.getLogger(__name__)

PROTOCOL = 1
HELLO_SECONDS = 10
# Agents say how they are every 5 s.
IDLE_SECONDS = 60
SERVER_NAME_MAX = 253
# Tokens of one length are kept together (store_token): those of old logs have their own.
TOKEN_BYTES = 16
OLD_LOGS_TOKEN_BYTES = 20
RECORDS_ADVISED = 1_000
IN_FLIGHT = 8
# Batches of all streams that may wait for the writer; bounds the memory.
QUEUED_MAX = 32

Requests = AsyncIterator[ingest_pb2.ReportRequest | Oversized]
Context = grpc.aio.ServicerContext[ingest_pb2.ReportRequest, ingest_pb2.ReportResponse]


class IngestService(ingest_pb2_grpc.IngestServiceServicer):
    """Takes reports."""

    def __init__(
        self,
        store: Store,
        presence: Presence,
        watch: OrderWatch,
        clock: Callable[[], int],
        *,
        streams: Streams,
        admission: Admission,
        hello_seconds: float = HELLO_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._store = store
        self._presence = presence
        self._watch = watch
        self._clock = clock
        self._streams = streams
        self._admission = admission
        self._hello_seconds = hello_seconds
        self._idle_seconds = idle_seconds
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
            peer = peer_certificate(context.auth_context())
            hello = await self._hello(request_iterator)
            who = await self._admission.admit(peer, hello.server)
            await asyncio.sleep(self._streams.wait_seconds(who.fingerprint))
            server = who.server
            with self._streams.open(server, who.fingerprint, old_logs=hello.old_logs) as stream:
                greeting = await self._store.greet(server, hello.agent_version, hello.last_token)
                logger.info("agent connected server=%s resync=%s", server, greeting.resync)
                stream.follows = b"" if greeting.resync else hello.last_token
                async with AsyncExitStack() as following:
                    if not hello.old_logs:
                        await following.enter_async_context(self._following(server))
                    await context.write(ingest_pb2.ReportResponse(welcome=_welcome(greeting)))
                    await self._converse(stream, request_iterator, context)
            logger.info("agent left server=%s", server)
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
        if isinstance(request, Oversized) or request.WhichOneof("kind") != "hello":
            raise StreamRefusedError(
                grpc.StatusCode.INVALID_ARGUMENT, "the first message must be Hello"
            )
        check_hello(request.hello)
        return request.hello

    @asynccontextmanager
    async def _following(self, server: str) -> AsyncIterator[None]:
        """Let the server count as connected while the block runs."""
        stream = secrets.randbits(63)
        try:
            await self._store.connected(server, stream)
            with self._presence.stream(server):
                yield
        finally:
            with suppress(StoreUnavailableError):
                await self._store.left(server, stream)

    async def _converse(self, stream: OpenStream, requests: Requests, context: Context) -> None:
        """Store what comes, and write what goes down."""
        slots = asyncio.Semaphore(IN_FLIGHT)
        watch = None if stream.old_logs else self._watch
        downlink = Downlink(stream.server, watch, slots.release)
        receiver = asyncio.create_task(self._receive(stream, requests, downlink, slots))
        self._receivers.add(receiver)
        receiver.add_done_callback(lambda _: downlink.end())
        stream.on_end(receiver.cancel)
        if self._stopping:
            receiver.cancel()
        try:
            async with aclosing(downlink.responses()) as responses:
                async for response in responses:
                    await context.write(response)
            stream.check()
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
        stream: OpenStream,
        requests: Requests,
        downlink: Downlink,
        slots: asyncio.Semaphore,
    ) -> None:
        """Read requests to the end of the stream and queue their batches."""
        server = stream.server
        token_bytes = OLD_LOGS_TOKEN_BYTES if stream.old_logs else TOKEN_BYTES
        while (request := await self._next(requests)) is not None:
            self._admission.check_stream(stream)
            stream.check()
            match request.WhichOneof("kind"):
                case "batch":
                    await slots.acquire()
                    downlink.expect(await self._submit(stream, request.batch, token_bytes))
                case "status":
                    now_us = self._clock()
                    await self._store.agent_state(
                        server,
                        decode_agent_state(request.status, now_us),
                        decode_agent_report(request.status, now_us),
                        stream.follows,
                    )
                case "command_result":
                    result = decode_command_result(request.command_result)
                    await self._store.command_result(server, result)
                case "hello":
                    raise StreamRefusedError(
                        grpc.StatusCode.INVALID_ARGUMENT, "a second Hello on one stream"
                    )

    async def _next(self, requests: Requests) -> ingest_pb2.ReportRequest | None:
        """Wait for a message; None at the end. Raises StreamRefusedError."""
        try:
            async with asyncio.timeout(self._idle_seconds):
                request = await anext(requests)
        except StopAsyncIteration:
            return None
        except TimeoutError:
            raise StreamRefusedError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"nothing came for {self._idle_seconds:g} s; the agent connects again by itself",
            ) from None
        if isinstance(request, Oversized):
            raise StreamRefusedError(grpc.StatusCode.INVALID_ARGUMENT, request.why)
        return request

    async def _submit(
        self, stream: OpenStream, batch: ingest_pb2.Batch, token_bytes: int
    ) -> Pending:
        now_us = self._clock()
        records = [decode_record(record, now_us) for record in batch.records]
        gaps = [decode_gap(gap, now_us) for gap in batch.gaps]
        token = secrets.token_bytes(token_bytes)
        await self._queued.acquire()
        follows, stream.follows = stream.follows, token
        stored = self._store.batch(stream.server, records, token, gaps, follows)
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


def _welcome(greeting: Greeting) -> ingest_pb2.Welcome:
    return ingest_pb2.Welcome(
        protocol=PROTOCOL,
        collector_version=__version__,
        resync=greeting.resync,
        stored_until_us=greeting.stored_until_us,
        max_batch_records=RECORDS_ADVISED,
        max_batches_in_flight=IN_FLIGHT,
    )
