"""The channel to a collector: with TLS and a client certificate, or plain on loopback."""

import grpc

from mailtally_agent.config import Config

# Servers refuse pings that come more often than every five minutes unless told otherwise.
_CHANNEL_OPTIONS = [
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]

_ADVICE = {
    grpc.StatusCode.UNAVAILABLE: "is it running, and do address, TLS files and firewall fit?",
    grpc.StatusCode.UNIMPLEMENTED: "does a mailtally collector listen there?",
    grpc.StatusCode.PERMISSION_DENIED: "does the certificate carry this server's name?",
    grpc.StatusCode.FAILED_PRECONDITION: "upgrade the older of agent and collector",
}


def open_channel(config: Config, collector: str) -> grpc.aio.Channel:
    """A channel that connects by itself; raises OSError when a TLS file cannot be read."""
    tls = config.tls
    if tls is None:
        return grpc.aio.insecure_channel(collector, options=_CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=tls.ca_file.read_bytes(),
        private_key=tls.key_file.read_bytes(),
        certificate_chain=tls.certificate_file.read_bytes(),
    )
    return grpc.aio.secure_channel(collector, credentials, options=_CHANNEL_OPTIONS)


def describe_error(collector: str, error: grpc.RpcError) -> str:
    """One sentence for the operator: what failed, and where to look."""
    code = error.code() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else None
    details = error.details() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else str(error)
    advice = _ADVICE.get(code) if code is not None else None
    sentence = f"collector {collector}: {details or (code.name if code else 'no answer')}"
    return f"{sentence}; {advice}" if advice else sentence
