"""The live view's messages: a person's offer to a bed, the bed's reports on that view, the order to end it, who is watching.

Offer and answer are session descriptions (SDP, RFC 8866) of WebRTC; candidates come within them, none are sent later.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contract import Contract, Count, Nanoseconds, Text
from shared.frame import Stream
from shared.ids import Uuid7

LONGEST_SDP = 12_000
"""Characters. A browser's offer of one picture and one data channel has about 3,000."""
MOST_VIEWERS = 20
Sdp = Annotated[Text, Field(min_length=1, max_length=LONGEST_SDP)]
Viewer = Annotated[Text, Field(min_length=1, max_length=64)]
LiveStream = Literal[Stream.ir, Stream.depth, Stream.colour]


class LiveOffer(Contract):
    """A person wants to watch one stream of the bed. The same `view_id` again brings the same report and no second view."""

    view_id: Uuid7
    viewer: Viewer = Field(description="the account, as the others at the bed see it")
    stream: LiveStream
    sdp: Sdp
    expires_utc_ns: Nanoseconds = Field(description="after it the bed refuses")


class LiveHangup(Contract):
    """Ends one view; of an unknown one it has no effect."""

    view_id: Uuid7


class ViewPhase(StrEnum):
    """How far a view is."""

    answered = "answered"
    """The bed takes it: the SDP is its answer."""
    joined = "joined"
    """The browser is connected: pictures flow."""
    refused = "refused"
    ended = "ended"


class ViewCause(StrEnum):
    """Why a view was refused or ended."""

    privacy = "privacy"
    """The privacy switch at the bed is on."""
    paused = "paused"
    """Recording is paused for privacy."""
    full = "full"
    """As many watch as the bed allows."""
    not_set_up = "not_set_up"
    """The bed's settings name no network for it, or the box has no address there."""
    no_stream = "no_stream"
    """The bed's camera gives no such stream."""
    bad_offer = "bad_offer"
    expired = "expired"
    left = "left"
    """The viewer ended it, or closed the page."""
    hung_up = "hung_up"
    """The cloud ended it: the page was gone, or the session was over."""
    line_lost = "line_lost"
    never_joined = "never_joined"
    time_over = "time_over"
    stopped = "stopped"
    """The bed's live process stops."""
    bed_gone = "bed_gone"
    """The cloud's word alone: the bed does not answer, or is offline."""


class ViewReport(Contract):
    """The bed's word on one view."""

    view_id: Uuid7
    phase: ViewPhase
    cause: ViewCause | None = None
    sentence: Text = Field(default="", max_length=500, description="for people, with a cause")
    sdp: Text = Field(default="", max_length=LONGEST_SDP)
    at_utc_ns: Nanoseconds

    @model_validator(mode="after")
    def _makes_sense(self) -> ViewReport:
        if (self.phase is ViewPhase.answered) != bool(self.sdp):
            raise ValueError("sdp must be given with the phase answered, and with no other")
        if (self.phase in {ViewPhase.refused, ViewPhase.ended}) != (self.cause is not None):
            raise ValueError("cause must be given with the phases refused and ended, and with no other")
        return self


class LiveViewer(Contract):
    """One who is watching now."""

    viewer: Viewer
    stream: LiveStream
    since_utc_ns: Nanoseconds


class LiveHealth(Contract):
    """Whether the bed can be watched, and who does; part of its heartbeat."""

    private: bool = Field(description="the privacy switch at the bed is on: nobody can watch")
    most_viewers: Annotated[Count, Field(le=MOST_VIEWERS)] = Field(description="0: live view is not set up at this bed")
    viewers: Annotated[list[LiveViewer], Field(max_length=MOST_VIEWERS)] = Field(default_factory=list)
