"""The bed's HTTP interface, on a real PostgreSQL and a real object store, without the network."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tortoise.transactions import in_transaction

from cloud.audit.tables import AuditEntry
from cloud.clips.folder_upload import ChunkFile
from cloud.clips.service import mark_overdue, reopen_released
from cloud.clips.tables import Clip, Event, ReceivedChunk, StoredObject
from cloud.clips.transfer import drop_abandoned
from cloud.clips.way import ABANDONED_AFTER_S
from cloud.database import DatabaseAddress
from cloud.objects import object_key
from cloud.settings import ObjectsSection
from shared.clip import CHUNK_BYTES, LostSegment, RawPolicy
from shared.clock import NS_PER_S
from shared.errors import Transient
from shared.ids import uuid7
from shared.review import Verdict
from tests.cloud.clips.bed_side import World
from tests.cloud.facts import UTC_NS, Thing, manifest, stored_event


@pytest.fixture
async def world(database: DatabaseAddress, tmp_path: Path) -> World:
    return World(ObjectsSection(url=f"file://{tmp_path / 'objects'}"))


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
        "direct": False,
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
    assert await ReceivedChunk.all().count() == 0
    assert list((world.folder / "sites/north/uploads").iterdir()) == []
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


async def test_of_a_damaged_upload_only_the_damaged_chunk_is_asked_for_again(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    large = Thing(b"\x01" * CHUNK_BYTES + b"\x02" * CHUNK_BYTES + b"\x03")
    await bed.show(manifest(event_id, [large], []))
    for number in range(3):
        await bed.put(large, number)
    with world.upload(large).open("r+b") as file:
        file.seek(CHUNK_BYTES + 5)
        file.write(b"rot")
    assert (await bed.complete(large)).json()["chunks"] == [1]
    await bed.put(large, 1)
    assert (await bed.complete(large)).status_code == 200


async def test_an_object_that_was_moved_before_its_row_was_written_is_found(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    await bed.show(manifest(event_id, [PROXY], []))
    await bed.put(PROXY, 0)
    name = world.folder / object_key("north", PROXY.sha256)
    name.parent.mkdir(parents=True)
    world.upload(PROXY).rename(name)
    assert (await bed.complete(PROXY)).status_code == 200
    assert await StoredObject.filter(sha256=PROXY.sha256).exists()


async def test_whoever_still_writes_when_an_object_was_moved_cannot_change_it(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    await bed.show(manifest(event_id, [PROXY], []))
    await bed.put(PROXY, 0)
    late = ChunkFile.open(world.upload(PROXY), 0)
    assert (await bed.complete(PROXY)).status_code == 200
    with pytest.raises(Transient, match="another request"):
        late.write(b"other bytes")
    late.close()
    assert (world.folder / object_key("north", PROXY.sha256)).read_bytes() == PROXY.body


async def test_an_object_of_no_bytes_is_stored_and_one_that_lies_about_it_is_not(world: World) -> None:
    event_id, bed, empty = await stored_event(), world.bed(), Thing(b"")
    body = manifest(event_id, [PROXY], [empty])
    world.policies["north"] = RawPolicy.always
    assert (await bed.show(body)).json()["missing"][1] == {"sha256": empty.sha256, "chunks": []}
    assert (await bed.complete(empty)).status_code == 200
    liar = body.segments[0].model_copy(update={"sha256": "b" * 64})
    await bed.show(body.model_copy(update={"segments": [liar]}))
    answer = await bed.client.post(f"/bed/v1/objects/{'b' * 64}/complete", params={"size_bytes": 0})
    assert answer.status_code == 422


async def test_two_beds_that_name_one_object_do_not_spoil_each_others_upload(world: World) -> None:
    mine, other = world.bed(), world.bed("north.bed-2")
    await mine.show(manifest(await stored_event(event_id=uuid7(UTC_NS)), [PROXY], []))
    await other.show(manifest(await stored_event(bed="bed-2", event_id=uuid7(UTC_NS + 1)), [PROXY], []))
    await mine.put(PROXY, 0)
    assert (await other.put(PROXY, 0, bytes(len(PROXY.body)))).status_code == 204
    assert (await other.complete(PROXY)).status_code == 409
    assert (await mine.complete(PROXY)).status_code == 200


async def test_a_chunk_that_vanished_from_the_store_is_asked_for_again(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    await bed.show(manifest(event_id, [PROXY], []))
    await bed.put(PROXY, 0)
    world.upload(PROXY).unlink()
    assert (await bed.complete(PROXY)).status_code == 409
    await bed.send(PROXY)


@pytest.mark.parametrize(
    ("number", "body", "named", "sentence"),
    [
        (0, b"short", {}, "Content-Length: 693 bytes are due"),
        (0, PROXY.body + b"x", {}, "Content-Length: 693 bytes are due"),
        (0, b"short", {"in_pieces": True}, "5 bytes"),
        (0, PROXY.body + b"x", {"in_pieces": True}, "more than"),
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
    assert await ReceivedChunk.all().count() == 0
    assert not world.upload(PROXY).exists()


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


async def _stored_clip(world: World, segments: list[Thing]) -> UUID:
    event_id, bed = await stored_event(), world.bed()
    world.verdicts[event_id] = Verdict.confirmed
    await bed.show(manifest(event_id, [PROXY], segments))
    for thing in (PROXY, *segments):
        await bed.send(thing)
    assert (await bed.show(manifest(event_id, [PROXY], segments))).json()["clip_stored"] is True
    return event_id


async def test_a_clip_that_grew_after_it_was_stored_is_stored_again_with_what_is_new(world: World) -> None:
    more, bed = Thing(b"one more segment"), world.bed()
    event_id = await _stored_clip(world, [RAW])
    grown = manifest(event_id, [PROXY], [RAW, more])
    answer = (await bed.show(grown)).json()
    assert (answer["clip_stored"], [item["sha256"] for item in answer["missing"]]) == (False, [more.sha256])
    await bed.send(more)
    assert (await bed.show(grown)).json()["clip_stored"] is True
    deeds = [entry.deed for entry in await AuditEntry.all().order_by("number")]
    assert deeds == ["clip_stored", "clip_changed", "clip_stored"]
    assert len(await _jobs()) == 1


async def test_a_manifest_that_says_less_than_the_stored_one_is_stored_and_changes_nothing(world: World) -> None:
    more, bed = Thing(b"one more segment"), world.bed()
    event_id = await _stored_clip(world, [RAW, more])
    assert (await bed.show(manifest(event_id, [PROXY], [RAW]))).json()["clip_stored"] is True
    assert (await Clip.get(event_id=event_id)).segments_stored == 2


async def test_a_manifest_that_contradicts_the_stored_one_is_refused_and_never_called_stored(world: World) -> None:
    event_id, bed = await _stored_clip(world, [RAW]), world.bed()
    answer = await bed.show(manifest(event_id, [PROXY], [Thing(b"another segment")]))
    assert (answer.status_code, "leaves out" in answer.json()["detail"]) == (409, True)


async def test_a_released_clip_is_wanted_again_when_the_verdict_changes_to_confirmed(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    body = manifest(event_id, [PROXY], [RAW])
    world.verdicts[event_id] = Verdict.rejected
    await bed.show(body)
    await bed.send(PROXY)
    assert (await bed.show(body)).json()["clip_stored"] is True
    assert await bed.wanted() == []
    async with in_transaction() as connection:
        assert await reopen_released(connection, event_id, Verdict.confirmed)
    assert await bed.wanted() == [str(event_id)]
    assert await world.bed("north.bed-2").wanted() == []
    world.verdicts[event_id] = Verdict.confirmed
    assert [item["sha256"] for item in (await bed.show(body)).json()["missing"]] == [RAW.sha256]
    await bed.send(RAW)
    assert (await bed.show(body)).json()["clip_stored"] is True
    assert await bed.wanted() == []


@pytest.mark.parametrize(
    ("policy", "decision"), [(RawPolicy.always, "send"), (RawPolicy.on_confirm, "wait"), (RawPolicy.never, "released")]
)
async def test_each_site_has_its_own_policy(world: World, policy: RawPolicy, decision: str) -> None:
    world.policies["north"] = policy
    answer = await world.bed().show(manifest(await stored_event(), [PROXY], [RAW]))
    assert answer.json()["raw"] == decision


async def test_a_clip_that_lost_segments_at_the_bed_is_counted_as_partial(world: World) -> None:
    event_id = await stored_event()
    lost = LostSegment(
        sha256="a" * 64, sequence=7, start_mono_ns=1, end_mono_ns=2, frames={}, reason="damaged at the bed"
    )
    body = manifest(event_id, [PROXY], [RAW]).model_copy(update={"lost": [lost]})
    await world.bed().show(body)
    assert (await Clip.get(event_id=event_id)).segments_lost == 1


async def test_a_clip_that_does_not_come_is_overdue_until_it_can_be_watched(world: World) -> None:
    event_id, bed = await stored_event(), world.bed()
    assert await mark_overdue(event_id)
    assert (await Event.get(event_id=event_id)).clip_overdue
    await bed.show(manifest(event_id, [PROXY], []))
    await bed.send(PROXY)
    assert not (await Event.get(event_id=event_id)).clip_overdue
    assert not await mark_overdue(event_id)


async def test_an_upload_that_was_left_alone_for_a_day_is_removed(world: World) -> None:
    bed = world.bed()
    await bed.show(manifest(await stored_event(), [PROXY], []))
    await bed.put(PROXY, 0)
    assert await drop_abandoned(world.parts.way) == 0
    old_s = time.time() - ABANDONED_AFTER_S - 60
    os.utime(world.upload(PROXY), (old_s, old_s))
    assert await drop_abandoned(world.parts.way) == 1
    assert not world.upload(PROXY).exists()
    assert (await bed.ask(PROXY)).json()["chunks"] == [0]


async def test_a_bed_that_is_over_its_share_is_told_when_to_come_again(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    section = ObjectsSection(url=f"file://{tmp_path}")
    world = World(section, open_clips=1, bytes_per_s=100, requests_per_s=1e3)
    bed, clips = world.bed(), [await stored_event(event_id=uuid7(UTC_NS + n)) for n in range(2)]
    assert (await bed.show(manifest(clips[0], [PROXY], []))).status_code == 200
    second = await bed.show(manifest(clips[1], [PROXY], []))
    assert (second.status_code, second.headers["retry-after"]) == (429, "300")
    for _ in range(2):
        assert (await bed.put(PROXY, 0)).status_code == 204
    over = await bed.put(PROXY, 0)
    assert (over.status_code, over.headers["content-type"]) == (429, "application/problem+json")
    assert int(over.headers["retry-after"]) == 4
    world.now_ns += 4 * NS_PER_S
    assert (await bed.put(PROXY, 0)).status_code == 204
    assert (await bed.complete(PROXY)).status_code == 200
    world.verdicts[clips[0]] = Verdict.rejected
    await bed.show(manifest(clips[0], [PROXY], []))
    assert (await bed.show(manifest(clips[1], [PROXY], []))).status_code == 200
