"""A new private key with its certificate request, and what comes back for it.

Limits    Imports cryptography, which takes its time: only who enrols or renews imports this.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mailtally.v1 import enrollment_pb2 as pb
from mailtally_agent.identity import Identity


@dataclass(frozen=True, slots=True)
class NewKey:
    """The private key (PEM), and the request to sign its public half (PKCS #10, DER)."""

    private: str
    request: bytes


def new_key() -> NewKey:
    """Make a key on the curve P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return NewKey(private.decode("ascii"), request.public_bytes(serialization.Encoding.DER))


def identity_of(key: NewKey, issued: pb.IssuedCertificate) -> Identity:
    """Put the key and its certificate together."""
    return Identity(
        server=issued.server,
        key=key.private,
        certificate=issued.certificate.decode("ascii"),
        authority=issued.authority.decode("ascii"),
        not_before_us=issued.not_before_us,
        not_after_us=issued.not_after_us,
        collectors=tuple(issued.collectors),
    )
