"""The chain of hashes, pure: how one entry's hash is made and where a chain breaks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

FIRST_HASH = "0" * 64
MAX_DETAILS_BYTES = 8_192

Detail = str | int | bool | None
"""What an entry may carry: values that a database gives back exactly as they were. Floats are not among them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is hashed."""

    site: str
    number: int
    who: str
    deed: str
    subject: str
    details: Mapping[str, object]
    at_ns: int
    previous_hash: str


def entry_hash(entry: Entry) -> str:
    """SHA-256 over the canonical JSON (sorted keys, no spaces) of all fields, the previous hash among them."""
    fields = [
        entry.site,
        entry.number,
        entry.who,
        entry.deed,
        entry.subject,
        dict(entry.details),
        entry.at_ns,
        entry.previous_hash,
    ]
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def link_fault(entry: Entry, stored: str, number: int, previous: str) -> str | None:
    """What is wrong with the entry that should bear `number` and follow the hash `previous`; None when it holds."""
    if entry.number != number:
        return f"entry {number} is missing"
    if entry.previous_hash != previous:
        return f"entry {number} does not follow entry {number - 1}"
    if entry_hash(entry) != stored:
        return f"entry {number} was changed after it was written"
    return None
