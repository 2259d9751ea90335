"""A certificate authority for tests: a root, a server's certificate for this machine, and one for each bed."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PEM = serialization.Encoding.PEM
_YEAR = datetime.timedelta(days=365)


@dataclass(frozen=True)
class Certificate:
    """Two PEM files."""

    certificate_file: Path
    key_file: Path


class TestAuthority:
    """Mints certificates into a folder; `ca_file` is what all of them trust."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self.ca_file = folder / "ca.pem"
        root = self._start(self._name, self._key.public_key()).add_extension(x509.BasicConstraints(True, None), True)
        self.ca_file.write_bytes(root.sign(self._key, hashes.SHA256()).public_bytes(_PEM))

    def _start(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - _YEAR).not_valid_after(now + _YEAR)

    def issue(self, common_name: str, *, server: bool = False) -> Certificate:
        """A certificate for 127.0.0.1 (server) or for a bed named by its common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._start(name, key.public_key()).add_extension(x509.ExtendedKeyUsage([usage]), False)
        if server:
            here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(here), False)
        issued = Certificate(self._folder / f"{common_name}.pem", self._folder / f"{common_name}.key")
        issued.certificate_file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        plain, pkcs8 = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
        issued.key_file.write_bytes(key.private_bytes(_PEM, pkcs8, plain))
        return issued
