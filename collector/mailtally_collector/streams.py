"""The streams of agents that are open at this process: one of each kind for each server.

Rule      The newest wins: an agent that lost its connection opens another stream before the old one
          is noticed to be dead. Who follows a log and who imports old logs are two kinds.
Limits    Who opens one stream after another waits ever longer for each, so that it cannot keep the
          database busy. Without certificates nobody is told apart; there is loopback only then.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from mailtally_collector.refusal import StreamRefusedError

# An agent opens one an hour, and some when its network is bad.
BURST = 20
STREAMS_A_SECOND = 1.0
# Agents wait 10 s for an answer.
WAIT_SECONDS_MAX = 8.0


class OpenStream:
    """A stream, and whether somebody ended it: ``refusal`` says why."""

    def __init__(self, server: str, fingerprint: bytes, *, old_logs: bool) -> None:
        self.server = server
        self.fingerprint = fingerprint
        self.old_logs = old_logs
        # Token of the last batch that was read, at first of the last one before this stream.
        self.follows = b""
        self.refusal: StreamRefusedError | None = None
        self._on_end: Callable[[], object] = lambda: None

    def on_end(self, call: Callable[[], object]) -> None:
        """Have this called when the stream is to end; at once when it is."""
        self._on_end = call
        if self.refusal:
            call()

    def end(self, refusal: StreamRefusedError) -> None:
        """Let the stream end, after the acknowledgement of what was read."""
        if self.refusal is None:
            self.refusal = refusal
            self._on_end()

    def check(self) -> None:
        """Raise the refusal, if there is one."""
        if self.refusal:
            raise self.refusal


class Streams:
    """All of them. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._open: dict[tuple[str, bool], OpenStream] = {}
        self._served: dict[bytes, float] = {}
        self._clock = clock

    def wait_seconds(self, fingerprint: bytes) -> float:
        """How long a stream of this certificate has to wait before it is served.

        The first BURST need not, and then one each 1 / STREAMS_A_SECOND. Raises StreamRefusedError
        when there is a long queue already.
        """
        if not fingerprint:
            return 0.0
        now = self._clock()
        # As if those before had come one by one: when the last of them would have been served.
        last = max(self._served.get(fingerprint, 0.0), now - BURST / STREAMS_A_SECOND)
        wait = last + 1 / STREAMS_A_SECOND - now
        if wait > WAIT_SECONDS_MAX:
            raise StreamRefusedError(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "too many streams of this certificate; is it in use on several hosts?",
            )
        self._served[fingerprint] = last + 1 / STREAMS_A_SECOND
        return max(wait, 0.0)

    @contextmanager
    def open(self, server: str, fingerprint: bytes, *, old_logs: bool) -> Iterator[OpenStream]:
        """Count a stream as this server's while the block runs, and end the one before it."""
        stream = OpenStream(server, fingerprint, old_logs=old_logs)
        before = self._open.get((server, old_logs))
        self._open[server, old_logs] = stream
        if before:
            kind = "import" if old_logs else "agent"
            before.end(
                StreamRefusedError(
                    grpc.StatusCode.ABORTED,
                    f"another {kind} reports as {server} now; if that is not this host after a"
                    " lost connection, two hosts share one name or one certificate",
                )
            )
        try:
            yield stream
        finally:
            if self._open.get((server, old_logs)) is stream:
                del self._open[server, old_logs]

    def all(self) -> list[OpenStream]:
        """Those that are open."""
        return list(self._open.values())
