"""What to do with a message, pure: which report replaces which, how a refusal is answered, how long to wait for the database."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.errors import Refused
from shared.event import EventPhase, EventReport
from shared.receipt import Receipt, ReceiptKind

REASON_LIMIT = 500
MAX_SEQUENCE = 2**31 - 1
_ORDER = {EventPhase.opened: 0, EventPhase.updated: 1, EventPhase.closed: 2}


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as the broker gave it."""

    topic: str
    payload: bytes


def bed_of(topic: str) -> str:
    """`{site}/{bed}` of a topic, unchecked: whose share of the ingester a message takes; "-" for any other topic."""
    parts = topic.split("/")
    return f"{parts[2]}/{parts[3]}"[:80] if len(parts) == 5 else "-"


def replaces(revision: int, phase: EventPhase, report: EventReport) -> bool:
    """Whether the report replaces what is known: its revision is higher and it does not open again what was closed."""
    return report.revision > revision and _ORDER[report.phase] >= _ORDER[phase]


def must_be_numbered(sequence: int) -> None:
    """Raises Refused for an event's message without a sequence number that a receipt can name."""
    if not 1 <= sequence <= MAX_SEQUENCE:
        raise Refused(f"sequence: an event's message carries 1 to {MAX_SEQUENCE}, not {sequence}.")


def refusal(payload: bytes, reason: str, utc_ns: int) -> Receipt | None:
    """The receipt `refused`, as far as event and sequence number can be read from the message; None where they cannot."""
    try:
        fields: Any = json.loads(payload)
        sequence = fields["sequence"]
        event_id = UUID(fields["data"]["event_id"])
        revision = fields["data"].get("revision")
        if not _is_count(sequence) or sequence == 0 or event_id.version != 7:
            return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Receipt(
        event_id=event_id,
        sequence=sequence,
        revision=revision if _is_count(revision) else None,
        kind=ReceiptKind.refused,
        reason=storable(reason, REASON_LIMIT),
        committed_utc_ns=utc_ns,
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SEQUENCE


def storable(text: str, limit: int) -> str:
    """At most `limit` characters, without NUL and lone surrogates: what PostgreSQL can keep."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")[:limit]


def wait_s(failures: int, dice: random.Random) -> float:
    """Seconds to wait after so many failures in a row: half a second doubling to 10 s, with full jitter."""
    return dice.uniform(0.05, min(10.0, 0.5 * 2.0 ** min(failures, 10)))
