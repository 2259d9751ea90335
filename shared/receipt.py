"""A receipt: the cloud's word, given after its own commit. Only a receipt ends the bed's duty to keep and send."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from shared.contract import Contract, Count, Nanoseconds, Text
from shared.ids import Uuid7


class ReceiptKind(StrEnum):
    """`stored`: it is safe. `released`: policy or verdict does not want it. `refused`: it will never be taken; a dead letter."""

    stored = "stored"
    released = "released"
    refused = "refused"


class Receipt(Contract):
    """Answers one message of the bed, named by its per-bed sequence number."""

    event_id: Uuid7
    sequence: Count = Field(description="the sequence number of the message that this receipt answers")
    revision: Count | None = Field(
        default=None, description="the revision that was answered; None where the message could not be read"
    )
    kind: ReceiptKind
    reason: Text = Field(default="", max_length=500)
    committed_utc_ns: Nanoseconds
