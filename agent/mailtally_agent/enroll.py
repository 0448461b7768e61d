"""``mailtally-agent enroll TOKEN``: exchange an invitation for a certificate.

Steps     1. Look at the certificates that the collector's enrolment port shows; one of them must be
             the authority whose hash the token carries.  2. Make a key.  3. Send the secret and a
             request to sign the key, over TLS verified by that authority.  4. Keep what comes back.
Token     ``mailtally1.`` and base64url of: SHA-256 of the authority (32 bytes), secret (32 bytes),
          addresses (HOST:PORT, separated by commas), CRC-32 of all that (4 bytes).
"""

import binascii
import json
import socket
import ssl
import sys
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import grpc

from mailtally.v1 import enrollment_pb2 as pb
from mailtally.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from mailtally_agent.certificate_request import identity_of, new_key
from mailtally_agent.config import Config
from mailtally_agent.identity import IDENTITY_NAME, Identity, keep_identity

PREFIX = "mailtally1."
HASH_BYTES = SECRET_BYTES = 32
CONNECT_SECONDS = 10
ENCODING_DER = 2  # as _ssl has it
EXIT_FINDING = 1
EXIT_USAGE = 2


class EnrolmentError(Exception):
    """The agent was not enrolled; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Token:
    """What the operator pasted."""

    pin: bytes
    secret: bytes
    addresses: tuple[str, ...]


def run(config: Config, text: str, *, as_json: bool) -> int:
    """Enrol and say so; 0, 1 when it cannot be done, 2 when the token is none."""
    if text == "-":
        text = sys.stdin.readline()
    try:
        token = parse_token(text.strip())
    except ValueError as error:
        print(f"mailtally-agent enroll: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        identity = enroll(token, config.server if config.server_is_set else "")
        keep_identity(config.state_dir, identity)
    except (EnrolmentError, OSError) as error:
        print(f"mailtally-agent enroll: {error}", file=sys.stderr)
        return EXIT_FINDING
    path = config.state_dir / IDENTITY_NAME
    until = datetime.fromtimestamp(identity.not_after_us // 1_000_000, UTC)
    if as_json:
        kept = {"server": identity.server, "good_until": until.isoformat(), "file": str(path)}
        print(json.dumps({**kept, "collectors": identity.collectors}))
    else:
        print(
            f"enrolled as {identity.server}; the certificate is good until {until:%Y-%m-%d %H:%M}"
            f" UTC, renews itself, and lies in {path}\n"
            f"reports go to {config.collectors_of(identity)}"
        )
    return 0


def parse_token(text: str) -> Token:
    """Read the line. Raises ValueError with what is wrong."""
    if not text.startswith(PREFIX):
        raise ValueError(f"a token begins with {PREFIX} (mailtally-collector agents invite NAME)")
    packed = text.removeprefix(PREFIX)
    try:
        content = urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    except ValueError:
        content = b""
    body, check = content[:-4], content[-4:]
    if len(body) <= HASH_BYTES + SECRET_BYTES or binascii.crc32(body) != int.from_bytes(check):
        raise ValueError("the token is not whole: paste the line from its beginning to its end")
    addresses = body[HASH_BYTES + SECRET_BYTES :].decode("ascii", "replace").split(",")
    secret = body[HASH_BYTES : HASH_BYTES + SECRET_BYTES]
    return Token(body[:HASH_BYTES], secret, tuple(addresses))


def enroll(token: Token, server: str) -> Identity:
    """Ask one address after the other; ``server`` is whom we believe to be, "" for anybody.

    Raises EnrolmentError.
    """
    problems = []
    for address in token.addresses:
        try:
            authority = _authority_shown(address, token.pin)
        except OSError as error:
            problems.append(f"{address}: {error.strerror or error}")
            continue
        return _ask(address, authority, token.secret, server)
    raise EnrolmentError(
        f"the collector cannot be reached: {'; '.join(problems)}. Does it run, is its enrolment"
        " port (listen.enrolment) open to this host, and does identity.hosts name it as this host"
        " can reach it?"
    )


def _authority_shown(address: str, pin: bytes) -> bytes:
    """The authority's certificate (PEM), as the port shows it. Raises EnrolmentError, OSError."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS) as plain,
        context.wrap_socket(plain) as secured,
    ):
        chain = _chain(secured)
    for certificate in chain:
        if sha256(certificate).digest() == pin:
            return ssl.DER_cert_to_PEM_cert(certificate).encode("ascii")
    raise EnrolmentError(
        f"{address} does not show the authority that the token names: the token is of another"
        " collector, or somebody stands between. Nothing was sent"
    )


def _chain(secured: ssl.SSLSocket) -> list[bytes]:
    """All certificates that the peer showed, DER. Python 3.13 has a public method for it."""
    if hasattr(secured, "get_unverified_chain"):
        return list(secured.get_unverified_chain())
    inner: Any = secured._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    return [one.public_bytes(ENCODING_DER) for one in inner.get_unverified_chain() or ()]


def _ask(address: str, authority: bytes, secret: bytes, server: str) -> Identity:
    key = new_key()
    request = pb.EnrollRequest(secret=secret, certificate_request=key.request, server=server)
    with grpc.secure_channel(address, grpc.ssl_channel_credentials(authority)) as channel:
        try:
            answer = EnrollmentServiceStub(channel).Enroll(request, timeout=CONNECT_SECONDS)
        except grpc.RpcError as error:
            details = error.details() if isinstance(error, grpc.Call) else str(error)
            raise EnrolmentError(f"{address}: {details}") from error
    return identity_of(key, answer.issued)
