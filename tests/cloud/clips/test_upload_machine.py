"""Any order of requests of two beds for the same objects, right and wrong: the store holds what the hashes say, or nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.clips import folder_upload, transfer
from cloud.clips.service import Caller, ClipParts, accept_manifest
from cloud.clips.tables import StoredObject
from cloud.database import DatabaseAddress, in_transaction, open_tables
from cloud.objects import Objects, object_key, upload_key
from cloud.problems import HttpProblem
from cloud.settings import ObjectsSection
from shared import clip
from shared.clip import RawPolicy
from shared.errors import Refused, Transient
from shared.ids import uuid7
from tests.cloud.facts import UTC_NS, Thing, manifest, stored_event

CHUNK = 64
"""Chunks of 64 bytes, so that a sequence costs next to nothing; the code is the same."""
BEDS = ("bed-1", "bed-2")
THINGS = [Thing(b""), Thing(b"a" * 10), Thing(b"b" * CHUNK), Thing(b"c" * CHUNK + b"d" * 7), Thing(b"e" * 3 * CHUNK)]
REFUSALS = (HttpProblem, Refused, Transient)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(BEDS), st.sampled_from(THINGS), st.integers(-1, 3), st.sampled_from(
            ["right", "right", "right", "wrong bytes", "short", "long", "wrong hash", "cut"]
        )),
        st.tuples(st.just("complete"), st.sampled_from(BEDS), st.sampled_from(THINGS), st.just(0), st.just("")),
        st.tuples(st.sampled_from(["rot", "lose"]), st.sampled_from(BEDS), st.sampled_from(THINGS), st.just(0), st.just("")),
    ),
    max_size=25,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (clip, transfer, folder_upload):
        monkeypatch.setattr(module, "CHUNK_BYTES", CHUNK)


async def _no_verdict(_event_id: object) -> None:
    return None


async def _pieces(body: bytes, cut: bool) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    if cut:
        raise HttpProblem(408, "cut")
    yield body[len(body) // 2 :]


class World:
    """The cloud over a folder, and what must be true of it."""

    def __init__(self, folder: Path) -> None:
        self.objects = Objects(ObjectsSection(url=f"file://{folder}"))
        self.parts = ClipParts.of(self.objects, lambda _site: RawPolicy.always, _no_verdict)
        self.folder = folder

    async def expect(self) -> None:
        for number, bed in enumerate(BEDS):
            event_id = await stored_event(bed=bed, event_id=uuid7(UTC_NS + number))
            await accept_manifest(self.parts, Caller("north", bed), manifest(event_id, [], THINGS))

    async def put(self, bed: str, thing: Thing, number: int, mood: str) -> None:
        body = thing.body[number * CHUNK : (number + 1) * CHUNK] if number >= 0 else b""
        told = hashlib.sha256(body).hexdigest() if mood != "wrong hash" else "0" * 64
        if mood == "wrong bytes":
            body = bytes(len(body))
            told = hashlib.sha256(body).hexdigest()
        sent = {"short": body[:-1], "long": body + b"x"}.get(mood, body)
        place = (thing.sha256, thing.size_bytes, number)
        await transfer.take_chunk(self.parts, Caller("north", bed), place, told, _pieces(sent, mood == "cut"))

    def spoil(self, bed: str, thing: Thing, deed: str) -> None:
        path = self.folder / upload_key("north", bed, thing.sha256)
        if not path.exists():
            return
        if deed == "lose":
            path.unlink()
            return
        with path.open("r+b") as file:
            file.write(b"\xff")

    async def must_hold(self) -> None:
        stored = {row.sha256 for row in await StoredObject.all()}
        for thing in THINGS:
            path = self.folder / object_key("north", thing.sha256)
            assert (thing.sha256 in stored) <= path.exists()
            if thing.sha256 in stored:
                assert path.read_bytes() == thing.body

    async def bring_all(self) -> None:
        """However bad it was: the right bytes end it, with every chunk sent twice at most."""
        for thing in THINGS:
            for _ in range(4):
                lacking = await transfer.complete_object(
                    self.parts, Caller("north", "bed-1"), thing.sha256, thing.size_bytes
                )
                if lacking is None:
                    break
                for number in lacking.chunks:
                    await self.put("bed-1", thing, number, "right")
            assert lacking is None


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_nothing_wrong_is_ever_stored_and_the_right_bytes_always_are_at_last(
    migrated_database: DatabaseAddress,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, str, Thing, int, str]],
) -> None:
    async def run() -> None:
        async with open_tables(migrated_database, connections=4):
            async with in_transaction() as connection:
                await connection.execute_script("TRUNCATE event, clip, clip_object, stored_object, received_chunk")
            world = World(tmp_path_factory.mktemp("store"))
            await world.expect()
            for deed, bed, thing, number, mood in steps:
                try:
                    if deed == "put":
                        await world.put(bed, thing, number, mood)
                    elif deed == "complete":
                        caller = Caller("north", bed)
                        await transfer.complete_object(world.parts, caller, thing.sha256, thing.size_bytes)
                    else:
                        world.spoil(bed, thing, deed)
                except REFUSALS:
                    pass
                await world.must_hold()
            await world.bring_all()
            await world.must_hold()
            assert len(await StoredObject.all()) == len(THINGS)

    asyncio.run(run())
