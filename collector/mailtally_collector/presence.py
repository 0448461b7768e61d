"""Which servers have a stream that follows their log open at this process right now."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Presence:
    """Counts open streams by server: an agent may reconnect before its old stream is gone."""

    def __init__(self) -> None:
        self._streams: Counter[str] = Counter()

    @contextmanager
    def stream(self, server: str) -> Iterator[None]:
        """Count one stream of the server while the block runs."""
        self._streams[server] += 1
        try:
            yield
        finally:
            self._streams[server] -= 1
            if not self._streams[server]:
                del self._streams[server]

    def servers(self) -> frozenset[str]:
        """Names of the servers with at least one open stream."""
        return frozenset(self._streams)
