"""The beds as people see them: health, who stays there, admit, transfer, discharge, the privacy pause, refused messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right, may
from cloud.accounts.service import SignedIn
from cloud.problems import documented
from cloud.stays import service
from cloud.stays.queries import BedFacts
from cloud.stays.tables import Stay
from shared.clock import NS_PER_MS, utc_text
from shared.frame import Stream
from shared.gap import GapCause
from shared.heartbeat import ClockHealth, HourCoverage
from shared.ids import BedName, PatientCode, SiteName
from shared.live_view import LiveHealth

router = APIRouter(tags=["beds"])
Watcher = Annotated[SignedIn, Depends(with_right(Right.see_beds))]
Nurse = Annotated[SignedIn, Depends(with_right(Right.run_stays))]
Operator = Annotated[SignedIn, Depends(with_right(Right.see_dead_letters))]


class ProcessView(BaseModel):
    """One process of the bed's box."""

    name: str
    running: bool
    restarts: int
    core_share: float = Field(description="CPU seconds per second")
    progress_age_s: float = Field(description="seconds since its loop last did its work")


class StreamHour(BaseModel):
    """One stream in one hour: shares of the hour. Coverage is recorded of wanted; a pause is not wanted."""

    recorded: float
    wanted: float
    lost: dict[GapCause, float]
    not_wanted: dict[GapCause, float]


class BedHour(BaseModel):
    """One hour of a bed, by the bed's own account."""

    start_utc: datetime
    streams: dict[Stream, StreamHour]


class BedClock(BaseModel):
    """How the bed's clocks run; null where it is not known."""

    device_drift_ppm: float | None = Field(description="the camera's clock against the box's; positive: faster")
    clock_error_ms: float | None = Field(description="how late a frame of the newest segment arrived at most")
    utc_error_ms: float | None = Field(description="how far the box's wall clock may be off; null: not synchronised")
    faults: dict[str, int] = Field(description="frames with an impossible time, by kind")


class BedStay(BaseModel):
    """Who stays in the bed; the code is null for those whose role does not show it."""

    stay_id: UUID
    patient_code: str | None
    admitted_utc: datetime


class BedViewer(BaseModel):
    """One who watches the bed, by the bed's word."""

    viewer: str
    stream: Stream


class BedLive(BaseModel):
    """Whether the bed can be watched, and who does, by its newest heartbeat."""

    private: bool = Field(description="the privacy switch at the bed is on: nobody can watch")
    most_viewers: int = Field(description="0: live view is not set up at this bed")
    viewers: list[BedViewer]


class Bed(BaseModel):
    """One bed and the last that it said of itself; what it never said is null or empty."""

    site: str
    bed: str
    online: bool
    seen_utc: datetime | None
    camera: str | None
    coverage_1h: dict[Stream, float]
    coverage_hours: list[BedHour]
    clock: BedClock | None
    last_score: float | None
    ring_hours: float | None
    promise_hours: float | None
    outbox_waiting: int | None
    clips_waiting: int | None
    release: str | None
    last_event_utc: datetime | None = Field(description="when the newest event began")
    last_event_id: UUID | None = Field(description="null also for those who are shown no events")
    alarms: list[str]
    paused: bool = Field(description="a person asked for the pause")
    paused_at_bed: bool = Field(description="the bed said in its newest heartbeat that it does not record")
    recording_wanted: bool
    stay: BedStay | None
    processes: list[ProcessView]
    version: str | None
    live: BedLive | None


class Beds(BaseModel):
    """All beds that this person may see."""

    beds: list[Bed]


class StayView(BaseModel):
    """A stay: one patient code in one bed from admission to discharge."""

    stay_id: UUID
    site: str
    bed: str
    patient_code: str
    admitted_utc: datetime
    discharged_utc: datetime | None


class AdmitRequest(BaseModel):
    """The code of the patient; null: a new one is made."""

    model_config = ConfigDict(extra="forbid")

    patient_code: PatientCode | None = None


class TransferRequest(BaseModel):
    """The empty bed of the same site that the patient moves to."""

    model_config = ConfigDict(extra="forbid")

    to_bed: BedName


class PauseRequest(BaseModel):
    """Whether recording is paused for privacy."""

    model_config = ConfigDict(extra="forbid")

    paused: bool


class DeadLetter(BaseModel):
    """A message of a bed that was refused for good, and why."""

    at: datetime
    bed: str
    reason: str


class DeadLetters(BaseModel):
    """The newest refused messages."""

    items: list[DeadLetter]


class Difference(BaseModel):
    """Something that a bed and the cloud told differently of one another's messages and clips."""

    at: datetime
    bed: str
    sentence: str
    state: Literal["open", "final", "resolved"] = Field(
        description="open: the bed was asked to send again; final: neither side can mend it; resolved: it is whole again"
    )


class Differences(BaseModel):
    """Those that are not resolved, then the newest."""

    items: list[Difference]


