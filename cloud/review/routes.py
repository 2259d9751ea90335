"""What a clinician sees and says: the ranked worklist, one event with its clip, the watchable video, the verdict."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right, may
from cloud.accounts.service import SignedIn
from cloud.problems import documented
from cloud.pulls.routes import ns_of
from cloud.releases.service import Releases
from cloud.review import service, verdicts
from cloud.review.queries import Found, FoundDetail
from cloud.review.rules import WITHDRAWN, ClipState, Reading, TaskFilter, clip_state, stored_share
from cloud.review.tables import Claim
from cloud.review.worklist import Filters, Place
from shared.clip import LostSegment, ProxyFile
from shared.clock import NS_PER_S, utc_text
from shared.contract import Count
from shared.errors import Refused
from shared.event import EventCause, EventPhase
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.ids import BedName
from shared.release import Calibration
from shared.review import Verdict

router = APIRouter(tags=["review"])
Viewer = Annotated[SignedIn, Depends(with_right(Right.see_events))]
Reader = Annotated[SignedIn, Depends(with_right(Right.give_verdicts))]


class Suggestion(BaseModel):
    """What a network suggests for the whole clip; research use only."""

    best: str
    probabilities: dict[str, float]
    release: str
    simulated: bool = Field(description="the network learnt from the simulated ward")


class ClaimView(BaseModel):
    """Who works on the event, and until when the lease lasts; an expired one is still shown."""

    holder: str
    mine: bool
    taken_utc: datetime
    expires_utc: datetime
    expired: bool

    @classmethod
    def of(cls, row: Claim, viewer: SignedIn, now_ns: int) -> ClaimView:
        return cls(
            holder=row.holder,
            mine=row.holder == viewer.principal.name,
            taken_utc=utc_text(row.taken_utc_ns),
            expires_utc=utc_text(row.expires_utc_ns),
            expired=row.expires_utc_ns <= now_ns,
        )


class WorklistItem(BaseModel):
    """One event, as a line of the worklist. While it is read blind, nothing in it tells what networks or others said."""

    event_id: UUID
    site: str
    bed: str
    patient_code: str | None
    phase: EventPhase
    cause: EventCause
    start_utc: datetime
    received_utc: datetime = Field(description="when the cloud first heard of the event")
    duration_s: float
    peak_score: float | None = Field(description="null while read blind")
    motor_type: str | None = Field(description="null while read blind")
    release: str = Field(description="the detector that found the event")
    clip: ClipState
    stored_share: float = Field(ge=0, le=1, description="of the bytes that the cloud wants, how many it has")
    suggestion: Suggestion | None
    my_verdict: Verdict | None
    my_version: int = Field(description="to be given back as expected_version; 0 before the first verdict")
    label: Verdict | None
    rank: float | None = Field(description="null while read blind")
    rank_reason: str
    claim: ClaimView | None
    reading: Reading

    @classmethod
    def of(cls, found: Found, viewer: SignedIn, now_ns: int) -> WorklistItem:
        return cls(**_item_fields(found, viewer, now_ns))


class Worklist(BaseModel):
    """One page of the worklist; `total` counts what the filter finds, `open` what of it still waits for a verdict."""

    items: list[WorklistItem]
    total: int = Field(description="stops at 1000: 1000 and more")
    open: int = Field(description="stops at 1000: 1000 and more")
    next: str | None = Field(description="to be given as `after` for the next page; null: this is the last")


class ProxyView(BaseModel):
    """One watchable stream. Frame k is shown at frame_times_ns[k] after the clip's start."""

    stream: Stream
    url: str
    codec: str
    width: int
    height: int
    frame_times_ns: list[int]


class ScorePoint(BaseModel):
    """The detector's score at one moment after the clip's start."""

    t_ns: int
    value: float


class GapView(BaseModel):
    """A span of the clip in which frames of one stream are missing."""

    stream: Stream
    cause: GapCause
    start_ns: int
    end_ns: int
    missing_frames: int
    share: float = Field(description="part of the span's frames that is missing; below 1 there are pictures between")


class LostView(BaseModel):
    """A raw segment that the bed could not keep: its span after the clip's start, and why in words."""

    start_ns: int
    end_ns: int
    reason: str


class WindowView(BaseModel):
    """The network's suggestion for the window that starts `start_ns` after the clip's start."""

    start_ns: int
    probabilities: dict[str, float]


class ReviewView(BaseModel):
    """The standing verdict of one person."""

    reviewer: str
    verdict: Verdict
    version: int
    reviewed_utc: datetime


class EventDetail(WorklistItem):
    """One event with all that the review page shows; times in ns after the clip's start."""

    clip_start_utc: datetime
    clip_duration_ns: int
    event_start_ns: int
    event_end_ns: int
    proxies: list[ProxyView]
    scores: list[ScorePoint]
    threshold: float | None = Field(description="the score at which the detector's trigger opens; null: not known here")
    gaps: list[GapView]
    coverage: dict[Stream, float]
    lost: list[LostView] = Field(description="raw segments that were lost at the bed: the clip is partial")
    windows: list[WindowView]
    calibration: Calibration | None = Field(
        description="how the suggestion's shares held, by its card; null: not calibrated"
    )
    reviews: list[ReviewView]
    exportable: bool = Field(description="all raw segments of the clip are stored")


