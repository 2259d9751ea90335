"""A release is vouched for by a signature over all of its card; an order speaks to one bed; what was changed is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.errors import Misconfigured, Refused
from shared.release import ReleaseCard, card_path, load_card, save_card
from shared.release_order import (
    ReleaseOrder,
    card_digest,
    key_id,
    must_be_signed,
    read_keys,
    read_signing_key,
    sign_card,
    sign_order,
)

RELEASES = Path(__file__).parents[2] / "models" / "releases"
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
KEYS = {key_id(KEY.public_key()): KEY.public_key()}


@pytest.fixture
def card() -> ReleaseCard:
    return sign_card(load_card(card_path(RELEASES, "detector-v0")), KEY)


def test_a_signed_card_holds_through_its_file_and_its_digest_names_it(card: ReleaseCard, tmp_path: Path) -> None:
    save_card(card, card_path(tmp_path, card.name))
    again = load_card(card_path(tmp_path, card.name))
    must_be_signed(again, KEYS)
    assert card_digest(again) == card_digest(card)
    assert card_digest(sign_card(card, OTHER)) != card_digest(card)


@pytest.mark.parametrize("field", ["sha256", "trigger", "limits", "version", "data"])
def test_a_card_in_which_anything_was_changed_is_refused_by_name(card: ReleaseCard, field: str) -> None:
    assert card.trigger is not None
    changes = {
        "sha256": "0" * 64,
        "trigger": card.trigger.model_copy(update={"open_at": 0.99}),
        "limits": ("None.",),
        "version": "2",
        "data": card.data.model_copy(update={"simulated": not card.data.simulated}),
    }
    with pytest.raises(Refused, match="Release detector-v0: its card was changed after it was signed"):
        must_be_signed(card.model_copy(update={field: changes[field]}), KEYS)


def test_unsigned_cards_and_foreign_keys_are_refused_by_name(card: ReleaseCard) -> None:
    with pytest.raises(Refused, match="Release detector-v0: its card is not signed"):
        must_be_signed(card.model_copy(update={"signature": None}), KEYS)
    with pytest.raises(Refused, match="which is not trusted here"):
        must_be_signed(sign_card(card, OTHER), KEYS)


def test_an_order_speaks_to_one_bed_and_a_cards_signature_is_none_for_an_order(card: ReleaseCard) -> None:
    order = sign_order(
        ReleaseOrder(site="north", bed="bed-1", number=3, release=card.name, card_sha256="a" * 64, issued_utc_ns=5), KEY
    )
    must_be_signed(order, KEYS)
    for change in ({"bed": "bed-2"}, {"number": 4}, {"signature": card.signature}):
        with pytest.raises(Refused, match="its order was changed"):
            must_be_signed(order.model_copy(update=change), KEYS)


def test_several_trusted_keys_are_read_from_one_file_and_nonsense_is_misconfigured(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    path.write_bytes(b"".join(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in (KEY, OTHER)))  # fmt: skip
    assert set(read_keys(path)) == {key_id(KEY.public_key()), key_id(OTHER.public_key())}
    path.write_text("nonsense")
    for read in (read_keys, read_signing_key):
        with pytest.raises(Misconfigured):
            read(path)
