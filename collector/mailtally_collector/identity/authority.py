"""The collector's own certificate authority: a folder with a key, and what is signed with it.

Files     ca.pem, ca.key (mode 0600); query.pem, query.key (0600) for ``mailtally`` on this host.
          Made when they are needed first, by one process at a time; several collectors on one
          database share a copy of the folder. The collector's own certificate is made at each
          start, and its key is nowhere but in memory.
Raises    AuthorityError, in words for an operator.
"""

import fcntl
import ipaddress
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailtally_collector.identity.certificate import AGENT, QUERY

CA_YEARS = 20
QUERY_DAYS = 730
# Clocks of hosts may be behind.
EARLIER = timedelta(minutes=10)
OTHERS = 0o077
PEM = serialization.Encoding.PEM
AS_CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
# A collector asks its own port too (``mailtally-collector check``).
AS_SERVER = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


class AuthorityError(Exception):
    """The authority cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key with its certificate, PEM."""

    key: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate for an agent: PEM, with what is noted of it."""

    certificate: bytes
    fingerprint: bytes
    not_before: datetime
    not_after: datetime


class Authority:
    """The key and certificate of a folder."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        """Use ``open_authority``."""
        self._key = key
        self._certificate = certificate

    @property
    def pem(self) -> bytes:
        """Its certificate."""
        return self._certificate.public_bytes(PEM)

    @property
    def pin(self) -> bytes:
        """SHA-256 of its certificate."""
        return sha256(self._certificate.public_bytes(serialization.Encoding.DER)).digest()

    def issue(self, request: bytes, server: str, now: datetime, lifetime: timedelta) -> Issued:
        """Sign the public key of a PKCS #10 request for a server. Raises ValueError."""
        try:
            asked = x509.load_der_x509_csr(request)
            good = asked.is_signature_valid
            key = asked.public_key()
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValueError(f"no certificate request: {error}") from None
        if not good or not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("the certificate request must be signed by a key on an elliptic curve")
        uri = x509.UniformResourceIdentifier(AGENT + quote(server, safe=""))
        certificate = self._sign(key, [uri], now, lifetime, AS_CLIENT)
        return Issued(
            certificate.public_bytes(PEM),
            sha256(certificate.public_bytes(serialization.Encoding.DER)).digest(),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )

    def server_credential(self, hosts: Sequence[str], now: datetime) -> Credential:
        """Make a certificate for a collector that is reached by these names and addresses."""
        names = [_general_name(host) for host in dict.fromkeys(hosts)]
        return self._credential(names, now, timedelta(days=365 * CA_YEARS), AS_SERVER)

    def query_credential(self, name: str, now: datetime) -> Credential:
        """Make a certificate for who asks questions."""
        uri = x509.UniformResourceIdentifier(QUERY + quote(name, safe=""))
        return self._credential([uri], now, timedelta(days=QUERY_DAYS), AS_CLIENT)

    def _credential(
        self,
        names: Sequence[x509.GeneralName],
        now: datetime,
        lifetime: timedelta,
        uses: Sequence[x509.ObjectIdentifier],
    ) -> Credential:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(key.public_key(), names, now, lifetime, uses)
        return Credential(_key_pem(key), certificate.public_bytes(PEM) + self.pem)

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey,
        names: Sequence[x509.GeneralName],
        now: datetime,
        lifetime: timedelta,
        uses: Sequence[x509.ObjectIdentifier],
    ) -> x509.Certificate:
        ends = self._certificate.not_valid_after_utc
        if now >= ends:
            raise AuthorityError(f"the authority itself ended on {ends:%Y-%m-%d}")
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - EARLIER)
            .not_valid_after(min(now + lifetime, ends))
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def open_authority(folder: Path, now: datetime | None = None) -> Authority:
    """Read the authority of a folder; it is made when there is none. Raises AuthorityError."""
    now = now or datetime.now(UTC)
    try:
        with _alone(folder):
            key = _key(folder / "ca.key")
            return Authority(key, _ca_certificate(folder / "ca.pem", key, now))
    except OSError as error:
        raise AuthorityError(
            f"{error.filename or folder}: {error.strerror or error}; set identity.folder, or the"
            " owner of that folder to the collector's user"
        ) from error


def keep_query_credential(folder: Path, authority: Authority, now: datetime) -> None:
    """Have query.pem and query.key in the folder, with half of their time left at least."""
    certificate, key = folder / "query.pem", folder / "query.key"
    try:
        with _alone(folder):
            if certificate.exists() and key.exists():
                (leaf, issuer) = x509.load_pem_x509_certificates(certificate.read_bytes())
                left = leaf.not_valid_after_utc - now
                is_ours = issuer.public_bytes(PEM) == authority.pem
                if is_ours and left > timedelta(days=QUERY_DAYS / 2):
                    return
            made = authority.query_credential("local", now)
            _write(key, made.key)
            _write(certificate, made.certificate)
    except (OSError, ValueError) as error:
        raise AuthorityError(f"{folder}: query.pem cannot be made: {error}") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes away from the folder, which is made when missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give_to_owner_above(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        _write(path, _key_pem(made))
        return made
    mode = path.stat().st_mode & 0o777
    if mode & OTHERS:
        raise AuthorityError(
            f"{path}: others may read it (mode {mode:04o}), and who has it can make certificates:"
            f" chmod 0600 {path}, or make a new authority if somebody did"
        )
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthorityError(f"{path}: is not a private key in PEM: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{path}: is not a key on an elliptic curve")
    return key


def _ca_certificate(path: Path, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    if not path.exists():
        _write(path, _self_signed(key, now).public_bytes(PEM), mode=0o644)
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise AuthorityError(f"{path}: is not a certificate in PEM: {error}") from error
    if certificate.public_key() != key.public_key():
        raise AuthorityError(f"{path}: does not belong to ca.key beside it: copy both")
    return certificate


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailtally agents")])
    signs = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=365 * CA_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(PEM, form, serialization.NoEncryption())


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write durably, all or nothing."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _give_to_owner_above(part)
    part.replace(path)


def _give_to_owner_above(path: Path) -> None:
    """What root makes belongs to who owns the folder: the collector's user, as a rule."""
    if os.geteuid() == 0:
        above = path.parent.stat()
        os.chown(path, above.st_uid, above.st_gid)
