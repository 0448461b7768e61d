"""Why no connection came about: gRPC says "Socket closed" whatever TLS did not like.

How       Connects once more, with Python's own TLS and without a certificate of our own, and looks
          at what the collector shows. When that is right it was our certificate that the collector
          did not take, and the reason is looked for in the certificate itself.
"""

import socket
import ssl
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from mailtally_agent.identity import Material

TRY_SECONDS = 3.0
# OpenSSL's X509_V_ERR_*: not yet valid, expired, name, address.
NOT_YET, EXPIRED, OTHER_NAMES = 9, 10, (62, 64)
ENROL_AGAIN = (
    "run mailtally-collector agents invite {server} on the collector, and mailtally-agent enroll"
    " TOKEN here (with [collector.tls]: get another certificate_file)"
)


def diagnose(address: str, material: Material | None, server: str) -> str | None:
    """What is wrong and what to do; None when TLS has nothing to do with it."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        connection = socket.create_connection((host, int(port)), TRY_SECONDS)
    except (OSError, ValueError):
        return None
    with connection:
        connection.settimeout(TRY_SECONDS)
        if material is None:
            return _without_tls(connection, server)
        return _shown(connection, host, material, server) or _own(material, server)


def names_of(material: Material) -> tuple[str, ...]:
    """The DNS names of our certificate; the common name where there is no alternative name."""
    certificate = x509.load_pem_x509_certificate(material.certificate)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return tuple(str(name.value) for name in certificate.subject)
    return tuple(extension.value.get_values_for_type(x509.DNSName))


def _without_tls(connection: socket.socket, server: str) -> str | None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        context.wrap_socket(connection).close()
    except OSError:
        return None
    return (
        "it wants TLS and a certificate, and this agent has none: leave out collector.insecure, and"
        f" {ENROL_AGAIN.format(server=server)}"
    )


def _shown(connection: socket.socket, host: str, material: Material, server: str) -> str | None:
    """What is wrong with what the collector shows."""
    context = ssl.create_default_context(cadata=material.authority.decode("ascii"))
    try:
        context.wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in OTHER_NAMES:
            return (
                f"its certificate is not for {host}: set collector.address to a name that it has,"
                f" or add {host} to identity.hosts of the collector"
            )
        if error.verify_code in (NOT_YET, EXPIRED):
            return f"its certificate is not good today: {error.verify_message}; are clocks right?"
        return (
            "it shows a certificate of another authority than the one that this agent trusts:"
            f" a collector of others, or its authority was made anew; then {_again(server)}"
        )
    except ssl.SSLError as error:
        return f"it does not speak TLS ({error.reason}): is that the collector's port?"
    except OSError:
        return None
    return None


def _own(material: Material, server: str) -> str:
    """What is wrong with our certificate, which the collector did not take."""
    certificate = x509.load_pem_x509_certificate(material.certificate)
    now = datetime.now(UTC)
    if now >= certificate.not_valid_after_utc:
        ended = certificate.not_valid_after_utc
        return f"this agent's certificate ended on {ended:%Y-%m-%d %H:%M} UTC; {_again(server)}"
    if now < certificate.not_valid_before_utc:
        begins = certificate.not_valid_before_utc
        return (
            f"this agent's certificate begins on {begins:%Y-%m-%d %H:%M} UTC: is the clock right?"
        )
    if not _is_signed(certificate, material.authority):
        issuer = certificate.issuer.rfc4514_string()
        return (
            f"it does not take this agent's certificate, which another authority ({issuer})"
            f" signed; {_again(server)}"
        )
    return (
        "it closes the connection: it takes no certificates of this agent's authority (its"
        " tls.client_ca_file, or its authority was made anew), or it is overloaded;"
        f" if it lasts, {_again(server)}"
    )


def _is_signed(certificate: x509.Certificate, authorities: bytes) -> bool:
    for authority in x509.load_pem_x509_certificates(authorities):
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False


def _again(server: str) -> str:
    return ENROL_AGAIN.format(server=server)
