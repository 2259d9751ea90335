"""A pull: the cloud asks a bed for a span that is still in its ring; the bed says what it holds and sends it as events."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from shared.clock import NS_PER_S
from shared.contract import Contract, Nanoseconds, Share, Text
from shared.event import EventCause
from shared.frame import Stream
from shared.gap import GapCause
from shared.ids import BootId, Uuid7

LONGEST_PULL_NS = 3600 * NS_PER_S
MARK_NS = 60 * NS_PER_S
"""A mark made by hand holds so much before and after the press."""
MAX_PARTS = 12
"""Boots, stays and steps of the wall clock within one span; a span with more of them is refused."""
BY_HAND = "none"
"""In place of a release: no detector found the event, a person asked for it."""


class PullRequest(Contract):
    """Asks for [start_utc_ns, end_utc_ns). The cloud asks again until it is answered; the same `pull_id` makes no second event.

    With cause `button` somebody pressed the button on the web in the middle of the span.
    """

    pull_id: Uuid7
    cause: EventCause
    start_utc_ns: Nanoseconds
    end_utc_ns: Nanoseconds
    expires_utc_ns: Nanoseconds = Field(description="after it the bed refuses and the cloud does not ask again")

    @model_validator(mode="after")
    def _makes_sense(self) -> PullRequest:
        if not 0 < self.end_utc_ns - self.start_utc_ns <= LONGEST_PULL_NS:
            raise ValueError("end_utc_ns must lie after start_utc_ns, by at most an hour")
        if self.cause is EventCause.detector:
            raise ValueError("cause must be pull or button")
        return self


class PullOutcome(StrEnum):
    """What the bed says."""

    held = "held"
    """The parts are pinned, and on their way as events."""
    nothing = "nothing"
    """The ring holds nothing of the span: the reason says why."""
    refused = "refused"
    """The bed does not take it: the reason says why."""


class HeldStream(Contract):
    """One stream of a part, as shares of the part's length; what no field explains is missing without a word."""

    held: Share
    lost: dict[GapCause, Share] = Field(default_factory=dict)
    not_wanted: dict[GapCause, Share] = Field(default_factory=dict)
    evicted: Share = Field(
        default=0.0, description="recorded, but gone from the ring before it was asked for; left out where it is 0",
        exclude_if=lambda share: share == 0,
    )  # fmt: skip


class PullPart(Contract):
    """A span of one boot and one stay that the bed holds, and the event that it became. UTC by the bed's clocks of that time."""

    event_id: Uuid7
    boot_id: BootId
    stay_id: Uuid7 | None
    start_utc_ns: Nanoseconds
    end_utc_ns: Nanoseconds
    streams: dict[Stream, HeldStream]
    evicted: Share = Field(description="recorded, but gone from the ring before it was asked for")


class PullAnswer(Contract):
    """The bed's word on one pull; the same to the same question, also after a restart."""

    pull_id: Uuid7
    outcome: PullOutcome
    reason: Text = Field(default="", max_length=500)
    parts: Annotated[list[PullPart], Field(max_length=MAX_PARTS)]
    answered_utc_ns: Nanoseconds

    @model_validator(mode="after")
    def _parts_when_held(self) -> PullAnswer:
        if (self.outcome is PullOutcome.held) != bool(self.parts):
            raise ValueError("parts must be given with the outcome held, and with no other")
        return self
