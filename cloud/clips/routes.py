"""The bed's HTTP interface under /bed/v1, by docs/contracts/bed-http-api.md. Who calls is what the client certificate says."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter, ValidationError

from cloud.clips import queries, service, transfer
from cloud.clips.service import Caller, ClipParts
from cloud.database import UNREACHABLE
from cloud.devices.limits import BedLimits
from cloud.problems import HttpProblem, install_problems, problem_response
from shared.clip import (
    MAX_OBJECT_BYTES,
    ChunkPlace,
    ClipAnswer,
    ClipManifest,
    MissingObject,
    PlaceWanted,
    WantedClips,
    chunk_length,
)
from shared.contract import read_contract
from shared.ids import BedName, Sha256, SiteName, Uuid7

PREFIX = "/bed/v1"
MANIFEST_LIMIT_BYTES = 32 * 1024 * 1024
PLACE_LIMIT_BYTES = 4_096
WANTED_AT_ONCE = 100
PEER_NAME = "deepepil_peer_name"
"""Where the listener leaves the common name of the client certificate, in the ASGI scope's state."""

_SITE: TypeAdapter[str] = TypeAdapter(SiteName)
_BED: TypeAdapter[str] = TypeAdapter(BedName)
ObjectBytes = Annotated[int, Query(ge=0, le=MAX_OBJECT_BYTES)]

router = APIRouter(prefix=PREFIX)
_log = structlog.get_logger(__name__)


def caller_of(peer_name: str) -> Caller:
    """The bed that a certificate's common name `{site}.{bed}` names. Raises HttpProblem 403 for any other name."""
    site, _, bed = peer_name.partition(".")
    try:
        return Caller(_SITE.validate_python(site), _BED.validate_python(bed))
    except ValidationError as error:
        raise HttpProblem(HTTPStatus.FORBIDDEN, "The client certificate is not a bed's.") from error


# These are async although they never wait: FastAPI would run them in threads else, and the limits live in the loop.
async def _caller(request: Request) -> Caller:
    caller = caller_of(str(request.scope.get("state", {}).get(PEER_NAME, "")))
    _limits(request).request(_name(caller))
    return caller


def _name(caller: Caller) -> str:
    return f"{caller.site}.{caller.bed}"


async def _parts(request: Request) -> ClipParts:
    parts: ClipParts = request.app.state.parts
    return parts


async def _limits_of(request: Request) -> BedLimits:
    return _limits(request)


def _limits(request: Request) -> BedLimits:
    limits: BedLimits = request.app.state.limits
    return limits


Bed = Annotated[Caller, Depends(_caller)]
Parts = Annotated[ClipParts, Depends(_parts)]
Limits = Annotated[BedLimits, Depends(_limits_of)]
ObjectName = Annotated[Sha256, Path()]


async def _body(request: Request, limit_bytes: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit_bytes:
            raise HttpProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The request is larger than {limit_bytes} bytes.")
    return bytes(body)


@router.put("/clips/{event_id}")
async def put_clip(event_id: Uuid7, request: Request, bed: Bed, parts: Parts) -> ClipAnswer:
    """The bed shows a clip's manifest and asks what is wanted of it."""
    body = await _body(request, MANIFEST_LIMIT_BYTES)
    manifest = await asyncio.to_thread(read_contract, ClipManifest, body, MANIFEST_LIMIT_BYTES)
    if manifest.event_id != event_id:
        raise HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "event_id: the manifest names another event than the path.")
    return await service.accept_manifest(parts, bed, manifest)


@router.get("/objects/{sha256}")
async def get_object(sha256: ObjectName, size_bytes: ObjectBytes, bed: Bed, parts: Parts) -> MissingObject:
    """Which chunks of an object the cloud lacks."""
    return await transfer.missing_chunks(parts, bed, sha256, size_bytes)


@router.post("/objects/{sha256}/place")
async def place_chunk(
    sha256: ObjectName, size_bytes: ObjectBytes, request: Request, bed: Bed, parts: Parts, limits: Limits
) -> ChunkPlace:
    """Where one chunk may be sent to the object store itself."""
    wanted = read_contract(PlaceWanted, await _body(request, PLACE_LIMIT_BYTES), PLACE_LIMIT_BYTES)
    limits.take(_name(bed), chunk_length(size_bytes, wanted.chunk))
    return await transfer.place_chunk(parts, bed, (sha256, size_bytes, wanted.chunk), wanted.content_md5)


@router.put("/objects/{sha256}/chunks/{number}", status_code=HTTPStatus.NO_CONTENT)
async def put_chunk(
    sha256: ObjectName,
    number: Annotated[int, Path(ge=0, le=1_000_000)],
    size_bytes: ObjectBytes,
    x_chunk_sha256: Annotated[Sha256, Header()],
    request: Request,
    bed: Bed,
    parts: Parts,
) -> Response:
    """One chunk of an object."""
    limits, length = _limits(request), chunk_length(size_bytes, number)
    if request.headers.get("content-length", str(length)) != str(length):
        raise HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, f"Content-Length: {length} bytes are due.", close=True)
    limits.take(_name(bed), length)
    with limits.chunk(_name(bed)):
        await transfer.take_chunk(parts, bed, (sha256, size_bytes, number), x_chunk_sha256, request.stream())
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/objects/{sha256}/complete")
async def complete_object(sha256: ObjectName, size_bytes: ObjectBytes, bed: Bed, parts: Parts) -> Response:
    """All chunks were sent: the cloud puts the object together, reads it back and says whether it is stored."""
    lacking = await transfer.complete_object(parts, bed, sha256, size_bytes)
    if lacking is None:
        return JSONResponse({"sha256": sha256, "chunks": []})
    return JSONResponse(lacking.model_dump(mode="json"), status_code=HTTPStatus.CONFLICT)


@router.get("/wanted")
async def get_wanted(bed: Bed) -> WantedClips:
    """Clips whose raw segments are wanted after the bed was told that they are released."""
    found: list[UUID] = await queries.wanted_again(bed.site, bed.bed, WANTED_AT_ONCE)
    return WantedClips(event_ids=found)


def create_bed_app(parts: ClipParts, limits: BedLimits) -> FastAPI:
    """The application that the beds talk to; the database must be open."""
    app = FastAPI(title="DeepEpil beds", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.parts = parts
    app.state.limits = limits
    app.include_router(router)
    install_problems(app)
    for kind in UNREACHABLE:
        app.add_exception_handler(kind, _on_unreachable)  # type: ignore[arg-type]
    return app


async def _on_unreachable(_request: Request, error: Exception) -> Response:
    _log.warning("database_unreachable", reason=str(error)[:300])
    return problem_response(HttpProblem(503, "The server cannot reach its records now.", retry_after_s=2))
