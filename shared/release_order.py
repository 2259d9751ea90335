"""Who vouches for a release, and which bed shall run it: Ed25519 over canonical JSON, of a card and of an order to one bed.

In: a card or an order, a private key (cloud) or the trusted public keys (bed). Out: the signed one, or a Refused that says why.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from pydantic import Field

from shared.contract import Contract, Count, Nanoseconds
from shared.errors import Misconfigured, Refused
from shared.ids import BedName, ReleaseName, Sha256, SiteName
from shared.release import ReleaseCard, Signature

PEM_LIMIT_BYTES = 64 * 1024
MOST_KEYS = 16
Keys = Mapping[str, Ed25519PublicKey]
_MARK = b"-----BEGIN PUBLIC KEY-----"


class ReleaseOrder(Contract):
    """Signed word to one bed: run this release. `number` grows with each order to the bed; an older one is never obeyed."""

    site: SiteName
    bed: BedName
    number: Count = Field(ge=1)
    release: ReleaseName
    card_sha256: Sha256 = Field(description="of the signed card's canonical JSON")
    issued_utc_ns: Nanoseconds
    signature: Signature | None = None


def read_keys(path: Path) -> Keys:
    """The trusted public keys by id, from one or several in PEM, one after another. Raises Misconfigured."""
    try:
        blocks = [_MARK + part for part in path.read_bytes()[:PEM_LIMIT_BYTES].split(_MARK)[1 : MOST_KEYS + 1]]
        keys = [load_pem_public_key(block) for block in blocks]
    except (OSError, ValueError) as error:
        raise Misconfigured(f"The keys of releases in {path} cannot be read: {error}.") from error
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not found or len(found) != len(keys):
        raise Misconfigured(f"{path} must hold Ed25519 public keys in PEM, one to {MOST_KEYS}.")
    return {key_id(key): key for key in found}


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """The private key in PEM that signs. Raises Misconfigured."""
    try:
        key = load_pem_private_key(path.read_bytes()[:PEM_LIMIT_BYTES], None)
    except (OSError, ValueError, TypeError) as error:
        raise Misconfigured(f"The signing key of releases in {path} cannot be read: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(f"The signing key of releases in {path} must be Ed25519.")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def canonical(contract: Contract) -> bytes:
    """JSON with sorted keys and no spaces, without what is None: the same for equal contracts everywhere."""
    return json.dumps(
        contract.model_dump(mode="json", exclude_none=True), sort_keys=True, separators=(",", ":")
    ).encode()


def card_digest(card: ReleaseCard) -> str:
    """SHA-256 of the card as it is, its signature among the rest."""
    return hashlib.sha256(canonical(card)).hexdigest()


def sign_card(card: ReleaseCard, key: Ed25519PrivateKey) -> ReleaseCard:
    """The card with a signature over all the rest of it, and so over the file's hash."""
    return card.model_copy(update={"signature": _signed(card.model_copy(update={"signature": None}), key)})


def sign_order(order: ReleaseOrder, key: Ed25519PrivateKey) -> ReleaseOrder:
    """The order with a signature over all the rest of it."""
    return order.model_copy(update={"signature": _signed(order.model_copy(update={"signature": None}), key)})


def must_be_signed(contract: ReleaseCard | ReleaseOrder, keys: Keys) -> None:
    """Raises Refused, by name, for what is unsigned, signed by a key that is not trusted, or changed after it was signed."""
    name = contract.name if isinstance(contract, ReleaseCard) else contract.release
    word = "card" if isinstance(contract, ReleaseCard) else "order"
    signature = contract.signature
    if signature is None:
        raise Refused(f"Release {name}: its {word} is not signed.", release=name)
    key = keys.get(signature.key_id)
    if key is None:
        raise Refused(f"Release {name}: its {word} is signed by the key {signature.key_id}, which is not trusted here.")
    try:
        value = base64.b64decode(signature.value, validate=True)
        key.verify(value, _purpose(contract) + canonical(contract.model_copy(update={"signature": None})))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Refused(f"Release {name}: its {word} was changed after it was signed.", release=name) from error


def _signed(contract: Contract, key: Ed25519PrivateKey) -> Signature:
    value = base64.b64encode(key.sign(_purpose(contract) + canonical(contract))).decode()
    return Signature(algorithm="ed25519", key_id=key_id(key.public_key()), value=value)


def _purpose(contract: Contract) -> bytes:
    """What the signature is for: a signed card can never stand for an order."""
    return f"deepepil {type(contract).__name__} 1\n".encode()
