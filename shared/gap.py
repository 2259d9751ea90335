"""A gap: a span in which frames of a stream are missing, with the cause. Every missing frame is in exactly one gap."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from shared.contract import Contract, Count, Nanoseconds
from shared.frame import Stream
from shared.ids import BootId


class GapCause(StrEnum):
    """Why frames are missing."""

    source = "source"
    """The camera gave none, or skipped: unplugged, late, a dropped capture."""
    bus = "bus"
    """The recorder was lapped in the frame pool before it read the frame."""
    disk = "disk"
    """The frame could not be written: disk full, write or flush failed."""
    restart = "restart"
    """The recorder was not running."""
    power = "power"
    """The box was off or lost the unflushed tail: the boot changed."""
    privacy_pause = "privacy_pause"
    """A nurse paused the recording."""
    unassigned = "unassigned"
    """Nobody stays in the bed and the site does not record then."""


class Gap(Contract):
    """Half-open span [start_mono_ns, end_mono_ns) of one boot in which `missing_frames` of `stream` were not recorded."""

    stream: Stream
    cause: GapCause
    boot_id: BootId
    start_mono_ns: Nanoseconds
    end_mono_ns: Nanoseconds
    start_utc_ns: Nanoseconds
    end_utc_ns: Nanoseconds
    missing_frames: Count = Field(description="expected at the nominal rate; counted by index where the source tells")

    @model_validator(mode="after")
    def _runs_forward(self) -> Gap:
        if self.end_mono_ns < self.start_mono_ns:
            raise ValueError("end_mono_ns must not lie before start_mono_ns")
        return self
