"""The bed's key and certificate as files: made, read, compared, and replaced whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_agent.settings import MqttSettings
from shared.errors import Misconfigured, Refused

RENEW_SHARE = 1 / 3
"""A certificate is renewed when a third of its life is left: the rest is time for tries and for people."""


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the settings want them."""

    ca_file: Path
    certificate_file: Path
    key_file: Path

    @classmethod
    def of(cls, mqtt: MqttSettings) -> KeyFiles:
        """Raises Misconfigured when the settings name no files."""
        if mqtt.ca_file is None or mqtt.certificate_file is None or mqtt.key_file is None:
            raise Misconfigured(
                "mqtt: ca_file, certificate_file and key_file say where the bed's identity lies; set them."
            )
        return cls(mqtt.ca_file, mqtt.certificate_file, mqtt.key_file)

    def read(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """The certificate and its key. Raises Misconfigured."""
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            key = serialization.load_pem_private_key(self.key_file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise Misconfigured(f"The bed's certificate or key cannot be read: {error}.") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise Misconfigured(f"{self.key_file} is not the key of {self.certificate_file}.")
        return certificate, key


def new_key() -> ec.EllipticCurvePrivateKey:
    """EC P-256, from the machine's own randomness."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """As it lies in the file: PKCS #8, guarded by the file's rights."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def request_pem(key: ec.EllipticCurvePrivateKey, name: str) -> str:
    """A request for a certificate of this common name, signed by the key: proof that the key is here."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def must_be_ours(certificate_pem: str, key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    """The certificate, when it is for this key and this name. Raises Refused: a wrong one must not replace a good one."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError as error:
        raise Refused(f"The cloud sent what is no certificate: {error}.") from error
    names = [each.value for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [name] or certificate.public_key() != key.public_key():
        raise Refused(f"The cloud sent a certificate that is not for {name} and this box's key.")
    return certificate


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a third of its life or less is left."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now <= life * RENEW_SHARE


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and on the disk; root leaves it to the owner of the folder. Raises Misconfigured."""
    partial = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if os.geteuid() == 0:
                folder = path.parent.stat()
                os.fchown(descriptor, folder.st_uid, folder.st_gid)
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        partial.replace(path)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}.") from error
