"""Watching a bed: the browser's offer for the bed's answer, how the view stands, and its end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

import cloud.devices.queries
from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn, refuse
from cloud.live_view import queries, service
from cloud.live_view.rules import ViewState, turn_credentials
from cloud.live_view.tables import LiveView
from cloud.problems import documented
from cloud.settings import LiveSection
from shared.clock import utc_text
from shared.frame import Stream
from shared.ids import BedName, SiteName
from shared.live_view import LiveStream, Sdp, ViewCause

router = APIRouter(tags=["live view"])
Watcher = Annotated[SignedIn, Depends(with_right(Right.watch_live))]


class ViewAsked(BaseModel):
    """One stream of the bed, and the browser's offer (SDP) with all its addresses."""

    model_config = ConfigDict(extra="forbid")

    stream: LiveStream
    sdp: Sdp


class ViewerNow(BaseModel):
    """One who watches the bed now."""

    viewer: str
    stream: Stream
    since_utc: datetime


class IceServer(BaseModel):
    """A STUN or TURN server as RTCPeerConnection takes it."""

    urls: str
    username: str | None = None
    credential: str | None = None


class LiveStanding(BaseModel):
    """Whether the bed can be watched now, who does, and how a browser finds the way to it."""

    online: bool
    private: bool = Field(description="the privacy switch at the bed is on")
    paused: bool = Field(description="recording is paused for privacy")
    most_viewers: int | None = Field(description="0: not set up at this bed; null: the bed did not say")
    viewers: list[ViewerNow]
    ice_servers: list[IceServer]
    relay_only: bool


class ViewStanding(BaseModel):
    """How one view stands. While it is `answered` or `joined` the bed's answer is given."""

    view_id: UUID
    stream: Stream
    state: ViewState
    cause: ViewCause | None = Field(description="with refused and ended")
    sentence: str
    sdp: str
    viewers: list[ViewerNow]


def _viewers(rows: list[LiveView]) -> list[ViewerNow]:
    return [
        ViewerNow(viewer=row.viewer, stream=Stream(row.stream), since_utc=utc_text(row.asked_at_ns)) for row in rows
    ]


async def _standing(watcher: SignedIn, row: LiveView) -> ViewStanding:
    return ViewStanding(
        view_id=row.view_id, stream=Stream(row.stream), state=ViewState(row.state),
        cause=ViewCause(row.cause) if row.cause else None, sentence=row.sentence, sdp=row.answer,
        viewers=_viewers(await queries.watching(watcher.principal, row.site, row.bed)),
    )  # fmt: skip


def _servers(live: LiveSection, name: str, now_ns: int) -> list[IceServer]:
    found = [IceServer(urls=live.stun)] if live.stun else []
    if live.turn:
        user, password = turn_credentials(live.turn_secret.get_secret_value(), name, now_ns)
        found.append(IceServer(urls=live.turn, username=user, credential=password))
    return found


@router.get("/beds/{site}/{bed}/live", responses=documented(401, 404, 422))
async def bed_live(site: SiteName, bed: BedName, watcher: Watcher, request: Request) -> LiveStanding:
    """Whether this bed can be watched now, and who does."""
    principal = watcher.principal
    if await cloud.devices.queries.bed(principal, site, bed) is None:
        await refuse(principal, f"{site}.{bed}")
    link = (await cloud.devices.queries.connections(principal)).get((site, bed))
    said = (await cloud.devices.queries.heartbeats(principal)).get((site, bed))
    told = said[0].live if said is not None else None
    parts = request.app.state.parts
    return LiveStanding(
        online=link is not None and link.online, private=told is not None and told.private,
        paused=said is not None and said[0].paused, most_viewers=told.most_viewers if told is not None else None,
        viewers=_viewers(await queries.watching(principal, site, bed)),
        ice_servers=_servers(parts.live, principal.name, parts.clock.utc_ns()), relay_only=parts.live.relay_only,
    )  # fmt: skip


@router.post("/beds/{site}/{bed}/live", status_code=201, responses=documented(400, 401, 403, 404, 409, 413, 422))
async def watch_bed(site: SiteName, bed: BedName, asked: ViewAsked, watcher: Watcher, request: Request) -> ViewStanding:
    """Brings the offer to the bed and waits for its word, 8 s at most. The answer may be a refusal, with cause and sentence."""
    now_ns = request.app.state.parts.clock.utc_ns()
    row = await service.ask(watcher.principal, site, bed, asked.stream, asked.sdp, now_ns)
    return await _standing(watcher, row)


@router.get("/live/{view_id}", responses=documented(401, 404, 422))
async def live_view(view_id: UUID, watcher: Watcher, request: Request) -> ViewStanding:
    """How the view stands. A page that watches asks every few seconds: one that is not heard of for 30 s is hung up on."""
    row = await service.seen(watcher.principal, view_id, request.app.state.parts.clock.utc_ns())
    return await _standing(watcher, row)


@router.delete("/live/{view_id}", status_code=204, responses=documented(401, 403, 404, 422))
async def end_live_view(view_id: UUID, watcher: Watcher, request: Request) -> None:
    """Ends the view, at the bed too."""
    await service.leave(watcher.principal, view_id, request.app.state.parts.clock.utc_ns())
