"""A gap: a span in which frames of a stream are missing, with the cause. Every missing frame is in exactly one gap."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from shared.contract import Contract, Count, Nanoseconds, Share
from shared.frame import Stream
from shared.ids import BootId


class GapCause(StrEnum):
    """Why frames are missing."""

    source = "source"
    """The camera gave none, or skipped: unplugged, late, a dropped capture."""
    bus = "bus"
    """The recorder was lapped in the frame pool before it read the frame."""
    disk = "disk"
    """The frame could not be written: disk full or too slow, write or flush failed."""
    restart = "restart"
    """The recorder was not running, or ended before it told what it had missed."""
    power = "power"
    """The box was off or lost the unflushed tail: the boot changed."""
    privacy_pause = "privacy_pause"
    """A nurse paused the recording."""
    unassigned = "unassigned"
    """Nobody stays in the bed and the site does not record then."""


NOT_WANTED = frozenset({GapCause.privacy_pause, GapCause.unassigned})
"""Nobody wanted a recording then: nothing was lost."""


class Gap(Contract):
    """Half-open span [start_mono_ns, end_mono_ns) of one boot in which `missing_frames` of `stream` were not recorded.

    A scattered gap stands for a run of small ones of one cause: `share` is below 1, and frames between were recorded.
    """

    stream: Stream
    cause: GapCause
    boot_id: BootId
    start_mono_ns: Nanoseconds
    end_mono_ns: Nanoseconds
    start_utc_ns: Nanoseconds
    end_utc_ns: Nanoseconds
    missing_frames: Count = Field(description="expected at the nominal rate; counted by index where the source tells")
    share: Share = Field(default=1.0, description="part of the span's frames that is missing; below 1: scattered")

    @model_validator(mode="after")
    def _runs_forward(self) -> Gap:
        if self.end_mono_ns < self.start_mono_ns:
            raise ValueError("end_mono_ns must not lie before start_mono_ns")
        return self

    def joined(self, later: Gap) -> Gap:
        """This gap and a later one of the same stream, cause and boot as one; what lies between them was recorded."""
        start_ns, end_ns = min(self.start_mono_ns, later.start_mono_ns), max(self.end_mono_ns, later.end_mono_ns)
        lost_ns = sum(gap.share * (gap.end_mono_ns - gap.start_mono_ns) for gap in (self, later))
        return self.model_copy(
            update={
                "start_mono_ns": start_ns,
                "end_mono_ns": end_ns,
                "start_utc_ns": min(self.start_utc_ns, later.start_utc_ns),
                "end_utc_ns": max(self.end_utc_ns, later.end_utc_ns),
                "missing_frames": min(2**31 - 1, self.missing_frames + later.missing_frames),
                "share": min(1.0, lost_ns / max(1, end_ns - start_ns)),
            }
        )
