"""The clip as a file, under /api/v1: Azure Kinect MKV, MCAP or a zip of NumPy files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from cloud.accounts.routes import with_right
from cloud.accounts.rules import Right
from cloud.accounts.service import SignedIn
from cloud.clips.export import exported_clip
from cloud.problems import HttpProblem, documented
from shared.export.formats import ExportFormat
from shared.export.numpy_folder import zipped

AT_ONCE = 2
"""Exports that one process writes at the same time; the next is asked to come again."""
PIECE_BYTES = 1 << 20
MEDIA = {
    ExportFormat.mkv: ("video/x-matroska", "mkv"),
    ExportFormat.mcap: ("application/octet-stream", "mcap"),
    ExportFormat.numpy: ("application/zip", "zip"),
}
router = APIRouter(tags=["clips"])
Viewer = Annotated[SignedIn, Depends(with_right(Right.see_events))]
_slots = asyncio.Semaphore(AT_ONCE)


class _Passing(StreamingResponse):
    """Sends a file on and cleans up behind it, also when the reader goes away."""

    def __init__(self, stack: AsyncExitStack, pieces: Iterator[bytes], headers: dict[str, str], media: str) -> None:
        super().__init__(pieces, headers=headers, media_type=media)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            await super().__call__(scope, receive, send)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


@router.get(
    "/events/{event_id}/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "the whole export",
            "content": {media: {"schema": {"type": "string", "format": "binary"}} for media, _ in MEDIA.values()},
        },
        **documented(401, 404, 409, 422, 503, 507),
    },
)
async def export_clip(
    event_id: UUID,
    viewer: Viewer,
    request: Request,
    form: Annotated[ExportFormat, Query(alias="format", description="numpy comes as a zip file")] = ExportFormat.mkv,
) -> StreamingResponse:
    """The clip with its raw pictures for other programs; each export is audited. 409 while its raw segments are not stored."""
    if _slots.locked():
        raise HttpProblem(503, f"{AT_ONCE} exports are being written now; please try again.", retry_after_s=30)
    media, suffix = MEDIA[form]
    headers = {
        "cache-control": "private, no-store",
        "content-disposition": f'attachment; filename="deepepil-{event_id}.{suffix}"',
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_slots)
        objects = request.app.state.parts.objects
        path = await stack.enter_async_context(exported_clip(viewer.principal, objects, event_id, form))
        if form is ExportFormat.numpy:
            return _Passing(stack.pop_all(), zipped(path), headers, media)
        headers["content-length"] = str(path.stat().st_size)
        return _Passing(stack.pop_all(), _pieces(path), headers, media)
    raise AssertionError
