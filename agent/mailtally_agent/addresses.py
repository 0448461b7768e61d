"""Which of several collectors to report to (docs/decisions/0023-control.md).

Gives     ``Addresses``: the address to try now, and what follows when its session ended.
How       The list begins at a place that the server's name decides, so that a fleet with one
          configuration is spread over its collectors. An address that does no good is left for the
          next one. After a session that did, the first is tried again: agents come back to a
          collector that was restarted.
"""

from collections.abc import Sequence
from zlib import crc32


class Addresses:
    """At least one address, in the order of this server."""

    def __init__(self, addresses: Sequence[str], server: str) -> None:
        first = crc32(server.encode("utf-8", "surrogateescape")) % len(addresses)
        self._addresses = [*addresses[first:], *addresses[:first]]
        self._at = 0

    @property
    def current(self) -> str:
        """Where to report."""
        return self._addresses[self._at]

    def ended(self, *, did_good: bool) -> None:
        """A session there ended; did_good: it got something stored, or lasted."""
        self._at = 0 if did_good else (self._at + 1) % len(self._addresses)
