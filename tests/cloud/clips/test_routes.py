"""The bed's HTTP interface, on a real PostgreSQL and a real object store, without the network."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tortoise.transactions import in_transaction

from cloud.audit.tables import AuditEntry
from cloud.clips.routes import PEER_NAME, create_bed_app
from cloud.clips.service import ClipParts, mark_overdue
from cloud.clips.tables import Clip, Event, ObjectChunk, StoredObject
from cloud.clips.transfer import ABANDONED_AFTER_NS, drop_abandoned
from cloud.database import DatabaseAddress
from cloud.objects import Objects, chunk_key, object_key
from cloud.settings import ObjectsSection
from shared.clip import CHUNK_BYTES, ClipManifest, RawPolicy
from shared.ids import uuid7
from shared.review import Verdict
from tests.cloud.facts import UTC_NS, Thing, manifest, stored_event


class Peer:
    """Stands where the listener stands: says which bed calls."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})[PEER_NAME] = self._name
        await self._app(scope, receive, send)


class World:
    """The application with a store in a folder; `verdicts` is what the labels say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.verdicts: dict[UUID, Verdict] = {}
        self.objects = Objects(ObjectsSection(url=f"file://{folder}"))
        self.app = create_bed_app(ClipParts(self.objects, RawPolicy.on_confirm, self._verdict_of))

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
        body = thing.body[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES] if body is None else body
        return await self.client.put(
            f"/bed/v1/objects/{thing.sha256}/chunks/{number}",
            params={"size_bytes": named.get("size_bytes", thing.size_bytes)},
            headers={"X-Chunk-Sha256": named.get("chunk_sha256", hashlib.sha256(body).hexdigest())},
            content=body,
        )

    async def complete(self, thing: Thing) -> httpx.Response:
        return await self.client.post(
            f"/bed/v1/objects/{thing.sha256}/complete", params={"size_bytes": thing.size_bytes}
        )

    async def send(self, thing: Thing) -> None:
        for number in range(-(-thing.size_bytes // CHUNK_BYTES)):
            assert (await self.put(thing, number)).status_code == 204
        assert (await self.complete(thing)).status_code == 200


@pytest.fixture
async def world(database: DatabaseAddress, tmp_path: Path) -> World:
    return World(tmp_path / "objects")


async def _jobs() -> list[tuple[str, str]]:
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict(
            "SELECT task_name, queueing_lock FROM procrastinate_jobs ORDER BY id"
        )
    return [(row["task_name"], row["queueing_lock"]) for row in rows]


PROXY, RAW = Thing(b"a proxy" * 99), Thing(b"raw segment" * 999)


async def test_a_clip_goes_from_manifest_to_stored(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    body = manifest(event_id, [PROXY], [RAW])
    first = (await bed.show(body)).json()
    assert first == {
        "event_id": str(event_id),
        "missing": [{"sha256": PROXY.sha256, "chunks": [0]}],
        "raw": "wait",
        "clip_stored": False,
    }
    await bed.send(PROXY)
    assert (await bed.show(body)).json()["missing"] == []
    world.verdicts[event_id] = Verdict.confirmed
    third = (await bed.show(body)).json()
    assert (third["raw"], third["missing"]) == ("send", [{"sha256": RAW.sha256, "chunks": [0]}])
    await bed.send(RAW)
    assert (await bed.show(body)).json()["clip_stored"] is True
    assert (world.folder / object_key("north", RAW.sha256)).read_bytes() == RAW.body
    clip = await Clip.get(event_id=event_id)
    assert (clip.proxies_stored, clip.segments_stored, clip.bytes_stored) == (1, 1, len(PROXY.body) + len(RAW.body))
    assert await ObjectChunk.all().count() == 0
    assert not (world.folder / chunk_key("north", RAW.sha256, 0)).exists()
    assert [(entry.deed, entry.who) for entry in await AuditEntry.all()] == [("clip_stored", "north.bed-1")]


async def test_classification_is_queued_once_when_the_last_proxy_is_stored(world: World) -> None:
    event_id, bed, other = await stored_event(), world.bed(), Thing(b"depth")
    body = manifest(event_id, [PROXY, other], [])
    await bed.show(body)
    await bed.send(PROXY)
    assert await _jobs() == []
    await bed.send(other)
    await bed.send(other)
    await bed.show(body)
    assert await _jobs() == [("classify_event", f"classify:{event_id}")]


async def test_proxies_that_end_at_the_same_time_still_queue_the_classification(world: World) -> None:
    event_id, bed, things = await stored_event(), world.bed(), [Thing(bytes([n]) * 50) for n in range(3)]
    await bed.show(manifest(event_id, things, []))
    for thing in things:
        await bed.put(thing, 0)
    answers = await asyncio.gather(*(bed.complete(thing) for thing in things for _ in range(2)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    for thing in things:
        assert (await bed.complete(thing)).status_code == 200
    assert await _jobs() == [("classify_event", f"classify:{event_id}")]


async def test_a_rejected_event_releases_the_raw_segments(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    body = manifest(event_id, [PROXY], [RAW])
    world.verdicts[event_id] = Verdict.rejected
    await bed.show(body)
    await bed.send(PROXY)
    answer = (await bed.show(body)).json()
    assert (answer["raw"], answer["missing"], answer["clip_stored"]) == ("released", [], True)


async def test_a_segment_of_two_clips_is_asked_for_once(world: World) -> None:
    bed = world.bed()
    clips = [manifest(await stored_event(event_id=uuid7(UTC_NS)), [Thing(bytes([n]))], [RAW]) for n in (1, 2)]
    world.verdicts = {body.event_id: Verdict.confirmed for body in clips}
    await bed.show(clips[0])
    await bed.send(RAW)
    assert RAW.sha256 not in {item["sha256"] for item in (await bed.show(clips[1])).json()["missing"]}


async def test_an_upload_resumes_with_the_chunks_that_are_missing(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    large = Thing(b"\x01" * CHUNK_BYTES + b"\x02" * CHUNK_BYTES + b"\x03")
    await bed.show(manifest(event_id, [large], []))
    assert (await bed.put(large, 1)).status_code == 204
    assert (await bed.ask(large)).json()["chunks"] == [0, 2]
    early = await bed.complete(large)
    assert (early.status_code, early.json()["chunks"]) == (409, [0, 2])
    await bed.send(large)
    assert (await bed.ask(large)).json()["chunks"] == []


async def test_bytes_that_do_not_hash_to_the_name_are_never_stored(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    await bed.show(manifest(event_id, [PROXY], []))
    wrong = bytes(len(PROXY.body))
    assert (await bed.put(PROXY, 0, wrong)).status_code == 204
    answer = await bed.complete(PROXY)
    assert (answer.status_code, answer.json()["chunks"]) == (409, [0])
    assert await StoredObject.all().count() == 0
    assert not (world.folder / object_key("north", PROXY.sha256)).exists()
    await bed.send(PROXY)


async def test_a_chunk_that_vanished_from_the_store_is_asked_for_again(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    await bed.show(manifest(event_id, [PROXY], []))
    await bed.put(PROXY, 0)
    (world.folder / chunk_key("north", PROXY.sha256, 0)).unlink()
    assert (await bed.complete(PROXY)).status_code == 409
    await bed.send(PROXY)


@pytest.mark.parametrize(
    ("number", "body", "named", "sentence"),
    [
        (0, b"short", {}, "5 bytes"),
        (0, PROXY.body + b"x", {}, "more than"),
        (0, PROXY.body, {"chunk_sha256": "0" * 64}, "do not hash"),
        (0, PROXY.body, {"chunk_sha256": "nonsense"}, "x-chunk-sha256"),
        (1, b"", {}, "chunks 0 to 0"),
    ],
)
async def test_a_wrong_chunk_is_refused_and_leaves_nothing(
    world: World, number: int, body: bytes, named: dict[str, Any], sentence: str
) -> None:
    bed = world.bed()
    await bed.show(manifest(await stored_event(), [PROXY], []))
    answer = await bed.put(PROXY, number, body, **named)
    assert answer.status_code == 422
    assert sentence in answer.json()["detail"]
    assert await ObjectChunk.all().count() == 0


async def test_nothing_of_another_bed_or_site_can_be_seen_or_written(world: World) -> None:
    event_id = await stored_event()
    await world.bed().show(manifest(event_id, [PROXY], []))
    for name in ("north.bed-2", "south.bed-1"):
        stranger = world.bed(name)
        unknown = await stranger.show(manifest(uuid7(UTC_NS), [PROXY], []))
        foreign = await stranger.show(manifest(event_id, [PROXY], []))
        assert (unknown.status_code, foreign.status_code) == (404, 404)
        assert unknown.json() == foreign.json()
        for answer in (await stranger.ask(PROXY), await stranger.put(PROXY, 0), await stranger.complete(PROXY)):
            assert answer.status_code == 404
    refusals = await AuditEntry.filter(deed="refused").order_by("id")
    who = [(entry.site, entry.who) for entry in refusals]
    assert who == [("north", "north.bed-2")] * 4 + [("south", "south.bed-1")] * 4


@pytest.mark.parametrize("name", ["", "cloud", "north", "north.", "NORTH.bed", "north.bed 1"])
async def test_a_certificate_that_is_no_beds_opens_nothing(world: World, name: str) -> None:
    answer = await world.bed(name).show(manifest(await stored_event(), [PROXY], []))
    assert answer.status_code == 403


async def test_a_manifest_of_another_boot_or_event_is_refused(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    boot = await bed.show(manifest(event_id, [PROXY], [], boot_id="0" * 36))
    assert (boot.status_code, "boot_id" in boot.json()["detail"]) == (422, True)
    body = manifest(event_id, [PROXY], []).model_dump_json()
    path = await bed.client.put(f"/bed/v1/clips/{uuid7(UTC_NS)}", content=body)
    assert (path.status_code, "event_id" in path.json()["detail"]) == (422, True)
    assert (await bed.client.put(f"/bed/v1/clips/{event_id}", content=b"{")).status_code == 422


async def test_a_new_manifest_replaces_the_old_until_the_clip_is_stored(world: World) -> None:
    event_id, bed, second = await stored_event(), world.bed(), Thing(b"made again")
    await bed.show(manifest(event_id, [PROXY], []))
    assert (await bed.show(manifest(event_id, [second], []))).json()["missing"][0]["sha256"] == second.sha256
    world.verdicts[event_id] = Verdict.rejected
    await bed.send(second)
    await bed.show(manifest(event_id, [second], []))
    assert (await bed.show(manifest(event_id, [PROXY], []))).status_code == 409


async def test_a_clip_that_does_not_come_is_overdue_until_it_can_be_watched(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    assert await mark_overdue(event_id)
    assert (await Event.get(event_id=event_id)).clip_overdue
    await bed.show(manifest(event_id, [PROXY], []))
    await bed.send(PROXY)
    assert not (await Event.get(event_id=event_id)).clip_overdue
    assert not await mark_overdue(event_id)


async def test_an_upload_that_was_given_up_is_removed_after_a_week(world: World) -> None:
    bed = world.bed()
    await bed.show(manifest(await stored_event(), [PROXY], []))
    await bed.put(PROXY, 0)
    assert await drop_abandoned(world.objects) == 0
    await ObjectChunk.all().update(received_at_ns=time.time_ns() - ABANDONED_AFTER_NS - 1)
    assert await drop_abandoned(world.objects) == 1
    assert not (world.folder / chunk_key("north", PROXY.sha256, 0)).exists()
    assert (await bed.ask(PROXY)).json()["chunks"] == [0]
