"""The channel to a collector: with TLS and a client certificate, or plain on loopback.

Who       [collector.tls] of the configuration, else the identity that ``enroll`` left in the state
          folder. That is looked at for each session: an agent that was enrolled again, or renewed
          its certificate, goes on with the new one.
Where     The collectors of the configuration, else those that the identity names (addresses.py).
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc

from mailtally_agent.addresses import Addresses
from mailtally_agent.config import Config
from mailtally_agent.identity import Identity, IdentityError, Material, read_identity

# Servers refuse pings that come more often than every five minutes unless told otherwise.
_CHANNEL_OPTIONS = [
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    # Also how long a connection may take to come about. With less, one over a slow way, or to a
    # collector that is busy after an outage, is given up again and again.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]

_ADVICE = {
    grpc.StatusCode.UNAVAILABLE: "is it running, and do address, TLS files and firewall fit?",
    grpc.StatusCode.UNIMPLEMENTED: "does a mailtally collector listen there?",
    grpc.StatusCode.PERMISSION_DENIED: "does the certificate carry this server's name?",
    grpc.StatusCode.FAILED_PRECONDITION: "upgrade the older of agent and collector",
}
# What gRPC says when no connection came about, for whatever reason.
_NOT_CONNECTED = ("failed to connect", "Socket closed", "handshake")


class Link:
    """A channel that connects by itself, made anew when the identity is another."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._addresses = Addresses(config.collectors_of(None), config.server)
        self._channel: grpc.aio.Channel | None = None
        self._channel_to = ""
        self.material: Material | None = None
        self.identity: Identity | None = None

    async def __aenter__(self) -> Self:
        """Connect when the channel is asked for."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the channel."""
        await self._close()

    @property
    def server(self) -> str:
        """As whom to report."""
        return self.identity.server if self.identity else self._config.server

    @property
    def collector(self) -> str:
        """Where to report now."""
        return self._addresses.current

    @property
    def collectors(self) -> Sequence[str]:
        """Where it may report."""
        return self._config.collectors_of(self.identity)

    def ended(self, *, did_good: bool) -> None:
        """A session ended; did_good: it got something stored, or lasted."""
        self._addresses.ended(did_good=did_good)

    async def channel(self) -> grpc.aio.Channel:
        """The channel for the identity on disk. Raises IdentityError, OSError for a TLS file."""
        identity, material = read_material(self._config)
        if material != self.material or identity != self.identity:
            await self._close()
            self.identity, self.material = identity, material
            self._addresses = Addresses(self.collectors, self.server)
        if self._channel is None or self._channel_to != self.collector:
            await self._close()
            self._channel, self._channel_to = self._open(material), self.collector
        return self._channel

    async def explain(self, error: grpc.RpcError) -> str:
        """One sentence for the operator: what failed, and what to do."""
        sentence = describe_error(self.collector, error)
        if any(words in sentence for words in _NOT_CONNECTED):
            # ssl and cryptography take their time; they are for trouble alone.
            from mailtally_agent.tls_trouble import diagnose  # noqa: PLC0415

            found = await asyncio.to_thread(diagnose, self.collector, self.material, self.server)
            return f"collector {self.collector}: {found}" if found else sentence
        return sentence

    def _open(self, material: Material | None) -> grpc.aio.Channel:
        if material is None:
            return grpc.aio.insecure_channel(self.collector, options=_CHANNEL_OPTIONS)
        credentials = grpc.ssl_channel_credentials(
            material.authority, material.key, material.certificate
        )
        return grpc.aio.secure_channel(self.collector, credentials, options=_CHANNEL_OPTIONS)

    async def _close(self) -> None:
        if self._channel:
            await self._channel.close()
            self._channel = None


def read_material(config: Config) -> tuple[Identity | None, Material | None]:
    """The identity of the state folder, if it is used, and what TLS needs; None for plaintext.

    Raises IdentityError when there is none, and OSError when a file of [collector.tls] cannot be
    read.
    """
    if config.tls:
        files = (config.tls.ca_file, config.tls.key_file, config.tls.certificate_file)
        return None, Material(*(file.read_bytes() for file in files))
    if config.insecure:
        return None, None
    identity = read_identity(config.state_dir)
    if identity is None:
        raise IdentityError(
            "this agent has no certificate yet: run mailtally-collector agents invite"
            f" {config.server} on the collector, and mailtally-agent enroll TOKEN here (or set"
            " collector.insecure = true for a collector on this host that runs with --insecure)"
        )
    parts = (identity.authority, identity.key, identity.certificate)
    return identity, Material(*(part.encode("ascii") for part in parts))


def describe_error(collector: str, error: grpc.RpcError) -> str:
    """One sentence for the operator: what failed, and where to look."""
    code = error.code() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else None
    details = error.details() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else str(error)
    advice = _ADVICE.get(code) if code is not None else None
    sentence = f"collector {collector}: {details or (code.name if code else 'no answer')}"
    return f"{sentence}; {advice}" if advice else sentence
