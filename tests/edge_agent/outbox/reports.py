"""Event reports for tests of the delivery side: one place that knows which fields matter little here."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.clock import NS_PER_S
from shared.event import EventCause, EventPhase, EventReport
from shared.ids import uuid7

BOOT = "11111111-2222-4333-8444-555555555555"
UTC_NS = 1_800_000_000 * NS_PER_S


def make_report(phase: str = "opened", revision: int = 0, event_id: UUID | None = None, **changes: Any) -> EventReport:
    """A report of an event that began at 100 s, with a clip of 70 s to 130 s."""
    fields: dict[str, Any] = {
        "event_id": event_id or uuid7(UTC_NS),
        "revision": revision,
        "phase": EventPhase(phase),
        "cause": EventCause.detector,
        "stay_id": None,
        "boot_id": BOOT,
        "start_mono_ns": 100 * NS_PER_S,
        "end_mono_ns": 110 * NS_PER_S,
        "clip_start_mono_ns": 70 * NS_PER_S,
        "clip_end_mono_ns": 130 * NS_PER_S,
        "start_utc_ns": UTC_NS,
        "end_utc_ns": UTC_NS + 10 * NS_PER_S,
        "peak_score": 0.9,
        "motor_type": "tonic_clonic",
        "release": "detector-test",
    }
    return EventReport(**{**fields, **changes})
