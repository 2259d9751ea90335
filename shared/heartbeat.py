"""A heartbeat: health of one bed, from the progress of its loops, not from the life of its processes. Sent at QoS 0."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.contract import Bytes, Contract, Count, Nanoseconds, Share, Text
from shared.frame import Stream
from shared.gap import GapCause
from shared.ids import BootId, ReleaseName, Sha256, Uuid7
from shared.live_view import LiveHealth

NonNegative = Annotated[float, Field(ge=0.0, le=1e9, allow_inf_nan=False)]

Ppm = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class ProcessHealth(Contract):
    """One process of the bed: what the supervisor and its own beat say."""

    name: Text = Field(max_length=32)
    running: bool
    restarts: Count
    progress_age_s: NonNegative = Field(description="seconds since the loop last did its work")
    core_share: NonNegative = Field(description="CPU seconds per second since the last heartbeat")
    rss_bytes: Bytes


class StreamCoverage(Contract):
    """One stream in one span: shares of the span. Coverage is recorded of wanted; what no cause explains is the rest of wanted."""

    recorded: Share
    wanted: Share = Field(description="recorded, lost, or missing without a word; a pause is not wanted")
    lost: dict[GapCause, Share] = Field(default_factory=dict)
    not_wanted: dict[GapCause, Share] = Field(default_factory=dict)


class HourCoverage(Contract):
    """One hour of wall time as the bed knows it now."""

    start_utc_ns: Nanoseconds
    streams: dict[Stream, StreamCoverage]


class ClockHealth(Contract):
    """How the clocks of the bed run against each other."""

    device_drift_ppm: Ppm | None = Field(
        description="the camera's clock against the host's over an hour; positive: faster"
    )
    clock_error_ns: Nanoseconds | None = Field(
        description="how late a frame of the newest segment arrived at most, by its fit"
    )
    utc_error_ns: Nanoseconds | None = Field(description="the kernel's bound on the wall clock; None: not synchronised")
    faults: dict[Annotated[str, Field(max_length=32)], Count] = Field(
        default_factory=dict,
        max_length=16,
        description="frames with an impossible time since the recorder started, by kind",
    )


class ReleaseStage(StrEnum):
    """How far an ordered release got at the bed."""

    testing = "testing"
    ready = "ready"
    trial = "trial"
    running = "running"
    refused = "refused"
    fell_back = "fell_back"


class ReleaseRun(Contract):
    """The newest order that the bed obeyed or refused; `sentence` says why where it did not come to run."""

    number: Count
    release: ReleaseName
    stage: ReleaseStage
    sentence: Text = Field(default="", max_length=500)


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
    coverage_1h: dict[Stream, Share] = Field(description="recorded of wanted in the last hour, by stream")
    coverage_hours: Annotated[list[HourCoverage], Field(max_length=25)] = Field(
        default_factory=list,
        description="the last 24 hours, oldest first, hours of wall time; the last one is not over",
    )
    clock: ClockHealth | None = None
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
    release_run: ReleaseRun | None = Field(
        default=None, description="how the newest order of a release stands; left out before any",
        exclude_if=lambda run: run is None,
    )  # fmt: skip
    live: LiveHealth | None = Field(
        default=None, description="who watches the bed now; left out where it is not told",
        exclude_if=lambda live: live is None,
    )  # fmt: skip
    config: Sha256 | None = Field(
        default=None, description="SHA-256 of the bed's settings file; left out where it is not told",
        exclude_if=lambda config: config is None,
    )  # fmt: skip


class BedState(Contract):
    """Retained birth and will: whether the bed's agent is connected, and which connection of it this was."""

    online: bool
    session: Count = Field(description="grows with every connection; a will of an older session is ignored")
    version: Text = Field(max_length=64)
