"""The second factor: six digits a half minute by RFC 6238, from a secret that a person's telephone keeps. Pure."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from shared.clock import NS_PER_S

SECRET_BYTES = 20
STEP_S = 30
STEPS_ASIDE = 1
"""A telephone's clock may be this many steps off."""


def secret_of(random: bytes) -> str:
    """The secret as telephones take it: base32 without padding. Takes 20 bytes, RFC 4226's recommendation."""
    assert len(random) == SECRET_BYTES
    return base64.b32encode(random).decode()


def code_at(secret: str, step: int) -> str:
    """The six digits of one step."""
    return TOTP(base64.b32decode(secret), 6, SHA1(), STEP_S).generate(step * STEP_S).decode()  # noqa: S303  by the RFC


def step_of(secret: str, code: str, now_ns: int) -> int | None:
    """The step whose code this is, now or one step aside; None for any other. All candidates are compared."""
    now = now_ns // NS_PER_S // STEP_S
    steps = range(max(0, now - STEPS_ASIDE), now + STEPS_ASIDE + 1)
    right = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), code.encode())]
    return right[-1] if right else None


def address_of(secret: str, account: str) -> str:
    """What a telephone's program reads: `otpauth://totp/…`."""
    return f"otpauth://totp/DeepEpil:{quote(account)}?secret={secret}&issuer=DeepEpil"
