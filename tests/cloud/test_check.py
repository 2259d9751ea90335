"""The checker proves its worth: it names each planted fault, and nothing on a healthy installation."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tortoise import Tortoise

from cloud import audit
from cloud.audit import anchors
from cloud.check import find_faults
from cloud.check_objects import LEFT_AFTER_S, ORPHAN_AFTER_S
from cloud.check_rows import Look
from cloud.clips.service import Caller, ClipParts, accept_manifest
from cloud.clips.transfer import complete_object, take_chunk
from cloud.database import in_transaction
from cloud.ingest.rules import Incoming
from cloud.ingest.service import Taker
from cloud.objects import Objects, object_key, upload_key
from cloud.principal import Principal
from cloud.settings import ObjectsSection
from shared.clip import RawPolicy
from shared.clock import NS_PER_S
from shared.envelope import seal
from shared.ids import uuid7
from shared.topics import Address, Topic
from tests.cloud.facts import UTC_NS, Thing, manifest, report

pytestmark = pytest.mark.usefixtures("database")
EVENT = Address("north", "bed-1", Topic.event)
PROXY = Thing(b"a proxy")


async def sql(query: str) -> None:
    await Tortoise.get_connection("default").execute_query(query)


async def tell(sequence: int, payload: bytes | None = None) -> None:
    payload = payload or seal(EVENT, report(event_id=uuid7(UTC_NS)), UTC_NS, sequence=sequence)
    await Taker(600).take(Incoming(EVENT.text, payload))


@pytest.fixture
async def objects(tmp_path: Path) -> Objects:
    """A healthy installation: three messages, one of them a dead letter, one stored clip, a kept audit head."""
    objects = Objects(ObjectsSection(url=f"file://{tmp_path}"))
    await tell(1)
    refused = seal(EVENT, report(event_id=uuid7(UTC_NS)), UTC_NS, sequence=2)
    await tell(2, refused.replace(b'"peak_score":0.93', b'"peak_score":9.93'))
    body = report()
    await tell(3, seal(EVENT, body, UTC_NS, sequence=3))
    parts = ClipParts.of(objects, lambda _site: RawPolicy.never, _no_verdict)
    bed = Caller("north", "bed-1")
    await accept_manifest(parts, bed, manifest(body.event_id, [PROXY], [Thing(b"raw")]))
    place = (PROXY.sha256, PROXY.size_bytes, 0)
    await take_chunk(parts, bed, place, PROXY.sha256, _pieces(PROXY.body))
    assert await complete_object(parts, bed, PROXY.sha256, PROXY.size_bytes) is None
    await sql(f"UPDATE bed_message SET committed_at_ns = committed_at_ns - {3_600 * NS_PER_S}")  # noqa: S608
    await anchors.keep_heads(objects)
    return objects


async def _no_verdict(_event_id: object) -> None:
    return None


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def names(objects: Objects, *, read_data: bool = False, **look: Any) -> list[str]:
    faults, count = await find_faults(Look(objects, read_data, **look))
    assert count == len(faults)
    return [f"{fault.invariant}: {fault.sentence}" for fault in faults]


async def test_all_holds_on_a_healthy_installation(objects: Objects) -> None:
    assert await names(objects, read_data=True) == []


WORKER = "INSERT INTO procrastinate_workers DEFAULT VALUES"
JOB = "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('upkeep', 'nothing', '{}')"
STANDING_STILL = ";".join(
    (WORKER, JOB.format("todo"), JOB.format("todo"), "UPDATE procrastinate_events SET at = at - interval '1 hour'")
)
GONE = ";".join((WORKER, JOB.format("doing")))
WISH = (
    "INSERT INTO desired (site, bed, version, body, published_version)"
    " VALUES ('north', 'bed-1', 3, '{\"issued_utc_ns\": 5}', 2)"
)
UNTOLD = ";".join((WORKER, WISH))
LINGERING = (
    "INSERT INTO received_chunk (site, bed, sha256, number, chunk_sha256, size_bytes, received_at_ns)"
    " VALUES ('north', 'bed-1', 'aa', 0, 'bb', 1, 5)"
)
PLANTED = [
    ("I4", "message 2 never came", "DELETE FROM dead_letter"),
    ("I4", "messages 1 to 2 never came", "DELETE FROM dead_letter; DELETE FROM bed_message WHERE sequence = 1"),
    ("I5", "has no review task", "DELETE FROM review_task WHERE event_id IN (SELECT event_id FROM clip)"),
    ("I5", "which does not exist", "DELETE FROM event WHERE event_id NOT IN (SELECT event_id FROM clip)"),
    ("I5", "was acknowledged, but", "DELETE FROM event WHERE event_id NOT IN (SELECT event_id FROM clip)"),
    ("I6", "lacks objects", "DELETE FROM stored_object"),
    ("I6", "has 7 bytes in the store, not 8", "UPDATE stored_object SET size_bytes = 8"),
    ("I10", "2 jobs nothing of the queue upkeep were due", STANDING_STILL),
    ("I10", "is being done by a worker that is gone", GONE),
    ("I10", "version 3 of what is wanted of bed north.bed-1 never reached", UNTOLD),
    ("I11", "was left alone for two days", LINGERING),
    ("I9", "entry 2 was changed", "UPDATE audit_entry SET who = 'nobody' WHERE number = 2"),
    ("I9", "entry 1 is missing", "DELETE FROM audit_entry WHERE number = 1"),
    ("I9", "its head says", "UPDATE audit_head SET number = number + 1"),
    ("I9", "it is shorter than", "DELETE FROM audit_entry; DELETE FROM audit_head"),
]


@pytest.mark.parametrize(("invariant", "sentence", "fault"), PLANTED, ids=[case[1] for case in PLANTED])
async def test_a_planted_fault_is_named(objects: Objects, invariant: str, sentence: str, fault: str) -> None:
    for statement in fault.split(";"):
        await sql(statement)
    found = await names(objects)
    assert any(name.startswith(invariant) and sentence in name for name in found), found


async def test_a_chain_written_anew_contradicts_the_head_that_is_kept_outside(objects: Objects) -> None:
    for statement in ("DELETE FROM audit_entry", "DELETE FROM audit_head"):
        await sql(statement)
    for _ in range(9):
        async with in_transaction() as connection:
            await audit.record(connection, Principal.system("forger"), "nothing_happened", site="north")
    assert [name for name in await names(objects) if "kept outside" in name]


async def test_a_hole_is_no_fault_while_the_bed_may_still_be_sending(objects: Objects) -> None:
    await tell(7)
    assert await names(objects) == []


async def test_lost_and_spoilt_bytes_are_named(objects: Objects, tmp_path: Path) -> None:
    path = tmp_path / object_key("north", PROXY.sha256)
    path.write_bytes(b"A proxy")
    assert await names(objects) == []
    assert ["other bytes" in name for name in await names(objects, read_data=True)] == [True]
    path.unlink()
    assert ["is not in the store" in name for name in await names(objects)] == [True]


async def test_an_old_object_without_a_row_is_named_and_a_young_one_is_not(objects: Objects, tmp_path: Path) -> None:
    path = tmp_path / object_key("north", "e" * 64)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nobody's")
    assert await names(objects) == []
    old_s = time.time() - ORPHAN_AFTER_S - 60
    os.utime(path, (old_s, old_s))
    assert ["without a row" in name for name in await names(objects)] == [True]


async def test_a_cloud_that_is_stopped_makes_no_progress_and_no_fault(objects: Objects) -> None:
    for statement in STANDING_STILL.split(";")[1:]:
        await sql(statement)
    assert await names(objects) == []


async def test_a_hole_that_bed_and_cloud_cannot_mend_is_shown_and_no_fault(objects: Objects) -> None:
    await sql("DELETE FROM dead_letter")
    assert ["never came" in name for name in await names(objects)] == [True]
    await sql(
        "INSERT INTO difference (site, bed, kind, subject, first_sequence, last_sequence, sentence, state, found_at_ns,"
        " last_at_ns) VALUES ('north', 'bed-1', 'never_seen', '2-2', 2, 2, 'x', 'final', 1, 1)"
    )
    assert await names(objects) == []


async def test_a_bed_with_more_open_clips_than_allowed_is_named(objects: Objects) -> None:
    assert await names(objects, open_clips=1) == []
    await sql("UPDATE clip SET stored_at_ns = NULL")
    assert await names(objects, open_clips=1) == []
    assert ["has 1 open clips" in name for name in await names(objects, open_clips=0)] == [True]


async def test_an_upload_file_that_nobody_removed_is_named(objects: Objects, tmp_path: Path) -> None:
    path = tmp_path / upload_key("north", "bed-1", "e" * 64)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    assert await names(objects) == []
    old_s = time.time() - LEFT_AFTER_S - 60
    os.utime(path, (old_s, old_s))
    assert ["left alone" in name for name in await names(objects)] == [True]


async def test_thousands_of_objects_are_checked_page_by_page(objects: Objects) -> None:
    await sql(
        "INSERT INTO stored_object (site, sha256, size_bytes, stored_at_ns)"
        " SELECT 'north', lpad(to_hex(n), 64, '0'), 1, 1 FROM generate_series(1, 2500) AS n"
    )
    told: list[str] = []
    faults, count = await find_faults(Look(objects, progress=told.append))
    assert (len(faults), count) == (1_000, 2_500)
    assert "2501 of 2501 objects, 0.0 GB read" in told
