"""The streams of agents that are open at this process: one of each kind for each server.

Rule      The newest wins: an agent that lost its connection opens another stream before the old one
          is noticed to be dead. Who follows a log and who imports old logs are two kinds.
Limits    Streams that have not said Hello are counted by certificate; without certificates nobody
          is told apart, and they end by their deadline alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from mailtally_collector.refusal import StreamRefusedError

# An agent opens one; after a lost connection one more.
GREETING_MAX = 4


class OpenStream:
    """A stream, and whether somebody ended it: ``refusal`` says why."""

    def __init__(self, server: str, fingerprint: bytes) -> None:
        self.server = server
        self.fingerprint = fingerprint
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
    """All of them."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, bool], OpenStream] = {}
        self._greeting: Counter[bytes] = Counter()

    @contextmanager
    def greeting(self, fingerprint: bytes) -> Iterator[None]:
        """Count a stream until it said Hello. Raises StreamRefusedError when there are many."""
        if not fingerprint:
            yield
            return
        if self._greeting[fingerprint] >= GREETING_MAX:
            raise StreamRefusedError(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{GREETING_MAX} streams of this certificate have not said Hello yet",
            )
        self._greeting[fingerprint] += 1
        try:
            yield
        finally:
            self._greeting[fingerprint] -= 1
            if not self._greeting[fingerprint]:
                del self._greeting[fingerprint]

    @contextmanager
    def open(self, server: str, fingerprint: bytes, *, old_logs: bool) -> Iterator[OpenStream]:
        """Count a stream as this server's while the block runs, and end the one before it."""
        stream = OpenStream(server, fingerprint)
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
