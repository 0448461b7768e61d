"""The gRPC server: options, certificates, port, health and reflection."""

from collections.abc import Sequence
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mailtally_collector.config import Config

RECEIVE_MAX_BYTES = 4 * 1024 * 1024
OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", RECEIVE_MAX_BYTES),
    # Without this a second collector would share the port, and the kernel would mix their agents.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Agents may ping an idle stream every 30 s; the default of 5 min would cut them off.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
# Certificates are checked when a connection begins: an old connection outlives them.
TLS_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_connection_age_ms", 3_600_000),
    ("grpc.max_connection_age_grace_ms", 10_000),
)


class PortError(Exception):
    """The address cannot be listened on; the message says which and why."""


def new_server(config: Config) -> grpc.aio.Server:
    """Make a server with the options that the configuration asks for, without services."""
    return grpc.aio.server(options=OPTIONS + (TLS_OPTIONS if config.tls.files else ()))


def listen(server: grpc.aio.Server, config: Config) -> str:
    """Bind the address; return it with the real port. Raises PortError, or OSError for a file."""
    address = config.listen.address
    try:
        if config.tls.files:
            port = server.add_secure_port(address, _credentials(config.tls.files))
        else:
            port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if not port:
        secure = ", or the [tls] files do not fit together" if config.tls.files else ""
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


def _credentials(files: Sequence[Path]) -> grpc.ServerCredentials:
    certificate, key, client_ca = (file.read_bytes() for file in files)
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=client_ca, require_client_auth=True
    )
