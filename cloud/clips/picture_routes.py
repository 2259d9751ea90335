"""What the player asks beside the videos: the frame index of a stream, the depth camera's lens, and raw depth by frame."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

import cloud.review.service
from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.clips import pictures
from cloud.problems import documented
from shared.clock import utc_text
from shared.frame import Stream

router = APIRouter(tags=["clips"])
Viewer = Annotated[SignedIn, Depends(with_right(Right.see_events))]
BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


class FrameIndex(BaseModel):
    """Frame k of the stream's video was taken times_ns[k] after the clip's start, device_ns[k] by the camera's own clock."""

    stream: Stream
    clip_start_utc: str
    times_ns: list[int]
    device_ns: list[int] = Field(description="empty where the bed did not tell the camera's times")


class LensView(BaseModel):
    """The depth camera in pixels of its full picture; pixel centres at whole numbers."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: list[float] = Field(description="k1, k2, p1, p2, k3, k4, k5, k6 of the rational Brown-Conrady model")
    camera: str
    simulated: bool = Field(description="the pictures are made by the simulated ward")


@router.get("/events/{event_id}/frames/{stream}", responses=documented(401, 404, 409, 422))
async def frame_index(event_id: UUID, stream: Stream, viewer: Viewer) -> FrameIndex:
    """When each frame of a stream's video was taken, by the unit's clock and by the camera's."""
    clip = await pictures.seen_clip(viewer.principal, event_id)
    proxy, zero_ns = clip.proxy(stream), clip.manifest.start_mono_ns
    return FrameIndex(
        stream=stream,
        clip_start_utc=utc_text(clip.manifest.start_utc_ns),
        times_ns=[moment - zero_ns for moment in proxy.frame_mono_ns],
        device_ns=proxy.frame_device_ns,
    )


@router.get("/events/{event_id}/lens", responses=documented(401, 404, 409, 422, 503))
async def depth_lens(event_id: UUID, viewer: Viewer, request: Request) -> LensView:
    """The depth camera's lens, from the calibration in the clip's own segments."""
    clip = await pictures.seen_clip(viewer.principal, event_id)
    lens, header = await pictures.lens_of(clip, request.app.state.parts.objects)
    return LensView(
        width=lens.width,
        height=lens.height,
        fx=lens.fx,
        fy=lens.fy,
        cx=lens.cx,
        cy=lens.cy,
        distortion=list(lens.distortion),
        camera=header.camera.make,
        simulated=header.camera.source == "simulator",
    )


@router.get(
    "/events/{event_id}/depth",
    response_class=Response,
    responses={
        200: {"description": "the pictures one behind the other, by docs/contracts/http-api.md", "content": BYTES},
        **documented(401, 404, 409, 422, 503),
    },
)
async def depth_frames(
    event_id: UUID,
    viewer: Viewer,
    request: Request,
    first: Annotated[int, Query(ge=0, le=200_000, description="number of a frame of the depth video")] = 0,
    count: Annotated[int, Query(ge=1, le=pictures.FRAMES_AT_ONCE)] = 1,
    step: Annotated[int, Query(ge=1, le=8, description="every step-th pixel of every step-th row")] = 1,
) -> Response:
    """Raw depth in mm; each person's first look at an event is audited."""
    parts = request.app.state.parts
    clip = await pictures.seen_clip(viewer.principal, event_id)
    body = await pictures.depth_pictures(clip, parts.objects, first, count, step)
    await cloud.review.service.note_view(viewer, event_id, clip.row.site, parts.clock.utc_ns())
    looks = request.app.state.looks
    await looks.note_frames(viewer, clip.row.site, str(event_id), Stream.depth.value, first, count)
    return Response(body, media_type="application/octet-stream", headers={"cache-control": "private, no-store"})
