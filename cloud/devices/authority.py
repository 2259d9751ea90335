"""A small certificate authority: one certificate a bed, one for the cloud, one for the servers. EC P-256, files in one folder.

The common name of a bed's certificate is `{site}.{bed}`; broker and bed interface take that name as who is talking.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.errors import Misconfigured, Refused

AUTHORITY_YEARS = 10
LEAF_DAYS = 730
RENEW_BEFORE = timedelta(days=30)
SKEW = timedelta(hours=1)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority's own certificate and key, and where they lie."""

    certificate_file: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def open(cls, folder: Path) -> Authority:
        """Reads `ca.crt` and `ca.key` from the folder, or makes them. Raises Misconfigured when they are damaged."""
        certificate_file, key_file = folder / "ca.crt", folder / "ca.key"
        if not certificate_file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = authority_certificate(key)
            write_whole(key_file, key_text(key))
            write_whole(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
        try:
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            loaded = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise Misconfigured(f"The certificate authority in {folder} cannot be read: {error}.") from error
        if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != certificate.public_key():
            raise Misconfigured(f"The certificate authority in {folder} has a key that is not its certificate's.")
        return cls(certificate_file, certificate, loaded)

    def issue(self, name: str, hosts: Sequence[str] = ()) -> tuple[bytes, bytes]:
        """Certificate and key as PEM. With `hosts` (names or addresses) it serves, without it is a client's.

        Raises Refused for a name that is not of small letters, digits, dots and dashes, at most 64.
        """
        if _NAME.fullmatch(name) is None:
            raise Refused(
                f"A certificate's name must be of a-z, 0-9, dot and dash, at most 64 long, not {name[:80]!r}."
            )
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            builder_of(name, self.certificate.subject, timedelta(days=LEAF_DAYS))
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self.key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM), key_text(key)

    def issue_files(self, name: str, folder: Path, hosts: Sequence[str] = ()) -> tuple[Path, Path]:
        """The files `NAME.crt` and `NAME.key` in the folder; made anew when missing, foreign or within 30 days of their end."""
        certificate_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
        if not self._still_good(certificate_file, key_file, hosts):
            folder.mkdir(parents=True, exist_ok=True)
            certificate, key = self.issue(name, hosts)
            write_whole(key_file, key)
            write_whole(certificate_file, certificate)
        return certificate_file, key_file

    def _still_good(self, certificate_file: Path, key_file: Path, hosts: Sequence[str]) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            certificate.verify_directly_issued_by(self.certificate)
        except (OSError, ValueError, TypeError, InvalidSignature):
            return False
        fresh = certificate.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE
        return fresh and key.public_key() == certificate.public_key() and _hosts_of(certificate) == set(hosts)


def authority_certificate(key: ec.EllipticCurvePrivateKey, name: str = "deepepil-authority") -> x509.Certificate:
    """The certificate of an authority that signs leaves alone, made of its own key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        builder_of(name, subject, timedelta(days=365 * AUTHORITY_YEARS))
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def builder_of(name: str, issuer: x509.Name, life: timedelta) -> x509.CertificateBuilder:
    """Names, serial number and times; an hour of the past is valid too, for clocks that lag."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
    )


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _hosts_of(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as PKCS #8 PEM, not encrypted: its file's rights guard it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Whole or not at all, and on the disk; readable by the owner alone unless `mode` says otherwise."""
    partial = path.with_name(path.name + ".part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    partial.replace(path)
