"""The heads of the audit chains, signed and written off this machine: one line of JSON a site, each minute that it moved.

The file lies on a volume of another machine, or a log shipper takes it away line by line. The worker that signs has the key;
the database and the api have not.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from cloud.audit.verify import SignedHead
from shared.errors import Misconfigured, Refused, Transient

MAX_LINE_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class HeadsFile:
    """Where signed heads are written, and the key that signs them."""

    path: Path
    key: Ed25519PrivateKey

    @staticmethod
    def open(path: Path, key_file: Path) -> HeadsFile:
        """Raises Misconfigured when the key cannot be read or is of another kind."""
        return HeadsFile(path, _private_key(key_file))

    def append(self, heads: Iterable[SignedHead]) -> None:
        """Adds a line a head and waits until they are on the disk. Raises Transient when that fails."""
        lines = "".join(f"{line_of(head, self.key)}\n" for head in heads)
        if not lines:
            return
        try:
            with self.path.open("a", encoding="ascii") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Transient(f"The signed heads cannot be written to {self.path}: {error.strerror or error}.") from error


def make_key(path: Path) -> str:
    """Makes a new signing key in a file of its own, for its owner alone; returns the public key as PEM. Raises Refused."""
    key = Ed25519PrivateKey.generate()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Refused(f"{path}: the key cannot be written: {error.strerror or error}.") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def line_of(head: SignedHead, key: Ed25519PrivateKey) -> str:
    """One line: the head's fields and the signature over them."""
    return json.dumps({**_fields(head), "signature": base64.b64encode(key.sign(_signed(head))).decode()})


def read_heads(path: Path, public_key: Path) -> tuple[dict[str, dict[int, SignedHead]], list[str]]:
    """The heads of a file by site and number, and a sentence for each line that is not what the key signed.

    Raises Misconfigured for a key, Refused for a file that cannot be read.
    """
    key = _public_key(public_key)
    found: dict[str, dict[int, SignedHead]] = {}
    faults: list[str] = []
    try:
        with path.open("rb") as file:
            for count, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), start=1):
                head = _head_in(line, key)
                if head is None:
                    faults.append(f"{path.name}: line {count} is not what the key signed")
                    continue
                other = found.setdefault(head.site, {}).setdefault(head.number, head)
                if other.hash != head.hash:
                    faults.append(f"{path.name}: entry {head.number} of {head.site} was signed with two hashes")
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror or error}.") from error
    return found, faults


def _head_in(line: bytes, key: Ed25519PublicKey) -> SignedHead | None:
    try:
        fields = json.loads(line)
        head = SignedHead(str(fields["site"]), int(fields["number"]), str(fields["hash"]), int(fields["at_ns"]))
        key.verify(base64.b64decode(fields["signature"], validate=True), _signed(head))
    except (ValueError, TypeError, KeyError, RecursionError, InvalidSignature):
        return None
    return head


def _fields(head: SignedHead) -> dict[str, str | int]:
    return {"site": head.site, "number": head.number, "hash": head.hash, "at_ns": head.at_ns}


def _signed(head: SignedHead) -> bytes:
    return b"deepepil audit head 1\n" + json.dumps(_fields(head), sort_keys=True, separators=(",", ":")).encode()


def _private_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise Misconfigured(
            f"audit.signing_key_file: {path} holds no private key in PEM without a password."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(f"audit.signing_key_file: {path} is not an Ed25519 key.")
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} holds no public key in PEM.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise Misconfigured(f"{path} is not an Ed25519 key.")
    return key
