"""A review: one clinician's verdict on an event."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from shared.contract import Contract, Count, Nanoseconds, Text
from shared.ids import Uuid7


class Verdict(StrEnum):
    """The first question of a review: is it a seizure or another paroxysmal event worth keeping?"""

    confirmed = "confirmed"
    rejected = "rejected"
    unsure = "unsure"


class Review(Contract):
    """One verdict by one person; a later one of the same person replaces it and keeps its history."""

    event_id: Uuid7
    reviewer: Text = Field(max_length=64)
    verdict: Verdict
    version: Count
    suggestion_shown: bool = Field(description="whether a classification was on the screen")
    reviewed_utc_ns: Nanoseconds
