"""The beds' own authority: it signs requests that boxes make, and the list of what was revoked. EC P-256, SHA-256.

Its certificate is all that broker and bed interface accept from a bed, and its key opens nothing else: servers and the cloud's own
processes have theirs from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.devices.authority import SKEW, authority_certificate, builder_of, key_text, write_whole
from cloud.settings import AuthoritySection
from shared.clock import NS_PER_S
from shared.errors import Misconfigured, Refused

NAME = "deepepil-beds-authority"
LIST_DAYS = 30
"""How long a list of revoked certificates holds: a broker that gets no newer one for so long lets nobody in."""


@dataclass(frozen=True, slots=True)
class BedAuthority:
    """The authority's certificate and key. `days` is how long what it signs is valid."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    days: int

    @classmethod
    def open(cls, section: AuthoritySection) -> BedAuthority:
        """Raises Misconfigured when the files are missing, damaged, or not of one pair."""
        if section.certificate_file is None or section.key_file is None:
            raise Misconfigured("authority: certificate_file and key_file are not set; this cloud signs for no bed.")
        try:
            certificate = x509.load_pem_x509_certificate(section.certificate_file.read_bytes())
            key = serialization.load_pem_private_key(section.key_file.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"authority: the files cannot be read ({error}); `deepepil-cloud ca init` makes them."
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise Misconfigured("authority: key_file is not the key of certificate_file.")
        return cls(certificate, key, section.days)

    def sign(self, request: x509.CertificateSigningRequest, name: str) -> x509.Certificate:
        """A client's certificate for the request's key. Of the request nothing else is taken: the name is the caller's word."""
        public = request.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        key_usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        return (
            builder_of(name, self.certificate.subject, timedelta(days=self.days))
            .public_key(public)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def revocation_list(self, revoked: Iterable[tuple[str, int]], now: datetime | None = None) -> bytes:
        """The signed list (CRL, PEM) of (serial in hexadecimal, UTC ns of its revocation); valid for 30 days."""
        now = now or datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - SKEW)
            .next_update(now + timedelta(days=LIST_DAYS))
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for serial, at_ns in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(int(serial, 16))
            at = datetime.fromtimestamp(at_ns // NS_PER_S, UTC)
            builder = builder.add_revoked_certificate(entry.revocation_date(at).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def make_authority(section: AuthoritySection) -> BedAuthority:
    """Makes the files. Raises Refused when there is one already: a new authority would shut out every bed."""
    if section.certificate_file is None or section.key_file is None:
        raise Misconfigured("authority: certificate_file and key_file say where the authority shall lie; set both.")
    for path in (section.certificate_file, section.key_file):
        if path.exists():
            raise Refused(f"{path} is there already; a new authority would shut out every bed.")
    _make_folder(section.certificate_file.parent)
    _make_folder(section.key_file.parent)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority_certificate(key, NAME)
    write_whole(section.key_file, key_text(key))
    write_whole(section.certificate_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return BedAuthority(certificate, key, section.days)


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)


def read_request(request_pem: str) -> tuple[x509.CertificateSigningRequest, str]:
    """A box's request and the one common name in it. Raises Refused for another key than EC P-256 or a wrong signature."""
    try:
        request = x509.load_pem_x509_csr(request_pem.encode())
    except ValueError as error:
        raise Refused(f"request_pem: this is no request for a certificate: {error}.") from error
    public = request.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise Refused("request_pem: the key must be EC P-256.")
    if not request.is_signature_valid:
        raise Refused("request_pem: the signature is not that of its key.")
    names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise Refused("request_pem: it must hold one common name.")
    return request, str(names[0].value)


def serial_of(certificate: x509.Certificate) -> str:
    """The serial number as it is kept: hexadecimal, small letters, no leading zeros."""
    return f"{certificate.serial_number:x}"
