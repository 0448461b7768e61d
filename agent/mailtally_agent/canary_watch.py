"""Writing canary lines and looking for them at the collector, until told to stop.

Order     One loop: write a probe when it is time, ask for what is out, judge, pause.
Limits    At most PROBES_OUT probes are looked for at once; while there are that many, none is
          written. A question takes at most ASK_SECONDS.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import grpc

from mailtally.v1 import query_pb2, record_pb2
from mailtally.v1.query_pb2_grpc import QueryServiceStub
from mailtally_agent.canary import Probe, Sightings, Tally
from mailtally_agent.canary_lines import INSTANCE, CanaryLine, lines_of, new_queue_id

if TYPE_CHECKING:
    from mailtally.v1.query_pb2_grpc import QueryServiceAsyncStub

PROBES_OUT = 1_000
LOOK_SECONDS = 0.2
ASK_SECONDS = 5.0
# Whoever answers so will not answer otherwise a moment later.
FINAL = (
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INVALID_ARGUMENT,
)


class Sink(Protocol):
    """Where lines are written."""

    def write(self, lines: list[CanaryLine]) -> None:
        """Write them in order. Raises OSError."""


class Listener(Protocol):
    """Who is told what happens."""

    def judged(self, probe: Probe) -> None:
        """A probe was seen, or its time is over."""

    def doubled(self, probe: Probe) -> None:
        """More lines were found than were written."""

    def unwritten(self, error: OSError) -> None:
        """Lines could not be written."""

    def away(self, error: grpc.aio.AioRpcError | None) -> None:
        """The collector does not answer; or, with None, does again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, how many times (None: until told to stop), and how long a line may take."""

    interval: float
    count: int | None
    timeout: float


class Watch:
    """One run."""

    def __init__(self, server: str, plan: Plan, sink: Sink, listener: Listener) -> None:
        """Write lines as that server's."""
        self._server = server
        self._plan = plan
        self._sink = sink
        self._listener = listener
        self._out: list[Probe] = []
        self._seen: deque[Probe] = deque(maxlen=PROBES_OUT)
        self._is_away = False
        self._silent_since: float | None = None
        self._begun = 0
        self.tally = Tally()

    @property
    def waiting(self) -> int:
        """Lines that were written and are neither seen nor judged."""
        return sum(len(probe.missing) for probe in self._out)

    async def run(self, channel: grpc.aio.Channel, stopped: asyncio.Event) -> None:
        """Go on until all probes are judged, or until stopped.

        Raises grpc.aio.AioRpcError when the collector answers in a way that will not change.
        """
        stub = cast("QueryServiceAsyncStub", QueryServiceStub(channel))
        clock = asyncio.get_running_loop().time
        due = before = clock()
        while not stopped.is_set():
            now = clock()
            if self._may_write() and now >= due:
                self._write(now)
                due = max(due + self._plan.interval, now)
            is_answered = await self._look(stub, clock, now - before)
            before = now if is_answered else clock()
            if not self._out and not self._has_more():
                break
            await _pause(stopped, LOOK_SECONDS if self._out else max(0.0, due - clock()))
        if not stopped.is_set():
            await self._look_again(stub, self._seen)

    def _has_more(self) -> bool:
        return self._plan.count is None or self._begun < self._plan.count

    def _may_write(self) -> bool:
        return self._has_more() and len(self._out) < PROBES_OUT

    def _write(self, now: float) -> None:
        self._begun += 1
        queue_id = new_queue_id()
        lines = lines_of(queue_id)
        try:
            self._sink.write(lines)
        except OSError as error:
            self.tally.unwritten += len(lines)
            self._listener.unwritten(error)
            return
        self._out.append(Probe(queue_id, tuple(line.name for line in lines), now))

    async def _look(
        self, stub: "QueryServiceAsyncStub", clock: Callable[[], float], passed: float
    ) -> bool:
        """Ask for what is out; ``passed`` is how long ago that was done before.

        Returns whether there was an answer.
        """
        for probe in list(self._out):
            found = await self._ask(stub, probe)
            now = clock()
            if found is None:
                self._give_up(now)
                return False
            self._silent_since = None
            probe.look(found, now)
            probe.waited += min(passed, now - probe.written)
            if probe.is_seen or probe.waited >= self._plan.timeout:
                self._judge(probe)
        old = [probe for probe in self._seen if clock() - probe.written >= self._plan.timeout]
        await self._look_again(stub, old)
        return True

    def _judge(self, probe: Probe, *, is_answered: bool = True) -> None:
        self._out.remove(probe)
        self.tally.judge(probe, is_answered=is_answered)
        self._listener.judged(probe)
        if probe.is_seen:
            self._seen.append(probe)

    def _give_up(self, now: float) -> None:
        """Wait no longer for a collector that is silent, when nothing else is to be done."""
        self._silent_since = now if self._silent_since is None else self._silent_since
        if not self._has_more() and now - self._silent_since >= self._plan.timeout:
            for probe in list(self._out):
                self._judge(probe, is_answered=False)

    async def _look_again(
        self, stub: "QueryServiceAsyncStub", probes: "deque[Probe] | list[Probe]"
    ) -> None:
        """Look for what came twice, once; nothing when the collector is away."""
        for probe in list(probes):
            found = await self._ask(stub, probe)
            if found is None:
                return
            self._seen.remove(probe)
            probe.look(found, probe.written)
            if probe.doubled:
                self.tally.doubled += probe.doubled
                self._listener.doubled(probe)

    async def _ask(self, stub: "QueryServiceAsyncStub", probe: Probe) -> Sightings | None:
        """How often each line is stored; None when there is no answer."""
        request = query_pb2.TraceMessageRequest(
            queue_id=probe.queue_id,
            servers=[self._server],
            traffic_classes=[record_pb2.TRAFFIC_CLASS_CANARY],
        )
        try:
            answer = await stub.TraceMessage(request, timeout=ASK_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() in FINAL:
                raise
            if not self._is_away:
                self._listener.away(error)
            self._is_away = True
            return None
        if self._is_away:
            self._listener.away(None)
        self._is_away = False
        return _sightings(answer)


def _sightings(answer: query_pb2.TraceMessageResponse) -> Sightings:
    messages = [message for message in answer.messages if message.instance == INSTANCE]
    return {
        "accepted": sum(message.HasField("accepted") for message in messages),
        "attempt": sum(len(one.attempts) for message in messages for one in message.deliveries),
        "completed": sum(
            change.change == record_pb2.MESSAGE_CHANGE_COMPLETED
            for message in messages
            for change in message.changes
        ),
    }


async def _pause(stopped: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopped.wait()
    except TimeoutError:
        return
