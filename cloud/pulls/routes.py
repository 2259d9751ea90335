"""What a clinician asks of a bed's ring: a span, the mark of this moment, and how each wish stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.problems import documented
from cloud.pulls import service
from cloud.pulls.rules import OPEN_LIMIT, PullState, Standing, standing_of
from cloud.pulls.service import FoundPull
from shared.clock import NS_PER_S, utc_text
from shared.event import EventCause
from shared.frame import Stream
from shared.ids import BedName, SiteName
from shared.pull import LONGEST_PULL_NS, HeldStream, PullPart

router = APIRouter(tags=["pulls"])
Asker = Annotated[SignedIn, Depends(with_right(Right.ask_pulls))]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PullAsked(BaseModel):
    """A span of a bed, with time zones."""

    model_config = ConfigDict(extra="forbid")

    site: SiteName
    bed: BedName
    start_utc: AwareDatetime
    end_utc: AwareDatetime = Field(description="not part of the span; at most an hour after its start, and over")


class PartView(BaseModel):
    """One part that the bed holds: an event of its own."""

    event_id: UUID
    start_utc: datetime
    end_utc: datetime
    streams: dict[Stream, HeldStream]
    evicted: float = Field(description="share that was recorded and is gone from the ring")
    known: bool = Field(description="the event is on the worklist")
    watchable: bool
    stored: bool
    stored_share: float = Field(ge=0, le=1, description="of the bytes that the cloud wants, how many it has")


class PullView(BaseModel):
    """A wish and how it stands. While it stands at `asked`, `online` says whether the bed can be reached."""

    pull_id: UUID
    site: str
    bed: str
    cause: EventCause
    start_utc: datetime
    end_utc: datetime
    asked_by: str
    asked_utc: datetime
    expires_utc: datetime
    standing: Standing
    reason: str
    online: bool
    parts: list[PartView]


class PullList(BaseModel):
    """The newest wishes, and the bounds of asking."""

    items: list[PullView]
    longest_s: int
    open_limit: int


def ns_of(moment: datetime) -> int:
    """A moment with a time zone as UTC ns; 0 for what lies before 1970."""
    since = moment.astimezone(UTC) - _EPOCH
    return max(0, (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000)


def pull_view(found: FoundPull) -> PullView:
    """A wish as a person sees it."""
    row = found.row
    told = [PullPart.model_validate(part) for part in row.parts or []]
    parts = [
        PartView(
            event_id=part.event_id,
            start_utc=utc_text(part.start_utc_ns),
            end_utc=utc_text(part.end_utc_ns),
            streams=part.streams,
            evicted=part.evicted,
            known=here.known,
            watchable=here.watchable,
            stored=here.stored,
            stored_share=here.stored_share,
        )
        for part, here in zip(told, found.parts, strict=True)
    ]
    return PullView(
        pull_id=row.pull_id,
        site=row.site,
        bed=row.bed,
        cause=EventCause(row.cause),
        start_utc=utc_text(row.start_utc_ns),
        end_utc=utc_text(row.end_utc_ns),
        asked_by=row.asked_by,
        asked_utc=utc_text(row.asked_at_ns),
        expires_utc=utc_text(row.expires_at_ns),
        standing=standing_of(PullState(row.state), found.parts),
        reason=row.reason,
        online=found.online,
        parts=parts,
    )


@router.get("/pulls", responses=documented(401, 404, 422))
async def pulls(
    asker: Asker,
    site: Annotated[SiteName | None, Query(description="only this site")] = None,
    bed: Annotated[BedName | None, Query(description="only this bed")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> PullList:
    """The newest spans that were asked for, and how each stands."""
    found = await service.newest(asker.principal, site, bed, limit)
    return PullList(
        items=[pull_view(each) for each in found], longest_s=LONGEST_PULL_NS // NS_PER_S, open_limit=OPEN_LIMIT
    )


@router.post("/pulls", status_code=201, responses=documented(400, 401, 403, 404, 409, 413, 422))
async def ask_pull(asked: PullAsked, asker: Asker, request: Request) -> PullView:
    """Asks a bed for a span of its ring. It is asked again until it answers, for 24 hours."""
    wish = service.Wish(asked.site, asked.bed, ns_of(asked.start_utc), ns_of(asked.end_utc))
    return pull_view(await service.ask(asker.principal, wish, request.app.state.parts.clock.utc_ns()))


@router.get("/pulls/{pull_id}", responses=documented(401, 404, 422))
async def one_pull(pull_id: UUID, asker: Asker) -> PullView:
    """How one wish stands."""
    return pull_view(await service.one(asker.principal, pull_id))


@router.post("/beds/{site}/{bed}/mark", status_code=201, responses=documented(401, 403, 404, 409, 422))
async def mark_bed(site: SiteName, bed: BedName, asker: Asker, request: Request) -> PullView:
    """Marks this moment at a bed: from a minute before to a minute after, extended when it is pressed again."""
    now_ns = request.app.state.parts.clock.utc_ns()
    return pull_view(await service.mark(asker.principal, site, bed, now_ns))
