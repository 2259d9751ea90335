"""I4 from end to end: what a bed's history says was delivered is compared with what the cloud has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cloud.check import find_faults
from cloud.check_rows import Look
from cloud.clips.tables import Clip, ClipObject, StoredObject
from cloud.ingest.tables import BedMessage, DeadLetter
from cloud.objects import Objects
from cloud.settings import ObjectsSection
from shared.errors import Refused
from shared.history_file import HistoryHead
from shared.ids import uuid7
from shared.reconciliation import Digest, KeptClip, KeptMessage, MessageState, hash_of_objects
from tests.cloud.facts import UTC_NS, Thing, manifest, stored_event

pytestmark = pytest.mark.usefixtures("database")
PROXY = Thing(b"a proxy")
OWNER: dict[str, Any] = {"site": "north", "bed": "bed-1"}


class Bed:
    """Three delivered messages of one event whose clip is stored; the fourth waits, the fifth is dead at the bed."""

    def __init__(self, folder: Path, event_id: UUID) -> None:
        self.path = folder / "history"
        self.objects = Objects(ObjectsSection(url=f"file://{folder / 'objects'}"))
        states = [MessageState.delivered] * 3 + [MessageState.waiting, MessageState.dead]
        self.messages = [
            KeptMessage(sequence=n, event_id=event_id, revision=n, state=state) for n, state in enumerate(states, 1)
        ]
        self.clips = [KeptClip(event_id=event_id, objects_sha256=hash_of_objects([PROXY.sha256]), held=True)]

    async def faults(self, **changes: object) -> list[str]:
        head = HistoryHead(**OWNER, written_utc_ns=UTC_NS)
        page = Digest(
            run=uuid7(UTC_NS), page=0, first=1, last=5, highest=5, messages=self.messages, clips=self.clips
        ).model_copy(update=changes)
        self.path.write_text(f"{head.model_dump_json()}\n{page.model_dump_json()}\n")
        found, _ = await find_faults(Look(self.objects, histories=[self.path]))
        return [fault.sentence for fault in found if fault.invariant == "I4"]


@pytest.fixture
async def bed(tmp_path: Path) -> Bed:
    event_id = await stored_event()
    for sequence in (1, 2, 3):
        await BedMessage.create(
            **OWNER, sequence=sequence, event_id=event_id, revision=sequence, committed_at_ns=UTC_NS
        )
    body = manifest(event_id, [PROXY], [])
    await Clip.create(
        **OWNER, event_id=event_id, manifest=body.model_dump(mode="json"), raw_decision="released", proxies_wanted=1,
        segments_wanted=0, bytes_wanted=7, told_at_ns=1, proxies_stored_at_ns=1, stored_at_ns=1,
    )  # fmt: skip
    await ClipObject.create(
        **OWNER, event_id=event_id, sha256=PROXY.sha256, size_bytes=7, kind="proxy", stream="ir", position=0
    )
    await StoredObject.create(site="north", sha256=PROXY.sha256, size_bytes=7, stored_at_ns=1)
    return Bed(tmp_path, event_id)


async def test_a_history_that_agrees_has_no_fault(bed: Bed) -> None:
    assert await bed.faults() == []


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (
            lambda: BedMessage.filter(sequence=2).delete(),
            "message 2 has a receipt at the bed and is not in the database",
        ),
        (lambda: StoredObject.all().delete(), "lacks objects here"),
        (lambda: Clip.all().update(stored_at_ns=None), "not by the cloud's"),
        (lambda: ClipObject.all().update(sha256="f" * 64), "lacks objects here"),
        (lambda: ClipObject.all().delete(), "not here at all"),
    ],
)
async def test_what_the_cloud_lacks_of_it_is_named(
    bed: Bed, plant: Callable[[], Awaitable[object]], sentence: str
) -> None:
    await plant()
    found = await bed.faults()
    assert any(each.startswith("bed north.bed-1: ") and sentence in each for each in found), found


async def test_other_objects_than_at_the_bed_are_named(bed: Bed) -> None:
    other = [bed.clips[0].model_copy(update={"objects_sha256": "0" * 64})]
    assert ["other objects here" in each for each in await bed.faults(clips=other)] == [True]


async def test_a_number_that_nobody_knows_is_named_unless_it_is_a_dead_letter_here(bed: Bed) -> None:
    told = bed.messages[:3]
    assert [each.partition(": ")[2] for each in await bed.faults(messages=told)] == [
        "message 4 is known to neither the bed nor the cloud", "message 5 is known to neither the bed nor the cloud"
    ]  # fmt: skip
    for sequence in (4, 5):
        await DeadLetter.create(
            **OWNER, topic="t", reason="r", sequence=sequence, payload_start="", payload_bytes=0, digest=str(sequence),
            first_at_ns=1, last_at_ns=1,
        )  # fmt: skip
    assert await bed.faults(messages=told) == []


async def test_a_file_that_is_no_history_is_refused_with_its_line(bed: Bed) -> None:
    await bed.faults()
    bed.path.write_text(bed.path.read_text() + "{}\n")
    with pytest.raises(Refused, match="line 3"):
        await find_faults(Look(bed.objects, histories=[bed.path]))
