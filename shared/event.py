"""An event: a candidate that became durable at the bed. It travels as opened, updated, closed reports under one id."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from shared.contract import Contract, Count, Nanoseconds, Share, Text
from shared.ids import BootId, ReleaseName, Uuid7


class EventPhase(StrEnum):
    """Where the event is in its life; a report of a later phase replaces an earlier one, never the reverse."""

    opened = "opened"
    updated = "updated"
    closed = "closed"


class EventCause(StrEnum):
    """Who asked for the event."""

    detector = "detector"
    button = "button"
    pull = "pull"


class EventReport(Contract):
    """What the bed tells of one event. Spans are in the bed's monotonic time; UTC is an annotation.

    `revision` counts from 0 within the event; the cloud keeps the report of the highest revision. [start, end) is what the
    detector saw, [clip_start, clip_end) adds the pre-roll (at least 30 s where the ring holds it) and the post-roll.
    """

    event_id: Uuid7
    revision: Count
    phase: EventPhase
    cause: EventCause
    stay_id: Uuid7 | None
    boot_id: BootId
    start_mono_ns: Nanoseconds
    end_mono_ns: Nanoseconds
    clip_start_mono_ns: Nanoseconds
    clip_end_mono_ns: Nanoseconds
    start_utc_ns: Nanoseconds
    end_utc_ns: Nanoseconds
    peak_score: Share
    motor_type: Text = Field(max_length=64, description="the class with the most votes, in the release's own words")
    release: ReleaseName

    @model_validator(mode="after")
    def _spans_nest(self) -> EventReport:
        inside = self.clip_start_mono_ns <= self.start_mono_ns <= self.end_mono_ns <= self.clip_end_mono_ns
        if not inside:
            raise ValueError("clip_start <= start <= end <= clip_end must hold for the monotonic times")
        if self.end_utc_ns < self.start_utc_ns:
            raise ValueError("end_utc_ns must not lie before start_utc_ns")
        return self
