"""One stream to the collector: hello, batches up, acknowledgements down.

A session lasts until the stream breaks, the agent is told to stop, or (with until_end) everything
in the log is reported. The next session sends again what was not acknowledged.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import grpc

from mailtally.v1 import ingest_pb2 as pb
from mailtally.v1.ingest_pb2_grpc import IngestServiceStub
from mailtally_agent import __version__
from mailtally_agent.harvest import Harvest
from mailtally_agent.reading import Reading
from mailtally_agent.ship import Batch
from mailtally_agent.status import StatusFile
from mailtally_agent.wire import encode, encode_gap

if TYPE_CHECKING:
    from mailtally.v1.ingest_pb2_grpc import IngestServiceAsyncStub

logger = logging.getLogger(__name__)

PROTOCOL = 1
WELCOME_SECONDS = 10.0
# How often a quiet log is looked at. Polling costs a few system calls and survives every kind of
# file system, rotation and rename, which notifications do not.
IDLE_SECONDS = 0.2
STATUS_SECONDS = 5.0

Stream = grpc.aio.StreamStreamCall[pb.ReportRequest, pb.ReportResponse]


class ProtocolError(Exception):
    """The collector said something that does not belong there."""


@dataclass(slots=True)
class Answered:
    """What became of records, as the collector said: new to it, known already, or set aside."""

    stored: int = 0
    known: int = 0
    quarantined: int = 0


class Session:
    """A stream from its hello to its end."""

    def __init__(
        self, harvest: Harvest, server: str, status: StatusFile | None, clock: Callable[[], int]
    ) -> None:
        """Report this harvest as that server; status is written along the way.

        None for old logs: they say nothing of how the agent does that follows the log.
        """
        self._harvest = harvest
        self._server = server
        self._status = status
        self._clock = clock
        self._stopping = asyncio.Event()
        self.answered = Answered()

    def stop(self) -> None:
        """End the session soon; what is under way is sent again later."""
        self._stopping.set()

    async def run(
        self, channel: grpc.aio.Channel, *, until_end: bool, welcomed: Callable[[], None]
    ) -> None:
        """Report until stopped, or with until_end until the log's end is acknowledged.

        Raises grpc.aio.AioRpcError, ProtocolError, OSError: also, with until_end, at its end when a
        log cannot be read.
        """
        self._harvest.window.reconnect()
        stub = cast("IngestServiceAsyncStub", IngestServiceStub(channel))
        stream: Stream = stub.Report()
        try:
            await self._greet(stream)
            welcomed()
            acknowledgements = asyncio.create_task(self._receive(stream))
            try:
                await self._send(stream, acknowledgements, until_end=until_end)
            finally:
                acknowledgements.cancel()
                await asyncio.gather(acknowledgements, return_exceptions=True)
            self._harvest.finish()
            if until_end and not self._stopping.is_set():
                for problem in self._harvest.problems():
                    raise problem
        finally:
            stream.cancel()

    async def _greet(self, stream: Stream) -> None:
        hello = pb.Hello(
            server=self._server,
            agent_version=__version__,
            protocol_min=PROTOCOL,
            protocol_max=PROTOCOL,
            last_token=self._harvest.token,
            old_logs=self._status is None,
        )
        await stream.write(pb.ReportRequest(hello=hello))
        async with asyncio.timeout(WELCOME_SECONDS):
            answer = await stream.read()
        if not isinstance(answer, pb.ReportResponse):
            await _raise_status(stream)
        elif answer.WhichOneof("kind") != "welcome":
            raise ProtocolError("the collector's first message is no welcome")
        else:
            welcome = answer.welcome
            self._harvest.window.limit(welcome.max_batch_records, welcome.max_batches_in_flight)
            # Old logs have no beginning that something could be missing before.
            place_lost = self._status is not None and not self._harvest.token
            if welcome.resync:
                logger.warning("the collector does not know our last report, reading the log again")
            elif not (place_lost and welcome.stored_until_us):
                return
            self._harvest.read_again(welcome.stored_until_us)
            self.answered = Answered()

    async def _send(
        self, stream: Stream, acknowledgements: asyncio.Task[None], *, until_end: bool
    ) -> None:
        """Read, send and wait in turn."""
        harvest = self._harvest
        told = 0.0
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            if acknowledgements.done():
                acknowledgements.result()
                await _raise_status(stream)
            more = harvest.read_some()
            while batch := harvest.window.next_batch(flush=not more):
                await stream.write(pb.ReportRequest(batch=_encode(batch)))
            if loop.time() - told >= STATUS_SECONDS:
                told = loop.time()
                await self._tell(stream)
            if more:
                await asyncio.sleep(0)
                continue
            harvest.save_if_due()
            if until_end and harvest.window.empty and harvest.caught_up():
                await self._tell(stream)
                return
            idle = 0.01 if not harvest.window.empty else IDLE_SECONDS
            await asyncio.wait([acknowledgements], timeout=idle)

    async def _receive(self, stream: Stream) -> None:
        """Take acknowledgements until the stream ends."""
        while isinstance(response := await stream.read(), pb.ReportResponse):
            if response.WhichOneof("kind") == "acknowledgement":
                ack = response.acknowledgement
                self._harvest.acknowledged(ack.sequence, ack.token)
                self.answered.stored += ack.stored
                self.answered.known += ack.known
                self.answered.quarantined += ack.quarantined
                if ack.quarantined:
                    logger.warning("the collector set records aside count=%d", ack.quarantined)

    async def _tell(self, stream: Stream) -> None:
        """Write the status file and the message that says the same."""
        if self._status is None:
            return
        harvest = self._harvest
        totals = harvest.totals()
        status = pb.AgentStatus(
            time_us=self._clock(),
            newest_line_us=totals.newest_us or 0,
            lines_read=totals.lines,
            lines_unparsed=totals.unparsed.total(),
            lines_oversize=totals.oversize,
            backlog_bytes=harvest.backlog_bytes(),
            open_messages=totals.open_messages,
            gaps=totals.gaps + totals.losses,
            oldest_line_us=totals.oldest_us or 0,
            sources=[_source(reading) for reading in harvest.readings],
        )
        self._status.write_connected(harvest, status.backlog_bytes)
        await stream.write(pb.ReportRequest(status=status))


def _encode(batch: Batch) -> pb.Batch:
    return pb.Batch(
        sequence=batch.sequence,
        records=[encode(record) for record in batch.records],
        gaps=[encode_gap(gap) for gap in batch.gaps],
    )


def _source(reading: Reading) -> pb.SourceStatus:
    return pb.SourceStatus(
        name=reading.name,
        newest_line_us=reading.reader.newest_us or 0,
        backlog_bytes=reading.backlog_bytes(),
        problem="" if reading.problem is None else str(reading.problem),
    )


async def _raise_status(stream: Stream) -> None:
    """The stream has ended: raise what the collector ended it with."""
    code = await stream.code()
    raise grpc.aio.AioRpcError(
        code,
        await stream.initial_metadata(),
        await stream.trailing_metadata(),
        await stream.details(),
    )