class ReviewRequest(BaseModel):
    """A verdict; `expected_version` is the version of one's own verdict that one saw, 0 before the first."""

    model_config = ConfigDict(extra="forbid")

    verdict: Verdict
    expected_version: Count
    suggestion_shown: bool = Field(description="whether a classification was on the screen")


class ReviewAnswer(BaseModel):
    """The verdict as kept, and the label that follows from all verdicts."""

    verdict: Verdict
    version: int
    label: Verdict | None


class WithdrawAnswer(BaseModel):
    """The version that says that there is no verdict, and the label that others' verdicts make."""

    version: int
    label: Verdict | None


LONGEST_SPAN = timedelta(days=31)
BLIND_REASON = "This site reads blind: the oldest first."


def _item_fields(found: Found, viewer: SignedIn, now_ns: int) -> dict[str, Any]:
    event, clip, task = found.event, found.clip, found.task
    blind = found.reading is Reading.blind
    shows_code = may(viewer.principal.roles, Right.see_patient_codes)
    return {
        "event_id": event.event_id,
        "site": event.site,
        "bed": event.bed,
        "patient_code": found.patient_code if shows_code else None,
        "phase": event.phase,
        "cause": event.cause,
        "start_utc": utc_text(event.start_utc_ns),
        "received_utc": utc_text(event.received_at_ns),
        "duration_s": (event.end_mono_ns - event.start_mono_ns) / NS_PER_S,
        "peak_score": None if blind else event.peak_score,
        "motor_type": None if blind else event.motor_type,
        "release": event.release,
        "clip": clip_state(
            watchable=clip is not None and clip.proxies_stored_at_ns is not None,
            stored=clip is not None and clip.stored_at_ns is not None,
            overdue=event.clip_overdue,
        ),
        "stored_share": stored_share(clip.bytes_stored, clip.bytes_wanted) if clip else 0.0,
        "suggestion": Suggestion.model_validate(found.suggestion, from_attributes=True) if found.suggestion else None,
        "my_verdict": found.mine.verdict if found.mine and found.mine.verdict != WITHDRAWN else None,
        "my_version": found.mine.version if found.mine else 0,
        "label": found.label.verdict if found.label else None,
        "rank": None if blind else task.rank,
        "rank_reason": BLIND_REASON if blind else task.rank_reason,
        "claim": ClaimView.of(found.claim, viewer, now_ns) if found.claim else None,
        "reading": found.reading,
    }


def _detail_fields(detail: FoundDetail, viewer: SignedIn, releases: Releases, now_ns: int) -> dict[str, Any]:
    event, manifest, suggestion = detail.found.event, detail.manifest, detail.found.suggestion
    blind = detail.found.reading is Reading.blind
    # A bed that never sent its manifest still told the clip's span with the event.
    zero_ns = manifest.start_mono_ns if manifest else event.clip_start_mono_ns
    end_ns = manifest.end_mono_ns if manifest else event.clip_end_mono_ns
    return {
        **_item_fields(detail.found, viewer, now_ns),
        "clip_start_utc": utc_text(event.start_utc_ns - (event.start_mono_ns - zero_ns)),
        "clip_duration_ns": end_ns - zero_ns,
        "event_start_ns": event.start_mono_ns - zero_ns,
        "event_end_ns": event.end_mono_ns - zero_ns,
        "proxies": [_proxy_view(event.event_id, proxy, zero_ns) for proxy in _watchable(detail)],
        "scores": [ScorePoint(t_ns=one.mono_ns - zero_ns, value=one.value) for one in manifest.scores]
        if manifest and not blind
        else [],
        "threshold": None if blind else releases.threshold_of(event.release),
        "gaps": [_gap_view(gap, zero_ns) for gap in manifest.gaps] if manifest else [],
        "coverage": manifest.coverage if manifest else {},
        "lost": [_lost_view(segment, zero_ns) for segment in manifest.lost] if manifest else [],
        "windows": detail.windows,
        "calibration": releases.calibration_of(suggestion.release) if suggestion else None,
        "exportable": (clip := detail.found.clip) is not None and 0 < clip.segments_wanted == clip.segments_stored,
        "reviews": [
            ReviewView(
                reviewer=row.reviewer,
                verdict=Verdict(row.verdict),
                version=row.version,
                reviewed_utc=utc_text(row.reviewed_utc_ns),
            )
            for row in detail.reviews
        ],
    }


def _watchable(detail: FoundDetail) -> list[ProxyFile]:
    return [proxy for proxy in (detail.manifest.proxies if detail.manifest else []) if proxy.stream in detail.watchable]


