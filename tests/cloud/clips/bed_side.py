"""A cloud's interface for beds without the network, and a bed's side of it, request by request."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from cloud.clips.routes import PEER_NAME, create_bed_app
from cloud.clips.service import ClipParts
from cloud.devices.limits import BedLimits
from cloud.objects import Objects, upload_key
from cloud.settings import BedsSection, ObjectsSection
from shared.clip import CHUNK_BYTES, ClipManifest, RawPolicy
from shared.review import Verdict
from tests.cloud.facts import Thing


class Peer:
    """Stands where the listener stands: says which bed calls."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})[PEER_NAME] = self._name
        await self._app(scope, receive, send)


class World:
    """The application over a store; `verdicts` is what the labels say, `policies` what the sites want, `now_ns` its clock."""

    def __init__(self, section: ObjectsSection, *, open_clips: int = 5_000, **limits: Any) -> None:
        self.verdicts: dict[UUID, Verdict] = {}
        self.policies: dict[str, RawPolicy] = {}
        self.now_ns = 0
        self.objects = Objects(section)
        self.parts = ClipParts.of(self.objects, self._policy_of, self._verdict_of, open_clips)
        files: dict[str, Any] = {name: Path("unused") for name in ("certificate_file", "key_file", "ca_file")}
        self.limits = BedLimits(BedsSection(**files, **{"requests_per_s": 1e4, **limits}), lambda: self.now_ns)
        self.app = create_bed_app(self.parts, self.limits)

    @property
    def folder(self) -> Path:
        assert self.objects.folder is not None
        return self.objects.folder

    def upload(self, thing: Thing, bed: str = "bed-1") -> Path:
        """Where a folder keeps what came of a thing that is not whole."""
        return self.folder / upload_key("north", bed, thing.sha256)

    def _policy_of(self, site: str) -> RawPolicy:
        return self.policies.get(site, RawPolicy.on_confirm)

    async def _verdict_of(self, event_id: UUID) -> Verdict | None:
        return self.verdicts.get(event_id)

    def bed(self, name: str = "north.bed-1") -> Bed:
        return Bed(httpx.AsyncClient(transport=httpx.ASGITransport(Peer(self.app, name)), base_url="https://cloud"))


class Bed:
    """A bed's side, request by request."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def show(self, body: ClipManifest) -> httpx.Response:
        return await self.client.put(f"/bed/v1/clips/{body.event_id}", content=body.model_dump_json())

    async def ask(self, thing: Thing) -> httpx.Response:
        return await self.client.get(f"/bed/v1/objects/{thing.sha256}", params={"size_bytes": thing.size_bytes})

    async def put(self, thing: Thing, number: int, body: bytes | None = None, **named: Any) -> httpx.Response:
        body = thing.chunk(number) if body is None else body
        return await self.client.put(
            f"/bed/v1/objects/{thing.sha256}/chunks/{number}",
            params={"size_bytes": named.get("size_bytes", thing.size_bytes)},
            headers={"X-Chunk-Sha256": named.get("chunk_sha256", hashlib.sha256(body).hexdigest())},
            content=in_pieces(body) if named.get("in_pieces") else body,
        )

    async def place(self, thing: Thing, number: int, body: bytes | None = None, **named: Any) -> httpx.Response:
        """Asks where a chunk may go in the store."""
        digest = named.get("md5", md5_of(thing.chunk(number) if body is None else body))
        return await self.client.post(
            f"/bed/v1/objects/{thing.sha256}/place",
            params={"size_bytes": thing.size_bytes},
            json={"chunk": number, "content_md5": digest},
        )

    async def complete(self, thing: Thing) -> httpx.Response:
        return await self.client.post(
            f"/bed/v1/objects/{thing.sha256}/complete", params={"size_bytes": thing.size_bytes}
        )

    async def wanted(self) -> list[str]:
        found: list[str] = (await self.client.get("/bed/v1/wanted")).json()["event_ids"]
        return found

    async def send(self, thing: Thing) -> None:
        for number in range(-(-thing.size_bytes // CHUNK_BYTES)):
            assert (await self.put(thing, number)).status_code == 204
        assert (await self.complete(thing)).status_code == 200


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body that does not say how long it is."""
    for start in range(0, len(body), 100):
        yield body[start : start + 100]


def md5_of(body: bytes) -> str:
    """The MD5 as Content-MD5 writes it."""
    return b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
