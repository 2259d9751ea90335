"""The button: a person marks a moment at the bed. In: presses; out: an event of cause `button`, opened, extended, closed.

It needs the bed's database alone, no network and no other process. Bounds: presses within 5 s of the last one are one, an event
grows to ten minutes at most, so an hour has at most thirty events and twelve messages a minute.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.desired import load_desired
from edge_agent.detection.event_book import UNKNOWN_TYPE, closed_as_known
from edge_agent.outbox.store import Outbox
from edge_agent.outbox.transaction import transaction
from shared.clock import NS_PER_S, Clock
from shared.event import EventCause, EventPhase, EventReport
from shared.ids import uuid7
from shared.pull import BY_HAND, MARK_NS

DEBOUNCE_NS = 5 * NS_PER_S
LONGEST_NS = 600 * NS_PER_S


class Effect(StrEnum):
    """What a press did."""

    made = "made"
    extended = "extended"
    same = "same"
    """It came within 5 s of the one before."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """The event of a press, as it is known now."""

    report: EventReport
    effect: Effect


class Button:
    """One in each process that hears presses; the database keeps them from making two events of one moment."""

    def __init__(self, connection: sqlite3.Connection, outbox: Outbox, clock: Clock) -> None:
        self._connection, self._outbox, self._clock = connection, outbox, clock

    def press(self) -> Pressed:
        """Somebody presses now. Raises Transient when the database cannot be written now."""
        with transaction(self._connection):
            return self.press_within(self._clock.monotonic_ns())

    def press_within(self, mono_ns: int) -> Pressed:
        """A press at that time of this boot, not in the future, inside the caller's transaction."""
        for report in self._open():
            if report.clip_start_mono_ns <= mono_ns <= report.clip_end_mono_ns:
                if mono_ns - report.end_mono_ns < DEBOUNCE_NS:
                    return Pressed(report, Effect.same)
                if mono_ns + MARK_NS - report.clip_start_mono_ns <= LONGEST_NS:
                    return Pressed(self._keep(_extended(report, mono_ns)), Effect.extended)
            self._keep(closed_as_known(report))
        return Pressed(self._keep(self._first(mono_ns)), Effect.made)

    def tick(self) -> list[EventReport]:
        """Closes the events whose span is over, and those that another boot left open; call it each second."""
        now_ns = self._clock.monotonic_ns()
        if not any(self._is_over(report, now_ns) for report in self._outbox.open_events(EventCause.button)):
            return []
        with transaction(self._connection):
            over = [each for each in self._outbox.open_events(EventCause.button) if self._is_over(each, now_ns)]
            return [self._keep(closed_as_known(report)) for report in over]

    def _is_over(self, report: EventReport, now_ns: int) -> bool:
        return report.boot_id != self._clock.boot_id or now_ns >= report.clip_end_mono_ns

    def _open(self) -> list[EventReport]:
        found = self._outbox.open_events(EventCause.button)
        return [report for report in found if report.boot_id == self._clock.boot_id]

    def _keep(self, report: EventReport) -> EventReport:
        self._outbox.record_within(report, self._clock.utc_ns())
        return report

    def _first(self, mono_ns: int) -> EventReport:
        now_ns, utc_ns = self._clock.monotonic_ns(), self._clock.utc_ns()
        pressed_utc_ns = max(0, utc_ns - (now_ns - mono_ns))
        return EventReport(
            event_id=uuid7(utc_ns),
            revision=0,
            phase=EventPhase.opened if mono_ns + MARK_NS > now_ns else EventPhase.closed,
            cause=EventCause.button,
            stay_id=load_desired(self._connection).stay_id,
            boot_id=self._clock.boot_id,
            start_mono_ns=mono_ns,
            end_mono_ns=mono_ns,
            clip_start_mono_ns=max(0, mono_ns - MARK_NS),
            clip_end_mono_ns=mono_ns + MARK_NS,
            start_utc_ns=pressed_utc_ns,
            end_utc_ns=pressed_utc_ns,
            peak_score=0.0,
            motor_type=UNKNOWN_TYPE,
            release=BY_HAND,
        )


def _extended(report: EventReport, mono_ns: int) -> EventReport:
    return report.model_copy(
        update={
            "revision": report.revision + 1,
            "phase": EventPhase.updated,
            "end_mono_ns": mono_ns,
            "clip_end_mono_ns": mono_ns + MARK_NS,
            "end_utc_ns": report.start_utc_ns + mono_ns - report.start_mono_ns,
        }
    )
