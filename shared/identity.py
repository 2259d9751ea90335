"""How a box becomes a bed: the one-time code, what it sends, what it gets. The key is made at the box and never leaves it.

A code has two halves of 80 bits: a secret that is good once, and the fingerprint of the certificates to trust. So the box knows
that it talks to its own cloud before it has anything to check that with.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pydantic import Field

from shared.contract import Contract, Text
from shared.errors import Refused

HALF = 16
PEM_LIMIT = 16 * 1024
LIMIT_BYTES = 64 * 1024
_GROUP = 4
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")

Pem = Text


class EnrolmentWish(Contract):
    """The secret half of a code, and a request for a certificate (PKCS #10, PEM) signed by the box's new key."""

    secret: Text = Field(min_length=HALF, max_length=HALF)
    request_pem: Pem = Field(max_length=PEM_LIMIT)


class RenewalWish(Contract):
    """A request for the next certificate; who asks is what the present one says."""

    request_pem: Pem = Field(max_length=PEM_LIMIT)


class Identity(Contract):
    """A bed's certificate, and the certificates by which it knows broker and cloud."""

    certificate_pem: Pem = Field(max_length=PEM_LIMIT)
    trust_pem: Pem = Field(max_length=PEM_LIMIT)


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """What `deepepil-cloud enrol` prints and a person types or pastes at the box."""

    secret: str
    fingerprint: str

    @classmethod
    def new(cls, trust_pem: bytes) -> EnrolmentCode:
        """A code that nobody can guess, for these trusted certificates."""
        return cls(base64.b32encode(secrets.token_bytes(HALF * 5 // 8)).decode(), fingerprint_of(trust_pem))

    @classmethod
    def read(cls, text: str) -> EnrolmentCode:
        """Dashes, spaces and small letters do not matter. Raises Refused for what cannot be a code."""
        letters = "".join(text.split()).replace("-", "").upper()
        if len(letters) != 2 * HALF or not set(letters) <= _LETTERS:
            raise Refused(f"This is not an enrolment code: it has {2 * HALF} letters A-Z and digits 2-7.")
        return cls(letters[:HALF], letters[HALF:])

    @property
    def text(self) -> str:
        """In groups of four, for people."""
        whole = self.secret + self.fingerprint
        return "-".join(whole[at : at + _GROUP] for at in range(0, len(whole), _GROUP))

    @property
    def secret_sha256(self) -> str:
        """What the database keeps of it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def must_fit(self, trust_pem: bytes) -> None:
        """Raises Refused when these are not the certificates that the code was made for."""
        if not secrets.compare_digest(fingerprint_of(trust_pem), self.fingerprint):
            raise Refused(
                "The cloud showed an authority that is not the one of this code: perhaps another answers there."
            )


def certificates_of(pem: bytes) -> list[x509.Certificate]:
    """All certificates of a PEM text, at least one. Raises Refused."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise Refused(f"A PEM text holds no certificate: {error}.") from error


def fingerprint_of(trust_pem: bytes) -> str:
    """The first 80 bits of SHA-256 over the certificates (DER, in their order), in base 32. Raises Refused."""
    found = b"".join(each.public_bytes(serialization.Encoding.DER) for each in certificates_of(trust_pem))
    return base64.b32encode(hashlib.sha256(found).digest())[:HALF].decode()