def _bed_view(found: BedFacts, viewer: SignedIn) -> Bed:
    said, wanted = found.heartbeat, found.desired
    paused = wanted.paused if wanted else False
    unassigned = wanted.record_unassigned if wanted else True
    event_id, event_utc_ns = found.last_event or (None, None)
    return Bed(
        site=found.site,
        bed=found.bed,
        online=found.connection.online if found.connection else False,
        seen_utc=utc_text(found.seen_utc_ns) if found.seen_utc_ns else None,
        camera=said.camera if said else None,
        coverage_1h=said.coverage_1h if said else {},
        coverage_hours=[_hour_view(hour) for hour in said.coverage_hours] if said else [],
        clock=_clock_view(said.clock) if said and said.clock else None,
        last_score=said.last_score if said else None,
        ring_hours=said.ring_hours if said else None,
        promise_hours=said.promise_hours if said else None,
        outbox_waiting=said.outbox_waiting if said else None,
        clips_waiting=said.clips_waiting if said else None,
        release=said.release if said else None,
        last_event_utc=utc_text(event_utc_ns) if event_utc_ns is not None else None,
        last_event_id=event_id if may(viewer.principal.roles, Right.see_events) else None,
        alarms=said.alarms if said else [],
        paused=paused,
        paused_at_bed=said.paused if said else False,
        recording_wanted=not paused and (found.stay is not None or unassigned),
        stay=_bed_stay(found.stay, viewer) if found.stay else None,
        processes=[
            ProcessView(**one.model_dump(include=set(ProcessView.model_fields)))
            for one in (said.processes if said else [])
        ],
        version=said.version if said else None,
        live=_live_view(said.live) if said and said.live else None,
    )


def _hour_view(hour: HourCoverage) -> BedHour:
    streams = {stream: StreamHour(**each.model_dump()) for stream, each in hour.streams.items()}
    return BedHour(start_utc=utc_text(hour.start_utc_ns), streams=streams)


def _live_view(live: LiveHealth) -> BedLive:
    viewers = [BedViewer(viewer=each.viewer, stream=each.stream) for each in live.viewers]
    return BedLive(private=live.private, most_viewers=live.most_viewers, viewers=viewers)


def _clock_view(clock: ClockHealth) -> BedClock:
    def ms(ns: int | None) -> float | None:
        return None if ns is None else ns / NS_PER_MS

    return BedClock(
        device_drift_ppm=clock.device_drift_ppm,
        clock_error_ms=ms(clock.clock_error_ns),
        utc_error_ms=ms(clock.utc_error_ns),
        faults=clock.faults,
    )


def _bed_stay(stay: Stay, viewer: SignedIn) -> BedStay:
    shows = may(viewer.principal.roles, Right.see_patient_codes)
    code = stay.patient_code if shows else None
    return BedStay(stay_id=stay.stay_id, patient_code=code, admitted_utc=utc_text(stay.admitted_utc_ns))


def stay_view(stay: Stay) -> StayView:
    """A stay as a person sees it."""
    return StayView(
        stay_id=stay.stay_id,
        site=stay.site,
        bed=stay.bed,
        patient_code=stay.patient_code,
        admitted_utc=utc_text(stay.admitted_utc_ns),
        discharged_utc=utc_text(stay.discharged_utc_ns) if stay.discharged_utc_ns else None,
    )


@router.get("/beds", responses=documented(401, 404))
async def beds(watcher: Watcher) -> Beds:
    """All beds of one's sites."""
    found = await service.beds(watcher.principal)
    return Beds(beds=[_bed_view(one, watcher) for one in found])


@router.post("/beds/{site}/{bed}/stay", status_code=201, responses=documented(400, 401, 403, 404, 409, 413, 422))
async def admit(site: SiteName, bed: BedName, asked: AdmitRequest, nurse: Nurse, request: Request) -> StayView:
    """Admits a patient to an empty bed."""
    now_ns = request.app.state.parts.clock.utc_ns()
    return stay_view(await service.admit(nurse.principal, site, bed, asked.patient_code, now_ns))


@router.delete("/beds/{site}/{bed}/stay", status_code=204, responses=documented(401, 403, 404, 409, 422))
async def discharge(site: SiteName, bed: BedName, nurse: Nurse, request: Request) -> None:
    """Ends the stay in a bed."""
    await service.discharge(nurse.principal, site, bed, request.app.state.parts.clock.utc_ns())


@router.post("/beds/{site}/{bed}/stay/transfer", responses=documented(400, 401, 403, 404, 409, 413, 422))
async def transfer(site: SiteName, bed: BedName, asked: TransferRequest, nurse: Nurse, request: Request) -> StayView:
    """Moves the patient to an empty bed of the same site: one stay ends, another begins under the same code."""
    now_ns = request.app.state.parts.clock.utc_ns()
    return stay_view(await service.transfer(nurse.principal, site, bed, asked.to_bed, now_ns))


@router.put("/beds/{site}/{bed}/pause", responses=documented(400, 401, 403, 404, 413, 422))
async def pause(site: SiteName, bed: BedName, asked: PauseRequest, nurse: Nurse) -> Bed:
    """Pauses or resumes the recording of a bed for privacy."""
    return _bed_view(await service.pause(nurse.principal, site, bed, asked.paused), nurse)


@router.get("/dead-letters", responses=documented(401, 404, 422))
async def dead_letters(operator: Operator, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> DeadLetters:
    """The newest messages of beds that were refused for good."""
    found = await service.dead_letters(operator.principal, limit)
    return DeadLetters(items=[DeadLetter(at=utc_text(one.last_at_ns), bed=one.bed, reason=one.reason) for one in found])


@router.get("/differences", responses=documented(401, 404, 422))
async def differences(operator: Operator, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Differences:
    """What was found when beds and cloud compared their messages and clips."""
    found = await service.differences(operator.principal, limit)
    items = [
        {"at": utc_text(row.last_at_ns), "bed": row.bed, "sentence": row.sentence, "state": row.state} for row in found
    ]
    return Differences.model_validate({"items": items})
