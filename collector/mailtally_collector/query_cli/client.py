"""The connection to the collector, and what its failures mean to the caller.

Exit codes    2 the collector did not understand the question; 3 it gave no answer; 4 it refused;
              1 anything else that it reports.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from mailtally_collector.query_cli.options import Connection
from mailtally_collector.query_cli.terminal import visible

# The C library writes its own lines to stderr, among others for a failed TLS handshake; what is
# worth saying is in the status. It reads this when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from mailtally.v1.control_pb2_grpc import ControlServiceStub
from mailtally.v1.query_pb2_grpc import QueryServiceStub
from mailtally_collector.query_cli.token import WithToken, stays_here

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_REFUSED = 4

CHANNEL_OPTIONS = (
    # A page of 1,000 events, each with a whole reply, may pass the default of 4 MiB.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    # The collector is on our own network; http_proxy is meant for the way out.
    ("grpc.enable_http_proxy", 0),
)


@contextmanager
def collector(connection: Connection) -> Iterator[QueryServiceStub]:
    """Connect for the length of a with statement, to ask. Raises as ``connected`` does."""
    with connected(connection) as channel:
        yield QueryServiceStub(channel)


@contextmanager
def control(connection: Connection) -> Iterator[ControlServiceStub]:
    """Connect for the length of a with statement, to give orders. Raises as ``connected`` does."""
    with connected(connection) as channel:
        yield ControlServiceStub(channel)


@contextmanager
def connected(connection: Connection) -> Iterator[grpc.Channel]:
    """Connect for the length of a with statement.

    Raises typer.BadParameter for unusable TLS files. An error of the collector or of the way to it
    is written to stderr as one sentence and becomes typer.Exit with the code that fits.
    """
    token = _token(connection)
    channel = _channel(connection)
    try:
        yield grpc.intercept_channel(channel, WithToken(token)) if token else channel
    except grpc.RpcError as error:
        code, sentence = explain(error, connection)
        sys.stderr.write(f"mailtally: {visible(sentence)}\n")
        raise typer.Exit(code) from None
    finally:
        channel.close()


def _channel(connection: Connection) -> grpc.Channel:
    if (connection.certificate_file is None) != (connection.key_file is None):
        raise typer.BadParameter("--certificate-file and --key-file need each other")
    if connection.ca_file is None and connection.certificate_file is None:
        return grpc.insecure_channel(connection.collector, CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        _read(connection.ca_file), _read(connection.key_file), _read(connection.certificate_file)
    )
    return grpc.secure_channel(connection.collector, credentials, CHANNEL_OPTIONS)


def _token(connection: Connection) -> str:
    """The token, from its file or the environment; "" for none.

    Never from the command line, which everybody on the host can read.
    """
    token = os.environ.get("MAILTALLY_TOKEN", "")
    if connection.token_file:
        token = (_read(connection.token_file) or b"").decode("utf-8", "replace")
    token = token.strip()
    if not token:
        return ""
    if not (token.isascii() and token.isprintable()):
        raise typer.BadParameter("the token has characters that no token has")
    if not (connection.ca_file or connection.certificate_file or stays_here(connection.collector)):
        raise typer.BadParameter("a token goes over TLS, or stays on this host: give --ca-file")
    return token


def _read(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None


def explain(error: grpc.RpcError, connection: Connection) -> tuple[int, str]:
    """Exit code, and a sentence that says what happened and what to do."""
    code, details = grpc.StatusCode.UNKNOWN, ""
    if isinstance(error, grpc.Call):
        code, details = error.code(), error.details() or ""
    at = connection.collector
    said = f" ({details})" if details else ""
    is_tls = connection.ca_file is not None or connection.certificate_file is not None
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            tls = (
                "the certificates fit"
                if is_tls
                else "it expects TLS (then give --ca-file, --certificate-file and --key-file)"
            )
            return EXIT_UNREACHABLE, (
                f"the collector at {at} is unavailable{said}. Check that it runs, that "
                f"--collector or MAILTALLY_COLLECTOR names its query address, and whether {tls}."
            )
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return EXIT_UNREACHABLE, (
                f"the collector at {at} gave no answer within {connection.timeout:g} s. Check the "
                "address and the network, ask for a shorter range, or raise --timeout."
            )
        case grpc.StatusCode.UNAUTHENTICATED:
            return EXIT_REFUSED, (
                f"the collector at {at} does not know you{said}. Give a certificate that it "
                "accepts with --certificate-file and --key-file, or a token that is good with "
                "--token-file."
            )
        case grpc.StatusCode.PERMISSION_DENIED:
            return EXIT_REFUSED, (
                f"the collector at {at} refuses this question{said}. Your certificate or token "
                "has to be allowed to ask it."
            )
        case grpc.StatusCode.INVALID_ARGUMENT:
            return EXIT_USAGE, f"the collector does not accept the question: {details or code.name}"
        case grpc.StatusCode.UNIMPLEMENTED:
            return EXIT_FAILED, (
                f"what listens at {at} does not answer queries{said}. Check --collector."
            )
    return EXIT_FAILED, f"the collector at {at} failed: {code.name}{said}"
