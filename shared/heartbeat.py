"""A heartbeat: health of one bed, from the progress of its loops, not from the life of its processes. Sent at QoS 0."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.contract import Bytes, Contract, Count, Nanoseconds, Share, Text
from shared.frame import Stream
from shared.ids import BootId, ReleaseName, Uuid7

NonNegative = Annotated[float, Field(ge=0.0, le=1e9, allow_inf_nan=False)]


class ProcessHealth(Contract):
    """One process of the bed: what the supervisor and its own beat say."""

    name: Text = Field(max_length=32)
    running: bool
    restarts: Count
    progress_age_s: NonNegative = Field(description="seconds since the loop last did its work")
    core_share: NonNegative = Field(description="CPU seconds per second since the last heartbeat")
    rss_bytes: Bytes


class Heartbeat(Contract):
    """The health of one bed at one moment."""

    boot_id: BootId
    mono_ns: Nanoseconds
    utc_ns: Nanoseconds
    version: Text = Field(max_length=64, description="software version and commit")
    release: ReleaseName | None = Field(description="the detector that scores now; None: no score flows")
    stay_id: Uuid7 | None
    paused: bool
    camera: Text = Field(max_length=64, description="open, reopening, or why not")
    coverage_1h: dict[Stream, Share] = Field(description="share of the last hour recorded, by stream")
    last_frame_age_s: NonNegative
    last_score: Share | None
    ring_bytes: Bytes
    ring_hours: NonNegative = Field(description="span that the ring holds now")
    promise_hours: NonNegative = Field(description="span that the disk will hold at the present rate")
    disk_free_bytes: Bytes
    outbox_waiting: Count
    clips_waiting: Count
    pinned_bytes: Bytes
    dropped_frames: Count = Field(description="lost on the bus since the supervisor started")
    alarms: Annotated[list[Text], Field(max_length=32)] = Field(
        description="sentences for people; empty when all is well"
    )
    processes: Annotated[list[ProcessHealth], Field(max_length=32)]


class BedState(Contract):
    """Retained birth and will: whether the bed's agent is connected, and which connection of it this was."""

    online: bool
    session: Count = Field(description="grows with every connection; a will of an older session is ignored")
    version: Text = Field(max_length=64)