def _proxy_view(event_id: UUID, proxy: ProxyFile, zero_ns: int) -> ProxyView:
    return ProxyView(
        stream=proxy.stream,
        url=f"/api/v1/events/{event_id}/proxies/{proxy.stream.value}",
        codec=proxy.codec,
        width=proxy.width,
        height=proxy.height,
        frame_times_ns=[moment - zero_ns for moment in proxy.frame_mono_ns],
    )


def _gap_view(gap: Gap, zero_ns: int) -> GapView:
    return GapView(
        stream=gap.stream,
        cause=gap.cause,
        start_ns=gap.start_mono_ns - zero_ns,
        end_ns=gap.end_mono_ns - zero_ns,
        missing_frames=gap.missing_frames,
        share=gap.share,
    )


def _lost_view(lost: LostSegment, zero_ns: int) -> LostView:
    return LostView(start_ns=lost.start_mono_ns - zero_ns, end_ns=lost.end_mono_ns - zero_ns, reason=lost.reason)


def filters_asked(
    state: TaskFilter = TaskFilter.open,
    bed: Annotated[BedName | None, Query(description="only this bed")] = None,
    motor_type: Annotated[
        str | None, Query(max_length=64, pattern="^[a-z_]+$", description="as the detector named it")
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="starts from here on; with `until`")] = None,
    until: Annotated[AwareDatetime | None, Query(description="and before this; at most 31 days later")] = None,
) -> Filters:
    """The filter in the address. Raises Refused when one end of the span is missing, or it is empty or too long."""
    if since is None and until is None:
        return Filters(state, bed, motor_type)
    if since is None or until is None or not timedelta(0) < until - since <= LONGEST_SPAN:
        raise Refused(f"since, until: give both; the span must be from 1 s to {LONGEST_SPAN.days} days long.")
    return Filters(state, bed, motor_type, (ns_of(since), ns_of(until)))


@router.get("/worklist", responses=documented(401, 404, 422))
async def worklist(
    viewer: Viewer,
    request: Request,
    wanted: Annotated[Filters, Depends(filters_asked)],
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=80, description="`next` of the page before")] = None,
) -> Worklist:
    """The events of one's sites, the most urgent first: rank, and 0.05 a day of waiting. Read blind: the oldest first."""
    page = await service.worklist(viewer.principal, wanted, Place.parse(after) if after else None, limit)
    now_ns = request.app.state.parts.clock.utc_ns()
    items = [WorklistItem.of(found, viewer, now_ns) for found in page.items]
    return Worklist(items=items, total=page.total, open=page.open, next=str(page.next) if page.next else None)


@router.get("/events/{event_id}", responses=documented(401, 404, 422))
async def event_detail(event_id: UUID, viewer: Viewer, request: Request) -> EventDetail:
    """One event with its clip, scores, gaps, suggestion and reviews."""
    found = await service.event_detail(viewer.principal, event_id)
    await request.app.state.looks.note(viewer, "event_opened", found.found.event.site, str(event_id))
    parts = request.app.state.parts
    return EventDetail(**_detail_fields(found, viewer, parts.releases, parts.clock.utc_ns()))


@router.get(
    "/events/{event_id}/proxies/{stream}",
    response_class=StreamingResponse,
    responses={
        200: {"description": "the whole video", "content": {"video/mp4": {"schema": {"type": "string"}}}},
        206: {"description": "the bytes asked for", "content": {"video/mp4": {"schema": {"type": "string"}}}},
        **documented(401, 404, 416, 422),
    },
)
async def proxy_video(event_id: UUID, stream: Stream, viewer: Viewer, request: Request) -> StreamingResponse:
    """The watchable video of one stream, in ranges; each person's first look at an event is audited."""
    parts = request.app.state.parts
    wanted = request.headers.get("range")
    media = await service.open_proxy(viewer, event_id, stream, wanted, parts.objects, parts.clock.utc_ns())
    return StreamingResponse(media.body, media.status, media.headers, "video/mp4")


@router.put("/events/{event_id}/review", responses=documented(400, 401, 403, 404, 409, 413, 422))
async def give_verdict(event_id: UUID, asked: ReviewRequest, reader: Reader, request: Request) -> ReviewAnswer:
    """Keeps one's verdict; 409 when one's own verdict was changed since it was read."""
    wish = verdicts.Wish(event_id, asked.verdict, asked.expected_version, asked.suggestion_shown)
    given = await verdicts.give_verdict(reader.principal, wish, request.app.state.parts.clock.utc_ns())
    return ReviewAnswer(verdict=asked.verdict, version=given.current, label=given.label)


@router.delete("/events/{event_id}/review", responses=documented(401, 403, 404, 409, 422))
async def withdraw_verdict(
    event_id: UUID, reader: Reader, request: Request, expected_version: Annotated[Count, Query()]
) -> WithdrawAnswer:
    """Takes one's verdict back: the event waits for review again unless somebody else judged it. 409 when it is stale."""
    wish = verdicts.Wish(event_id, None, expected_version, False)
    given = await verdicts.give_verdict(reader.principal, wish, request.app.state.parts.clock.utc_ns())
    return WithdrawAnswer(version=given.current, label=given.label)
