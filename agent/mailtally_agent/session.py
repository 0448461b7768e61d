"""One stream to the collector: hello, batches up; acknowledgements, settings and commands down.

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
from mailtally_agent.agent_status import agent_status
from mailtally_agent.batch_codec import encode_batch
from mailtally_agent.collecting import Collecting, Result
from mailtally_agent.harvest import Harvest
from mailtally_agent.orders import decode_settings, encode_result
from mailtally_agent.status import StatusFile

if TYPE_CHECKING:
    from mailtally.v1.ingest_pb2_grpc import IngestServiceAsyncStub

logger = logging.getLogger(__name__)

PROTOCOL = 1
WELCOME_SECONDS = 10.0
# How often a quiet log is looked at. Polling costs a few system calls and survives every kind of
# file system, rotation and rename, which notifications do not.
IDLE_SECONDS = 0.2
STATUS_SECONDS = 5.0
# While somebody waits for a command.
COMMAND_STATUS_SECONDS = 1.0
# How long records wait for others that go into the same batch.
BATCH_SECONDS = 0.25

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
        self,
        harvest: Harvest,
        server: str,
        status: StatusFile | None,
        clock: Callable[[], int],
        collecting: Collecting | None = None,
    ) -> None:
        """Report this harvest as that server; status is written along the way.

        status      None for old logs: they say nothing of how the agent does that follows the log
        collecting  says when to read; None: whenever there is something
        """
        self._harvest = harvest
        self.server = server
        self._status = status
        self._clock = clock
        self._collecting = collecting
        self._stopping = asyncio.Event()
        self._told = 0.0
        self._waiting_since: float | None = None
        # The present run ended early although nothing is wrong, to go on on another connection.
        self.has_paused = False
        self.answered = Answered()

    def stop(self) -> None:
        """End the session soon; what is under way is sent again later."""
        self._stopping.set()

    def pause(self) -> None:
        """End the present run soon; the next one goes on."""
        self.has_paused = True

    async def run(
        self, channel: grpc.aio.Channel, *, until_end: bool, welcomed: Callable[[], None]
    ) -> None:
        """Report until stopped, or with until_end until the log's end is acknowledged.

        Raises grpc.aio.AioRpcError, ProtocolError, OSError: also, with until_end, at its end when a
        log cannot be read.
        """
        self.has_paused = False
        self._harvest.window.reconnect()
        stub = cast("IngestServiceAsyncStub", IngestServiceStub(channel))
        stream: Stream = stub.Report()
        try:
            await self._greet(stream)
            if self._collecting:
                self._collecting.greeted()
            welcomed()
            acknowledgements = asyncio.create_task(self._receive(stream))
            try:
                await self._send(stream, acknowledgements, until_end=until_end)
            finally:
                acknowledgements.cancel()
                await asyncio.gather(acknowledgements, return_exceptions=True)
            if not self.has_paused:
                self._harvest.finish()
                if until_end and not self._stopping.is_set():
                    for problem in self._harvest.problems():
                        raise problem
        finally:
            stream.cancel()

    async def _greet(self, stream: Stream) -> None:
        hello = pb.Hello(
            server=self.server,
            agent_version=__version__,
            protocol_min=PROTOCOL,
            protocol_max=PROTOCOL,
            last_token=self._harvest.token,
            old_logs=self._status is None,
        )
        await _write(stream, pb.ReportRequest(hello=hello))
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
        self._told = 0.0
        while not self._stopping.is_set() and not self.has_paused:
            if acknowledgements.done():
                acknowledgements.result()
                await _raise_status(stream)
            more = self._read()
            while batch := harvest.window.next_batch(flush=not more and self._is_time_to_flush()):
                encoded = encode_batch(harvest.window, batch)
                await _write(stream, pb.ReportRequest(batch=encoded))
            await self._tell_if_due(stream)
            if more:
                await asyncio.sleep(0)
                continue
            harvest.save_if_due()
            if until_end and harvest.window.empty and harvest.caught_up():
                await self._tell(stream)
                return
            idle = 0.01 if not harvest.window.empty else IDLE_SECONDS
            await asyncio.wait([acknowledgements], timeout=idle)

    def _read(self) -> bool:
        """Read on, if it is time for it; whether there is more."""
        is_time = self._collecting is None or self._collecting.wants_lines()
        return is_time and self._harvest.read_some()

    def _is_time_to_flush(self) -> bool:
        """Whether to send what does not fill a batch: a log that grows gives more in a moment."""
        if self._collecting is None or not self._collecting.is_continuous:
            return True
        if not self._harvest.window.has_partial:
            self._waiting_since = None
            return False
        now = asyncio.get_running_loop().time()
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since >= BATCH_SECONDS

    async def _receive(self, stream: Stream) -> None:
        """Take acknowledgements, settings and commands until the stream ends."""
        while isinstance(response := await stream.read(), pb.ReportResponse):
            match response.WhichOneof("kind"):
                case "acknowledgement":
                    self._take(response.acknowledgement)
                case "settings" if self._collecting:
                    self._collecting.change(decode_settings(response.settings))
                    self._told = 0.0
                case "command" if self._collecting and response.command.HasField("collect_now"):
                    self._collecting.command(response.command.id)
                    self._told = 0.0

    def _take(self, acknowledgement: pb.Acknowledgement) -> None:
        self._harvest.acknowledged(acknowledgement.sequence, acknowledgement.token)
        self.answered.stored += acknowledgement.stored
        self.answered.known += acknowledgement.known
        self.answered.quarantined += acknowledgement.quarantined
        if acknowledgement.quarantined:
            count = acknowledgement.quarantined
            logger.warning("the collector set records aside count=%d", count)

    async def _tell_if_due(self, stream: Stream) -> None:
        """Tell how the agent and its commands do, now and then, and when commands are over."""
        collecting = self._collecting
        commanded = collecting is not None and collecting.is_commanded
        results = collecting.results() if collecting else []
        over = [result for result in results if result.done or result.error]
        seconds = COMMAND_STATUS_SECONDS if commanded else STATUS_SECONDS
        due = asyncio.get_running_loop().time() - self._told >= seconds
        if due or over:
            await self._tell(stream)
            await self._answer(stream, results)

    async def _answer(self, stream: Stream, results: list[Result]) -> None:
        for result in results:
            await _write(stream, pb.ReportRequest(command_result=encode_result(result)))

    async def _tell(self, stream: Stream) -> None:
        """Write the status file and the message that says the same; at least a sign of life."""
        self._told = asyncio.get_running_loop().time()
        if self._status is None:
            await _write(stream, pb.ReportRequest())
            return
        status = agent_status(self._harvest, self._collecting, self._clock())
        self._status.write_connected(self._harvest, status.backlog_bytes, self._collecting)
        await _write(stream, pb.ReportRequest(status=status))


async def _write(stream: Stream, request: pb.ReportRequest) -> None:
    """Send a message; raises what the collector ended the stream with, if it did."""
    try:
        await stream.write(request)
    except asyncio.InvalidStateError:  # it ended since we looked
        await _raise_status(stream)


async def _raise_status(stream: Stream) -> None:
    """The stream has ended: raise what the collector ended it with."""
    code = await stream.code()
    raise grpc.aio.AioRpcError(
        code,
        await stream.initial_metadata(),
        await stream.trailing_metadata(),
        await stream.details(),
    )
