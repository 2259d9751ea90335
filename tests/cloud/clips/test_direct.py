"""Clips on a real S3: the bed sends parts to the store by signed addresses, the cloud reads back before it says stored."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from cloud.clips.tables import ObjectUpload, StoredObject
from cloud.clips.transfer import drop_abandoned
from cloud.clips.way import ABANDONED_AFTER_S
from cloud.database import DatabaseAddress
from cloud.objects import object_key
from cloud.s3_client import S3Client
from shared.clip import CHUNK_BYTES, RawPolicy
from shared.clock import NS_PER_S
from shared.errors import Transient
from shared.ids import uuid7
from tests.cloud.clips.bed_side import Bed, World, md5_of
from tests.cloud.facts import UTC_NS, Thing, manifest, stored_event
from tests.object_stores import Swift

PROXY = Thing(b"a proxy" * 99)
LARGE = Thing(b"\x01" * CHUNK_BYTES + b"\x02" * CHUNK_BYTES + b"\x03")


@pytest.fixture
def world(database: DatabaseAddress, swift: Swift, request: pytest.FixtureRequest) -> World:
    bucket = "t" + str(abs(hash(request.node.name)))
    found = World(swift.section(bucket))
    found.policies["north"] = RawPolicy.always
    return found


async def send_part(bed: Bed, thing: Thing, number: int, body: bytes | None = None) -> httpx.Response:
    """As a bed does: asks for the place, sends there."""
    body = thing.chunk(number) if body is None else body
    place = await bed.place(thing, number, body)
    assert place.status_code == 200, place.text
    async with httpx.AsyncClient() as store:
        return await store.put(place.json()["url"], content=body, headers=place.json()["headers"])


async def send(bed: Bed, thing: Thing) -> None:
    for number in range(-(-thing.size_bytes // CHUNK_BYTES)):
        assert (await send_part(bed, thing, number)).status_code == 200
    assert (await bed.complete(thing)).status_code == 200


async def shown(world: World, *things: Thing) -> tuple[Bed, Any]:
    body, bed = manifest(await stored_event(event_id=uuid7(UTC_NS)), [PROXY], list(things)), world.bed()
    answer = (await bed.show(body)).json()
    assert answer["direct"] is True
    return bed, body


async def read(world: World, thing: Thing) -> bytes:
    return b"".join([piece async for piece in world.objects.read(object_key("north", thing.sha256))])


async def test_a_clip_goes_to_the_store_part_by_part(world: World) -> None:
    bed, body = await shown(world, LARGE)
    await send(bed, PROXY)
    await send(bed, LARGE)
    assert (await bed.show(body)).json()["clip_stored"] is True
    assert (await read(world, LARGE) == LARGE.body, await read(world, PROXY)) == (True, PROXY.body)
    assert await ObjectUpload.all().count() == 0
    assert list(world.objects.s3.open_uploads(10)) == []


async def test_after_a_cut_only_what_did_not_arrive_is_missing(world: World) -> None:
    bed, body = await shown(world, LARGE)
    assert (await send_part(bed, LARGE, 1)).status_code == 200
    missing = {item["sha256"]: item["chunks"] for item in (await bed.show(body)).json()["missing"]}
    assert missing == {PROXY.sha256: [0], LARGE.sha256: [0, 2]}
    assert (await bed.ask(LARGE)).json()["chunks"] == [0, 2]
    early = await bed.complete(LARGE)
    assert (early.status_code, early.json()["chunks"]) == (409, [0, 2])
    await send(bed, LARGE)


async def test_a_place_takes_the_announced_bytes_and_nothing_else(world: World) -> None:
    bed, _ = await shown(world)
    place = (await bed.place(PROXY, 0)).json()
    other = bytes(len(PROXY.body))
    async with httpx.AsyncClient() as store:
        wrong = await store.put(place["url"], content=other, headers=place["headers"])
        forged = await store.put(place["url"], content=other, headers={"Content-MD5": md5_of(other)})
        longer = {**place["headers"], "Content-Length": str(len(PROXY.body) + 1)}
        long = await store.put(place["url"], content=PROXY.body + b"x", headers=longer)
        moved = await store.put(
            place["url"].replace("partNumber=1", "partNumber=2"), content=PROXY.body, headers=place["headers"]
        )
        taken = await store.get(place["url"])
    assert [answer.status_code for answer in (wrong, forged, long, moved, taken)] == [400, 403, 403, 403, 403]
    assert (await bed.complete(PROXY)).json()["chunks"] == [0]


async def test_bytes_that_do_not_hash_to_the_name_are_never_stored(world: World) -> None:
    bed, _ = await shown(world)
    assert (await send_part(bed, PROXY, 0, bytes(len(PROXY.body)))).status_code == 200
    answer = await bed.complete(PROXY)
    assert (answer.status_code, answer.json()["chunks"]) == (409, [0])
    assert await world.objects.size(object_key("north", PROXY.sha256)) is None
    assert await StoredObject.all().count() == 0
    await send(bed, PROXY)


async def test_a_part_of_the_wrong_length_counts_as_missing(world: World) -> None:
    bed, _ = await shown(world, LARGE)
    await send_part(bed, LARGE, 0)
    upload = await ObjectUpload.get(sha256=LARGE.sha256)
    key, body = object_key("north", LARGE.sha256), b"short"
    url = world.objects.s3.sign_part(key, upload.upload_id, 1, len(body), md5_of(body))
    async with httpx.AsyncClient() as store:
        assert (await store.put(url, content=body, headers={"Content-MD5": md5_of(body)})).status_code == 200
    assert (await bed.ask(LARGE)).json()["chunks"] == [1, 2]


@pytest.mark.parametrize("reply", ["lost", "gone"])
async def test_a_lost_reply_to_complete_is_found_out_by_reading(
    world: World, reply: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed, _ = await shown(world)
    await send_part(bed, PROXY, 0)
    original = S3Client.complete

    def lose(self: S3Client, *arguments: Any) -> bool:
        original(self, *arguments)
        raise Transient("The object store cannot be reached: ReadTimeoutError.")

    monkeypatch.setattr(S3Client, "complete", lose)
    assert (await bed.complete(PROXY)).status_code == 503
    monkeypatch.undo()
    if reply == "gone":  # other stores forget the upload at once
        monkeypatch.setattr(S3Client, "parts", lambda *_: None)
    assert (await bed.complete(PROXY)).status_code == 200


async def test_an_upload_that_the_store_forgot_begins_anew(world: World) -> None:
    bed, _ = await shown(world)
    await send_part(bed, PROXY, 0)
    row = await ObjectUpload.get()
    world.objects.s3.abort(object_key("north", PROXY.sha256), row.upload_id)
    assert (await bed.complete(PROXY)).json()["chunks"] == [0]
    await send(bed, PROXY)


async def test_nothing_of_another_bed_can_be_placed_and_no_chunk_comes_through_the_cloud(world: World) -> None:
    bed, _ = await shown(world)
    for name in ("north.bed-2", "south.bed-1"):
        assert (await world.bed(name).place(PROXY, 0)).status_code == 404
    assert (await bed.put(PROXY, 0)).status_code == 404
    assert (await bed.place(PROXY, 1)).status_code == 422
    assert (await bed.place(PROXY, 0, md5="nonsense")).status_code == 422
    await send(bed, PROXY)
    assert (await bed.place(PROXY, 0)).status_code == 404


async def test_uploads_that_were_left_alone_for_a_day_are_aborted(world: World) -> None:
    bed, _ = await shown(world)
    await send_part(bed, PROXY, 0)
    stray = world.objects.s3.begin(object_key("north", "e" * 64))
    assert await drop_abandoned(world.parts.way) == 0
    await ObjectUpload.all().update(asked_at_ns=time.time_ns() - (ABANDONED_AFTER_S + 60) * NS_PER_S)
    assert await drop_abandoned(world.parts.way) == 1
    assert [each.upload_id for each in world.objects.s3.open_uploads(10)] == [stray]
    assert await world.parts.way.drop_abandoned(time.time() + ABANDONED_AFTER_S + 60) == 1
    assert list(world.objects.s3.open_uploads(10)) == []
    assert (await bed.ask(PROXY)).json()["chunks"] == [0]


async def test_a_store_that_is_away_is_told_as_such_and_nothing_is_called_stored(world: World, swift: Swift) -> None:
    bed, _ = await shown(world)
    await send_part(bed, PROXY, 0)
    swift.kill()
    try:
        answer = await bed.complete(PROXY)
    finally:
        swift.start()
    assert (answer.status_code, "object store" in answer.json()["detail"]) == (503, True)
    assert (await bed.complete(PROXY)).status_code == 200
