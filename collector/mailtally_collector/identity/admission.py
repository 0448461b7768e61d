"""Who may report as which server, and who may ask questions.

Decides   By the certificate of the connection, never by what the agent says. A certificate of our
          authority stands for the server that the database names with its fingerprint: so it can be
          revoked, and its server renamed. One of another authority stands for its DNS names.
When      At the Hello, at every other call, and for open streams every CHECK_SECONDS, with what all
          collectors on the database wrote; between that, each batch by what is in memory.
Limits    While the database cannot be read, what was read last holds; nothing can be stored then.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import grpc
from peewee import PeeweeException

from mailtally_collector.durations import SECOND_US
from mailtally_collector.identity.certificate import PeerCertificate, peer_certificate
from mailtally_collector.refusal import StreamRefusedError
from mailtally_collector.store.failures import sentence
from mailtally_collector.store.identities import KnownCertificate
from mailtally_collector.streams import OpenStream, Streams

logger = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]

CHECK_SECONDS = 10.0
# Who connects is judged by what is not older than this; many who connect at once share one look.
FRESH_SECONDS = 1.0
AGAIN = (
    "to let it report again: mailtally-collector agents invite {server} on the collector, and"
    " mailtally-agent enroll TOKEN on this host"
)


class Ledger(Protocol):
    """What the database knows of certificates."""

    async def known_certificates(self) -> dict[bytes, KnownCertificate]:
        """Return all by fingerprint. Raises peewee.PeeweeException."""

    async def note_certificate(self, fingerprint: bytes, server: str, not_after_us: int) -> None:
        """Note one of another authority. Raises StoreUnavailableError."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Under which server's name records are stored; ``fingerprint`` is b"" without TLS."""

    server: str
    fingerprint: bytes


class Admission:
    """Knows all certificates. ``is_authority``: whether ours are the ones that are presented."""

    def __init__(
        self, ledger: Ledger, streams: Streams, clock: Callable[[], int], *, is_authority: bool
    ) -> None:
        self._ledger = ledger
        self._streams = streams
        self._clock = clock
        self._is_authority = is_authority
        self._known: dict[bytes, KnownCertificate] = {}
        self._looking = asyncio.Lock()
        self._looked = -math.inf

    async def admit(self, peer: PeerCertificate | None, server: str) -> Admitted:
        """Say as whom a stream reports that says to be ``server``. Raises StreamRefusedError."""
        if peer is None:
            return Admitted(server, b"")
        if not self._is_authority:
            return await self._admit_foreign(peer, server)
        known = await self.agent(peer)
        if server not in (known.server, peer.agent):
            raise _wrong_name(peer.agent or "", server)
        return Admitted(known.server, peer.fingerprint)

    async def agent(self, peer: PeerCertificate | None) -> KnownCertificate:
        """Return what is known of an agent's certificate of ours. Raises StreamRefusedError."""
        if peer is None or peer.agent is None:
            raise StreamRefusedError(
                grpc.StatusCode.PERMISSION_DENIED,
                "this certificate is not an agent's; enrol the agent with mailtally-agent enroll",
            )
        await self._look(peer.fingerprint)
        known = self._known.get(peer.fingerprint)
        if known is None:
            raise StreamRefusedError(
                grpc.StatusCode.UNAUTHENTICATED,
                f"the collector does not know the certificate of {peer.agent} (was its database"
                f" restored from an older backup?); {AGAIN.format(server=peer.agent)}",
            )
        self._check(peer.fingerprint, known.server, peer.not_after_us)
        return known

    async def agent_of(self, context: Context) -> str | None:
        """Return the server of a caller that is an agent with a certificate of ours, else None.

        Raises StreamRefusedError.
        """
        peer = peer_certificate(context.auth_context())
        if peer is None or not self._is_authority or peer.query is not None:
            return None
        return (await self.agent(peer)).server

    async def check_call(self, peer: PeerCertificate | None, *, may_be_agent: bool) -> None:
        """Let through a call other than a report. Raises StreamRefusedError."""
        if peer is None:
            return
        if self._is_authority and peer.query is None:
            await self.agent(peer)
            if not may_be_agent:
                raise StreamRefusedError(
                    grpc.StatusCode.PERMISSION_DENIED,
                    "an agent's certificate gives no right to ask questions; use query.pem of the"
                    " collector's identity.folder",
                )
        self._check(peer.fingerprint, peer.query or ", ".join(peer.names), peer.not_after_us)

    async def watch(self) -> None:
        """End streams whose certificate was revoked, ended or got another server; for ever."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self._refresh()

    async def _look(self, fingerprint: bytes) -> None:
        """Read the certificates anew, unless that was done just now and this one was among them."""
        asked = time.monotonic()
        async with self._looking:
            is_known = fingerprint in self._known
            if self._looked < (asked - FRESH_SECONDS if is_known else asked):
                await self._refresh()

    async def _refresh(self) -> None:
        self._looked = time.monotonic()
        try:
            self._known = await self._ledger.known_certificates()
        except PeeweeException as error:
            logger.warning('certificates not read reason="%s"', sentence(error))
        for stream in self._streams.all():
            self.check_stream(stream)

    def check_stream(self, stream: OpenStream) -> None:
        """End the stream if it may not go on, by what is in memory."""
        known = self._known.get(stream.fingerprint)
        if known is None:
            return
        try:
            self._check(stream.fingerprint, known.server, known.not_after_us)
        except StreamRefusedError as refusal:
            stream.end(refusal)
            return
        if self._is_authority and known.server != stream.server:
            stream.end(
                StreamRefusedError(
                    grpc.StatusCode.UNAVAILABLE,
                    f"the server is called {known.server} now; the agent connects again by itself",
                )
            )

    async def _admit_foreign(self, peer: PeerCertificate, server: str) -> Admitted:
        if server not in peer.names:
            raise _wrong_name(", ".join(peer.names), server)
        await self._look(peer.fingerprint)
        if peer.fingerprint not in self._known:
            await self._ledger.note_certificate(peer.fingerprint, server, peer.not_after_us)
            await self._refresh()
        self._check(peer.fingerprint, server, peer.not_after_us)
        return Admitted(server, peer.fingerprint)

    def _check(self, fingerprint: bytes, server: str, not_after_us: int) -> None:
        """Raise StreamRefusedError when the certificate was revoked or has ended."""
        again = (
            AGAIN.format(server=server)
            if self._is_authority
            else "give the agent another certificate in [collector.tls]"
        )
        known = self._known.get(fingerprint)
        if known and known.revoked_us:
            raise StreamRefusedError(
                grpc.StatusCode.UNAUTHENTICATED,
                f"the certificate of {server} was revoked on {_date(known.revoked_us)}; {again}",
            )
        if self._clock() >= not_after_us:
            raise StreamRefusedError(
                grpc.StatusCode.UNAUTHENTICATED,
                f"the certificate of {server} ended on {_date(not_after_us)}; {again}",
            )


def _wrong_name(names: str, server: str) -> StreamRefusedError:
    return StreamRefusedError(
        grpc.StatusCode.PERMISSION_DENIED,
        f"the client certificate is for {names or 'nobody'}, not for {server}",
    )


def _date(moment_us: int) -> str:
    return f"{datetime.fromtimestamp(moment_us // SECOND_US, UTC):%Y-%m-%d %H:%M} UTC"
