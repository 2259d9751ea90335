"""Names that are minted at the edge and never change: UUIDv7 ids, and the patterns of site, bed and patient codes."""

from __future__ import annotations

import secrets
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, StringConstraints

from shared.clock import NS_PER_MS

_CODE_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$"


def uuid7(utc_ns: int) -> UUID:
    """A time-ordered id (RFC 9562, version 7): 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = (utc_ns // NS_PER_MS) & ((1 << 48) - 1)
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def _is_uuid7(value: UUID) -> UUID:
    if value.version != 7:
        raise ValueError("must be a UUID of version 7")
    return value


Uuid7 = Annotated[UUID, AfterValidator(_is_uuid7)]
SiteName = Annotated[str, StringConstraints(pattern=_CODE_PATTERN, max_length=32)]
BedName = Annotated[str, StringConstraints(pattern=_CODE_PATTERN, max_length=32)]
PatientCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,4}-[A-Z0-9]{3,8}$", max_length=13)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
BootId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]
ReleaseName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$", max_length=64)]
