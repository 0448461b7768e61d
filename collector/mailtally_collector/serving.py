"""The gRPC server: options, certificates, ports, health and reflection.

Limits    Here: bytes of a message, how long a handshake, an idle connection and any connection may
          last, calls on one connection. Of what messages hold: ingest_limits.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mailtally_collector.config import Config
from mailtally_collector.identity.authority import Authority, Credential
from mailtally_collector.ingest_limits import MESSAGE_MAX_BYTES

Options = tuple[tuple[str, int], ...]
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")

OPTIONS: Options = (
    # Counts what is unpacked: compressed messages are no way around it.
    ("grpc.max_receive_message_length", MESSAGE_MAX_BYTES),
    # Connections that say nothing: before TLS and HTTP/2 are set up, and without any call.
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.max_connection_idle_ms", 60_000),
    ("grpc.max_concurrent_streams", 100),
    # Without this a second collector would share the port, and the kernel would mix their agents.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Agents may ping an idle stream every 30 s; the default of 5 min would cut them off.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
# Certificates are checked when a connection begins: an old connection outlives them.
TLS_OPTIONS: Options = (
    ("grpc.max_connection_age_ms", 3_600_000),
    ("grpc.max_connection_age_grace_ms", 10_000),
)
# Who enrols is a stranger until the token was read.
ENROLMENT_OPTIONS: Options = (
    ("grpc.max_receive_message_length", 64 * 1024),
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.max_connection_idle_ms", 5_000),
    ("grpc.max_connection_age_ms", 60_000),
    ("grpc.max_connection_age_grace_ms", 1_000),
    ("grpc.max_concurrent_streams", 4),
    ("grpc.so_reuseport", 0),
)
ENROLMENTS_AT_ONCE = 32


class PortError(Exception):
    """The address cannot be listened on; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the server shows, and the authority of its clients; PEM."""

    own: Credential
    client_ca: bytes


def certificates_of(config: Config, authority: Authority | None) -> Certificates | None:
    """Read the files of [tls], or make a certificate; None without TLS. Raises OSError."""
    if authority:
        hosts = (*config.hosts, *LOCAL_HOSTS)
        own = authority.server_credential(hosts, datetime.now(UTC))
        return Certificates(own, authority.pem)
    if config.tls.files:
        certificate, key, client_ca = (file.read_bytes() for file in config.tls.files)
        return Certificates(Credential(key, certificate), client_ca)
    return None


def new_server(
    certificates: Certificates | None, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
) -> grpc.aio.Server:
    """Make the server for agents and queries, without services."""
    options = OPTIONS + (TLS_OPTIONS if certificates else ())
    return grpc.aio.server(options=options, interceptors=interceptors)


def new_enrolment_server() -> grpc.aio.Server:
    """Make the server for agents that have no certificate yet, without services."""
    return grpc.aio.server(options=ENROLMENT_OPTIONS, maximum_concurrent_rpcs=ENROLMENTS_AT_ONCE)


def listen(
    server: grpc.aio.Server,
    address: str,
    certificates: Certificates | None,
    *,
    asks_clients: bool = True,
) -> str:
    """Bind the address; return it with the real port. Raises PortError.

    ``asks_clients``  with TLS, take only clients with a certificate.
    """
    try:
        if certificates:
            own = (certificates.own.key, certificates.own.certificate)
            credentials = grpc.ssl_server_credentials(
                [own], certificates.client_ca if asks_clients else None, asks_clients
            )
            port = server.add_secure_port(address, credentials)
        else:
            port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if not port:
        secure = ", or the [tls] files do not fit together" if certificates else ""
        raise PortError(
            f"{address} cannot be listened on: another program has the port, or the address is not"
            f" one of this host{secure}"
        )
    return f"{address.rpartition(':')[0]}:{port}"


async def add_health(server: grpc.aio.Server, services: Sequence[str]) -> health.aio.HealthServicer:
    """Offer the health service; all services are reported as serving."""
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    for name in ("", *services):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    return servicer


def add_reflection(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Let tools such as grpcurl ask for the contract."""
    names = (*services, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
