"""Connections between agents and collectors: late, cut, one-sided, out of reach; from one seed.

Gives     ``Network`` with the faults; ``Channel``, which stands for an agent's grpc.aio channel;
          ``Context`` and the requests that a collector's Report gets. Messages travel as bytes.
Mirrors   grpc.aio: a call that has ended raises InvalidStateError when it is written to, and its
          status when it is read; a server's handler is cancelled when its stream is gone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from random import Random
from typing import Any, Self

import grpc

from mailtally.v1 import ingest_pb2 as pb
from mailtally_collector.ingest_limits import Oversized, parse_report
from tests.faults.simulation.killed import Killed

# Messages of one direction that are sent and not read yet; then the sender waits.
WINDOW = 8
REPLAYED_MAX = 4
Handler = Callable[[AsyncIterator[pb.ReportRequest | Oversized], Any], Coroutine[Any, Any, None]]
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Direction:
    """Messages one way, in order, each with its own delay."""

    def __init__(self, network: "Network") -> None:
        self._network = network
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(WINDOW)
        self._last = 0.0
        self._cut = False

    async def send(self, data: bytes) -> None:
        """Send when there is room."""
        await self._room.acquire()
        self.post(data)

    def post(self, data: bytes | None, arrived: Callable[[], None] = lambda: None) -> None:
        """Send, or with None say that there will be no more."""
        loop = asyncio.get_running_loop()
        # Timers of one moment run in no order.
        self._last = max(self._last + 1e-6, loop.time() + self._network.delay())
        loop.call_at(self._last, self._arrive, data, arrived)

    def cut(self) -> None:
        """Let nothing arrive any more; who waits for something gets the end."""
        self._cut = True
        self._arrived.put_nowait(None)
        for _ in range(WINDOW):
            self._room.release()

    async def receive(self) -> bytes | None:
        """The next message; None at the end."""
        data = await self._arrived.get()
        if data is None:
            self._arrived.put_nowait(None)
        else:
            self._room.release()
        return data

    def _arrive(self, data: bytes | None, arrived: Callable[[], None]) -> None:
        if not self._cut:
            self._arrived.put_nowait(data)
            arrived()


class Stream:
    """One Report, as both sides see it."""

    def __init__(self, network: "Network", agent: str) -> None:
        self.agent = agent
        self.sent: list[bytes] = []
        self.up = Direction(network)
        self.down = Direction(network)
        self._network = network
        self._status: tuple[grpc.StatusCode, str] | None = None
        self.handler: asyncio.Task[None] | None = None

    # The agent's side: what is used of grpc.aio.StreamStreamCall.

    async def write(self, request: pb.ReportRequest) -> None:
        """Send a request."""
        if self._status is not None:
            raise asyncio.InvalidStateError("RPC already finished.")
        self.sent.append(request.SerializeToString())
        await self.up.send(self.sent[-1])
        if self._status is not None:
            self._raise()

    async def read(self) -> Any:
        """The next answer; raises the status when there will be none."""
        data = None if self._status else await self.down.receive()
        if data is not None:
            return pb.ReportResponse.FromString(data)
        self._end_with(UNAVAILABLE, "connection lost")
        self._raise()
        return grpc.aio.EOF

    async def done_writing(self) -> None:
        """Say that there will be no more requests."""
        self.up.post(None)

    def cancel(self) -> bool:
        """Give up the call; the collector notices a little later."""
        if self._status is None:
            self._status = (grpc.StatusCode.CANCELLED, "cancelled")
            self.down.cut()
            self._network.later(self._lose_handler)
        return True

    async def code(self) -> grpc.StatusCode:
        """The status; waits for the end of the call."""
        while self._status is None:
            if await self.down.receive() is None:
                self._end_with(UNAVAILABLE, "connection lost")
        return self._status[0]

    async def details(self) -> str:
        """Its words."""
        await self.code()
        return self._status[1] if self._status else ""

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """None are used."""
        return grpc.aio.Metadata()

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """None are used."""
        return grpc.aio.Metadata()

    def _raise(self) -> None:
        code, details = self._status or (UNAVAILABLE, "")
        if code is not grpc.StatusCode.OK:
            none = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(code, none, none, details)

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self._status is None

    # The collector's side.

    async def serve(self, handler: Handler) -> None:
        """Have a collector answer it."""
        self.handler = asyncio.current_task()
        try:
            await handler(self._requests(), Context(self))
        except grpc.aio.AbortError:
            return
        self.end(grpc.StatusCode.OK, "")

    def end(self, code: grpc.StatusCode, details: str) -> None:
        """The collector ends the call; the agent sees it when all that was sent has arrived."""
        self.down.post(None, lambda: self._end_with(code, details))

    def _end_with(self, code: grpc.StatusCode, details: str) -> None:
        if self._status is None:
            self._status = (code, details)

    async def _requests(self) -> AsyncIterator[pb.ReportRequest | Oversized]:
        while (data := await self.up.receive()) is not None:
            yield parse_report(data)

    # Faults.

    def break_agent_side(self) -> None:
        """Let the agent see that the connection is lost; what is on its way to it is lost."""
        self._end_with(UNAVAILABLE, "connection lost")
        self.down.cut()

    def break_collector_side(self) -> None:
        """Let the collector see it; what is on its way to it is lost."""
        self.up.cut()
        self._lose_handler()

    def lose_collector(self) -> None:
        """The collector is gone; what it sent before may arrive yet."""
        self.down.post(None, lambda: self._end_with(UNAVAILABLE, "connection lost"))

    def _lose_handler(self) -> None:
        if self.handler is not None:
            self.handler.cancel()


class Context:
    """What is used of grpc.aio.ServicerContext."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def write(self, response: pb.ReportResponse) -> None:
        """Send an answer."""
        await self._stream.down.send(response.SerializeToString())

    async def abort(self, code: grpc.StatusCode, details: str = "") -> None:
        """End the call with a status."""
        self._stream.end(code, details)
        raise grpc.aio.AbortError

    def auth_context(self) -> dict[str, list[bytes]]:
        """No certificates here."""
        return {}

    def peer(self) -> str:
        """Where the agent is."""
        return "ipv4:192.0.2.1:1"


