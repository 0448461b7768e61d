"""What the certificate of a peer says.

Names     Certificates of our authority carry one URI, ``mailtally://agent/NAME`` or, for who asks
          questions, ``mailtally://query/NAME``. Those of other authorities have DNS names. The
          common name counts only where there is no subject alternative name at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from ssl import PEM_cert_to_DER_cert
from urllib.parse import unquote

from cryptography import x509
from cryptography.x509.oid import NameOID

from mailtally_collector.durations import SECOND_US

AGENT, QUERY = "mailtally://agent/", "mailtally://query/"


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A certificate that TLS has verified.

    agent, query  NAME of the URI; None when there is none of that kind
    names         DNS names, in the order of the certificate
    """

    fingerprint: bytes
    not_after_us: int
    agent: str | None
    query: str | None
    names: tuple[str, ...]


def peer_certificate(auth: Mapping[str, Iterable[bytes]]) -> PeerCertificate | None:
    """Read the certificate of a connection; None when it has none (plaintext)."""
    for pem in auth.get("x509_pem_cert", ()):
        return _read(bytes(pem))
    return None


@lru_cache(maxsize=4_096)
def _read(pem: bytes) -> PeerCertificate:
    der = PEM_cert_to_DER_cert(pem.decode("ascii"))
    certificate = x509.load_der_x509_certificate(der)
    uris: list[str] = []
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
        uris = extension.value.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = [str(name.value) for name in common]
    return PeerCertificate(
        sha256(der).digest(),
        int(certificate.not_valid_after_utc.timestamp()) * SECOND_US,
        _named(uris, AGENT),
        _named(uris, QUERY),
        tuple(names),
    )


def _named(uris: list[str], kind: str) -> str | None:
    return next((unquote(uri.removeprefix(kind)) for uri in uris if uri.startswith(kind)), None)
