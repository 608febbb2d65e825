"""The shop's own authority: it signs the server's certificate and those of the devices.

P-256: gRPC's clients take no Ed25519 certificates. All files are the server's alone (0600).
"""

import hashlib
import ipaddress
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kasir.durable import PRIVATE, sync_directory, write_durably

AUTHORITY, AUTHORITY_KEY = "ca.pem", "ca.key"
# The server's key, its certificate and the authority's: one file, so that they always fit together.
SERVER = "server.pem"
PEPPER = "pepper"
PEPPER_BYTES = 32
AUTHORITY_LASTS = timedelta(days=3_650)
SERVER_LASTS = timedelta(days=90)
DEVICE_LASTS = timedelta(days=90)
# It is renewed before that
WARN_BELOW = timedelta(days=28)
# Clocks of tills are not all right.
BEFORE = timedelta(hours=1)
CSR_MAX = 8_192

Clock = Callable[[], datetime]


class AuthorityError(Exception):
    """The authority cannot be used; the text says why and what to do."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Certificate:
    """A certificate that was signed."""

    pem: str
    fingerprint: bytes
    expires_s: int


class Authority:
    """The authority in a directory that `create` made."""

    def __init__(self, directory: Path, clock: Clock = _now) -> None:
        """Raises AuthorityError."""
        self.directory = directory
        self._clock = clock
        try:
            self.pem = (directory / AUTHORITY).read_text()
            self.pepper = bytes.fromhex((directory / PEPPER).read_text())
            self._certificate = x509.load_pem_x509_certificate(self.pem.encode())
            key = serialization.load_pem_private_key((directory / AUTHORITY_KEY).read_bytes(), None)
        except OSError as error:
            raise AuthorityError(
                f"{error.filename} cannot be read: {error.strerror}. An authority is made by: "
                f"kasir ca init {directory}."
            ) from error
        except ValueError as error:
            raise AuthorityError(f"{directory} holds no authority: {error}.") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or len(self.pepper) != PEPPER_BYTES:
            raise AuthorityError(f"{directory} holds no authority of kasir ca init.")
        self._key = key
        for name in (AUTHORITY_KEY, SERVER, PEPPER):
            if (directory / name).exists() and (directory / name).stat().st_mode & 0o077:
                raise AuthorityError(f"Others can read {directory / name}: chmod 600 it.")

    @property
    def server_certificate(self) -> Path:
        """The server's key and its chain."""
        return self.directory / SERVER

    @property
    def authority_certificate(self) -> Path:
        """Whom devices trust, and whose certificates the server takes."""
        return self.directory / AUTHORITY

    def server_der(self) -> bytes:
        """The server's own certificate, without the chain."""
        found = x509.load_pem_x509_certificates(self.server_certificate.read_bytes())
        return found[0].public_bytes(serialization.Encoding.DER)

    def server_names(self) -> list[str]:
        """The names in the server's certificate."""
        found = x509.load_pem_x509_certificates(self.server_certificate.read_bytes())[0]
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [str(name.value) for name in names]

    def renew_server(self, names: Sequence[str] = ()) -> None:
        """Gives the server a new key and certificate, for these names or those that it has."""
        names = names or self.server_names()
        key = ec.generate_private_key(ec.SECP256R1())
        built = self._builder("kasir server", key.public_key(), SERVER_LASTS)
        built = built.add_extension(
            x509.SubjectAlternativeName([_name(name) for name in names]), critical=False
        )
        signed = self._signed(built, ExtendedKeyUsageOID.SERVER_AUTH)
        chain = signed.public_bytes(serialization.Encoding.PEM) + self.pem.encode()
        _write(self.server_certificate, _key_pem(key) + chain)

    def is_renewal_due(self) -> bool:
        """Whether the server's certificate is in the last third of its time."""
        return self.server_lasts() < SERVER_LASTS / 3

    def renew_server_in_time(self) -> bool:
        """Renews the server's certificate in the last third of its time. Whether it did."""
        if not self.is_renewal_due():
            return False
        self.renew_server()
        return True

    def server_lasts(self) -> timedelta:
        """How long the server's certificate lasts still."""
        found = x509.load_pem_x509_certificates(self.server_certificate.read_bytes())[0]
        return found.not_valid_after_utc - self._clock()

    def server_warning(self) -> str:
        """What to say, once a day, when a server that runs could not renew its certificate; else nothing."""
        left = self.server_lasts()
        if left >= WARN_BELOW:
            return ""
        when = "has expired: nobody can call"
        if left > timedelta():
            when = f"expires in {left.days} days, and then nobody can call"
        return (
            f"The server's certificate {when}. It could not be renewed: the server's user has to be able to "
            f"write {self.directory}."
        )

    def sign_device(self, name: str, csr_pem: str) -> Certificate:
        """A certificate for the key of a signing request. Raises ValueError for what is no request."""
        if len(csr_pem) > CSR_MAX:
            raise ValueError("The signing request is too long.")
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        key = csr.public_key()
        try:
            is_own = csr.is_signature_valid
        except InvalidSignature:
            is_own = False
        if not is_own or not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
            raise ValueError("The signing request has no P-256 key that signed it.")
        signed = self._signed(self._builder(name, key, DEVICE_LASTS), ExtendedKeyUsageOID.CLIENT_AUTH)
        der = signed.public_bytes(serialization.Encoding.DER)
        return Certificate(
            signed.public_bytes(serialization.Encoding.PEM).decode(),
            hashlib.sha256(der).digest(),
            int(signed.not_valid_after_utc.timestamp()),
        )

    def _builder(
        self, name: str, key: ec.EllipticCurvePublicKey, lasts: timedelta
    ) -> x509.CertificateBuilder:
        now = self._clock()
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BEFORE)
            .not_valid_after(now + lasts)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )

    def _signed(self, builder: x509.CertificateBuilder, use: x509.ObjectIdentifier) -> x509.Certificate:
        return builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False).sign(
            self._key, hashes.SHA256()
        )


def create(directory: Path, names: Sequence[str] = (), clock: Clock = _now) -> Authority:
    """Makes an authority, a certificate for the server and the pepper. Raises AuthorityError where one is."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any((directory / name).exists() for name in (AUTHORITY, AUTHORITY_KEY, PEPPER)):
        raise AuthorityError(
            f"{directory} holds an authority already; a new one would lock every device out."
        )
    key = ec.generate_private_key(ec.SECP256R1())
    shown = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Kasir {secrets.token_hex(4)}")])
    now = clock()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(shown)
        .issuer_name(shown)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_signs_certificates(), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(directory / PEPPER, secrets.token_hex(PEPPER_BYTES).encode())
    _write(directory / AUTHORITY_KEY, _key_pem(key))
    _write(directory / AUTHORITY, certificate.public_bytes(serialization.Encoding.PEM))
    authority = Authority(directory, clock)
    authority.renew_server(names or own_names())
    return authority


def own_names() -> list[str]:
    """What this machine is called, by itself and by others."""
    return list(dict.fromkeys(["localhost", "127.0.0.1", "::1", socket.gethostname()]))


def _signs_certificates() -> x509.KeyUsage:
    nothing = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **nothing)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Writes a file that is the owner's alone from its first byte, in the place of what is there."""
    write_durably(path, content, mode=PRIVATE)
    sync_directory(path.parent)
