"""A cloud that keeps docs/contracts/bed-http-api.md in memory, for the uploader's tests; it can be told to misbehave."""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from shared.clip import (
    CHUNK_BYTES,
    ChunkPlace,
    ClipAnswer,
    ClipManifest,
    MissingObject,
    PlaceWanted,
    RawDecision,
    WantedClips,
    chunk_count,
)
from tests.brokers import free_port
from tests.waiting import wait_for


@dataclass
class CloudState:
    """What the cloud knows and stores. `replies` overrule the next answers to a path that contains their key."""

    known: set[UUID] = field(default_factory=set)
    raw: RawDecision = RawDecision.send
    chunks: dict[str, dict[int, bytes]] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[UUID, ClipManifest] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    received_bytes: int = 0
    replies: dict[str, list[Response]] = field(default_factory=dict)
    store_url: str | None = None
    """With it chunks go to this address of the same server, as to a store."""
    wanted: list[UUID] = field(default_factory=list)

    def overrule(self, word: str, *replies: Response) -> None:
        self.replies.setdefault(word, []).extend(replies)

    def reply_to(self, path: str) -> Response | None:
        for word, replies in self.replies.items():
            if word in path and replies:
                return replies.pop(0)
        return None

    def lacking(self, sha256: str, size_bytes: int) -> list[int]:
        return [chunk for chunk in range(chunk_count(size_bytes)) if chunk not in self.chunks.get(sha256, {})]

    def answer(self, manifest: ClipManifest) -> ClipAnswer:
        proxies = [(each.sha256, each.size_bytes) for each in manifest.proxies]
        segments = [(each.sha256, each.size_bytes) for each in manifest.segments]
        wanted = proxies + (segments if self.raw is RawDecision.send else [])
        missing = [
            MissingObject(sha256=sha256, chunks=self.lacking(sha256, size))
            for sha256, size in wanted
            if sha256 not in self.stored
        ]
        stored = not missing and self.raw is not RawDecision.wait
        direct = self.store_url is not None
        return ClipAnswer(event_id=manifest.event_id, missing=missing, raw=self.raw, clip_stored=stored, direct=direct)


def problem(status: int, detail: str = "because", **headers: str) -> Response:
    content = {"title": "no", "status": status, "detail": detail}
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")


def make_app(state: CloudState) -> FastAPI:
    """The requests of the contract, and a store beside them."""
    app = FastAPI()

    @app.middleware("http")
    async def overrule(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        path = f"{request.method} {request.url.path.removeprefix('/bed/v1/')}"
        state.requests.append(path)
        reply = state.reply_to(path)
        if reply is not None:
            await request.body()
            return reply
        return await call_next(request)

    @app.put("/bed/v1/clips/{event_id}")
    async def put_clip(event_id: UUID, request: Request) -> Response:
        manifest = ClipManifest.model_validate_json(await request.body())
        if event_id not in state.known:
            return problem(404, "the event is not known yet")
        state.manifests[event_id] = manifest
        return Response(state.answer(manifest).model_dump_json(), media_type="application/json")

    @app.put("/bed/v1/objects/{sha256}/chunks/{chunk}")
    async def put_chunk(sha256: str, chunk: int, size_bytes: int, request: Request) -> Response:
        body = await request.body()
        state.received_bytes += len(body)
        if hashlib.sha256(body).hexdigest() != request.headers["X-Chunk-Sha256"]:
            return problem(422, "the chunk arrived damaged")
        assert len(body) == min(CHUNK_BYTES, size_bytes - chunk * CHUNK_BYTES)
        state.chunks.setdefault(sha256, {})[chunk] = body
        return Response(status_code=204)

    @app.get("/bed/v1/wanted")
    async def wanted() -> Response:
        return Response(WantedClips(event_ids=state.wanted).model_dump_json(), media_type="application/json")

    @app.post("/bed/v1/objects/{sha256}/complete")
    async def complete(sha256: str, size_bytes: int) -> Response:
        missing = MissingObject(sha256=sha256, chunks=state.lacking(sha256, size_bytes))
        whole = b"".join(body for _, body in sorted(state.chunks.get(sha256, {}).items()))
        if not missing.chunks and hashlib.sha256(whole).hexdigest() != sha256:
            state.chunks.pop(sha256)
            missing = MissingObject(sha256=sha256, chunks=state.lacking(sha256, size_bytes))
        if missing.chunks:
            return Response(missing.model_dump_json(), 409, media_type="application/json")
        state.stored[sha256] = whole
        return Response(status_code=200)

    _add_store(app, state)
    return app


def _add_store(app: FastAPI, state: CloudState) -> None:
    @app.post("/bed/v1/objects/{sha256}/place")
    async def place(sha256: str, size_bytes: int, request: Request) -> Response:
        wish = PlaceWanted.model_validate_json(await request.body())
        found = ChunkPlace(
            sha256=sha256,
            chunk=wish.chunk,
            url=f"{state.store_url}/{sha256}/{wish.chunk}?signature=secret",
            headers={"Content-MD5": wish.content_md5},
            ends_in_s=900,
        )
        return Response(found.model_dump_json(), media_type="application/json")

    @app.put("/store/{sha256}/{chunk}")
    async def store(sha256: str, chunk: int, request: Request) -> Response:
        body = await request.body()
        state.received_bytes += len(body)
        if b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode() != request.headers["Content-MD5"]:
            return Response("BadDigest", 400)
        state.chunks.setdefault(sha256, {})[chunk] = body
        return Response(status_code=200)


@contextmanager
def serve(state: CloudState, **options: object) -> Iterator[int]:
    """Runs the app on a free port of this machine; gives the port."""
    port = free_port()
    config = uvicorn.Config(make_app(state), host="127.0.0.1", port=port, log_level="error", **options)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the test's cloud")
    try:
        yield port
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
