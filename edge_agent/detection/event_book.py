"""From the trigger's actions to event reports: ids, revisions, the stay, and UTC beside the monotonic times. Pure."""

from __future__ import annotations

from uuid import UUID

from shared.event import EventCause, EventPhase, EventReport
from shared.ids import uuid7
from shared.trigger import Action, Closed, Opened

UNKNOWN_TYPE = "unknown"


class EventBook:
    """Remembers the last report of each open event by the trigger's number."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._open: dict[int, EventReport] = {}

    def adopt(self, number: int, report: EventReport) -> None:
        """An event that was open before a restart goes on under this number."""
        self._open[number] = report

    def forget(self, event_id: UUID) -> None:
        """The event could not be kept; what follows of it is not told."""
        self._open = {number: report for number, report in self._open.items() if report.event_id != event_id}

    def report(self, action: Action, stay_id: UUID | None, utc_offset_ns: int) -> EventReport | None:
        """What to tell of this action; None for an event that was forgotten. utc_offset_ns: UTC minus monotonic time."""
        if isinstance(action, Opened):
            told = self._first(action, stay_id, utc_offset_ns)
            self._open[action.number] = told
            return told
        before = self._open.get(action.number)
        if before is None:
            return None
        told = self._next(action, before)
        if told.phase is EventPhase.closed:
            del self._open[action.number]
        else:
            self._open[action.number] = told
        return told

    def _first(self, action: Action, stay_id: UUID | None, utc_offset_ns: int) -> EventReport:
        start_utc_ns = max(0, utc_offset_ns + action.active.start_ns)
        return EventReport(
            event_id=uuid7(max(0, utc_offset_ns + action.decided_ns)),
            revision=0,
            phase=EventPhase.opened,
            cause=EventCause.detector,
            stay_id=stay_id,
            boot_id=self._boot_id,
            start_mono_ns=action.active.start_ns,
            end_mono_ns=action.active.end_ns,
            clip_start_mono_ns=action.span.start_ns,
            clip_end_mono_ns=action.span.end_ns,
            start_utc_ns=start_utc_ns,
            end_utc_ns=start_utc_ns + action.active.end_ns - action.active.start_ns,
            peak_score=action.peak,
            motor_type=_best(action.votes, UNKNOWN_TYPE),
            release=action.release,
        )

    def _next(self, action: Action, before: EventReport) -> EventReport:
        """Spans only grow, and UTC keeps the offset of the first report: a clock that is set meanwhile tears nothing."""
        end_ns = max(before.end_mono_ns, action.active.end_ns)
        return before.model_copy(
            update={
                "revision": before.revision + 1,
                "phase": EventPhase.closed if isinstance(action, Closed) else EventPhase.updated,
                "end_mono_ns": end_ns,
                "clip_end_mono_ns": max(before.clip_end_mono_ns, action.span.end_ns, end_ns),
                "end_utc_ns": before.start_utc_ns + end_ns - before.start_mono_ns,
                "peak_score": max(before.peak_score, action.peak),
                "motor_type": _best(action.votes, before.motor_type),
            }
        )


def closed_as_known(report: EventReport) -> EventReport:
    """The close of an event whose detector ended: what the last report said is all that is known."""
    return report.model_copy(update={"revision": report.revision + 1, "phase": EventPhase.closed})


def _best(votes: dict[str, float], default: str) -> str:
    return max(votes, key=lambda name: votes[name]) if votes else default