class Network:
    """All streams. ``accept`` is the collector that answers now; None when none does."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.accept: Callable[[Stream], None] | None = None
        self.unreachable = False
        self.silent = False
        self.slowest = 0.05
        self.streams: list[Stream] = []
        self.old: list[Stream] = []

    def delay(self) -> float:
        """How long one message takes."""
        return self._random.random() * self.slowest

    def later(self, action: Callable[[], None], after: float | None = None) -> None:
        """Do something after a message's delay."""
        delay = self.delay() if after is None else after
        asyncio.get_running_loop().call_later(delay, action)

    def connect(self, agent: str) -> Stream:
        """Begin a stream to whichever collector answers."""
        stream = Stream(self, agent)
        if self.silent:
            return stream
        if self.unreachable or self.accept is None:
            self.later(stream.break_agent_side)
            return stream
        self.streams.append(stream)
        self.accept(stream)
        return stream

    def cut(self, agent: str, *, collector_notices_after: float) -> None:
        """Break the streams of an agent; its collector works on what it was sent until then."""
        streams = [one for one in self.streams if one.agent == agent]
        self.streams = [one for one in self.streams if one.agent != agent and one.is_open]
        for stream in streams:
            stream.break_agent_side()
            self.later(stream.break_collector_side, after=collector_notices_after)
            self.old.append(stream)

    def is_connected(self, agent: str) -> bool:
        """Whether the agent has a stream that both sides think is open."""
        return any(one.agent == agent and one.is_open for one in self.streams)

    def lose_agent(self, agent: str) -> None:
        """The agent's process is gone."""
        self.cut(agent, collector_notices_after=self.delay())

    async def replay(self, random: Random) -> None:
        """Send again what some old stream sent, batches in any order, and read no answer."""
        if not self.old or self.accept is None:
            return
        sent = random.choice(self.old).sent
        if not sent:
            return
        stream = self.connect("replay")
        try:
            await stream.write(pb.ReportRequest.FromString(sent[0]))
            await stream.read()
            requests = [pb.ReportRequest.FromString(one) for one in sent[1:]]
            batches = [one for one in requests if one.WhichOneof("kind") == "batch"]
            for batch in random.choices(batches, k=min(len(batches), REPLAYED_MAX)):
                await stream.write(batch)
                await stream.read()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        finally:
            stream.cancel()


class Channel:
    """What is used of grpc.aio.Channel."""

    def __init__(self, network: Network, agent: str, is_alive: Callable[[], bool]) -> None:
        self._network = network
        self._agent = agent
        self._is_alive = is_alive

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Streams end with their sessions."""
        del grace

    def stream_stream(self, method: str, **_: Any) -> Callable[..., Stream]:
        """Return what makes the call."""
        assert method.endswith("/Report")

        def call(*_args: Any, **_kwargs: Any) -> Stream:
            if not self._is_alive():
                raise Killed
            return self._network.connect(self._agent)

        return call
