"""A real bed's outbox and a real database that forgets: after yesterday's backup everything is back, or named as lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from tortoise import Tortoise

from cloud.audit.tables import AuditEntry
from cloud.clips.tables import Clip, ClipObject, Event, StoredObject
from cloud.ingest.rules import Incoming
from cloud.ingest.service import Taker
from cloud.ingest.tables import BedMessage, DeadLetter, DifferenceRow
from cloud.review.tables import ReviewTask
from edge_agent.database import open_database
from edge_agent.outbox.history import History
from edge_agent.outbox.store import Outbox
from shared.contract import Contract
from shared.envelope import seal
from shared.ids import uuid7
from shared.receipt import Receipt
from shared.reconciliation import ResendRequest
from shared.topics import Address, Topic
from tests.edge_agent.outbox.reports import BOOT, UTC_NS, make_report

pytestmark = pytest.mark.usefixtures("database")
SITE, BED = "north", "bed-1"
SHA, PROXY = "ab" * 32, "cd" * 32
TABLES = "event, review_task, bed_message, dead_letter, clip, clip_object, procrastinate_jobs, difference, audit_entry, audit_head"


class Wire:
    """A bed's outbox and the cloud's taker, joined without a broker."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.outbox = Outbox(connection, SITE, BED)
        self.history = History(connection, self.outbox)
        self.taker = Taker(600)

    async def _tell(self, topic: Topic, body: bytes) -> Contract:
        reply = await self.taker.take(Incoming(Address(SITE, BED, topic).text, body))
        assert reply is not None
        return reply[1]

    async def drain(self) -> list[int]:
        """All that waits goes; returns the numbers that were sent."""
        sent = self.outbox.sequences_after(0)
        for sequence in sent:
            receipt = await self._tell(Topic.event, self.outbox.body(sequence) or b"")
            assert isinstance(receipt, Receipt)
            self.outbox.receive(receipt, UTC_NS)
        return sent

    async def compare(self) -> ResendRequest:
        """One page, and what the bed does upon the answer."""
        page = self.history.page(uuid7(UTC_NS), 0, None)
        answer = await self._tell(Topic.digest, seal(Address(SITE, BED, Topic.digest), page, UTC_NS))
        assert isinstance(answer, ResendRequest)
        self.history.put_back(answer, UTC_NS)
        return answer


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    with closing(open_database(tmp_path)) as connection:
        yield Wire(connection)


async def sql(query: str) -> None:
    await Tortoise.get_connection("default").execute_script(query)


async def differences() -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in await DifferenceRow.all().order_by("id")]


async def store_clip(wire: Wire, event_id: UUID) -> None:
    """As uploader and cloud leave a clip that is stored."""
    manifest = f'{{"segments": [{{"sha256": "{SHA}"}}], "proxies": [{{"sha256": "{PROXY}"}}]}}'
    wire.connection.execute(
        "UPDATE clips SET stage = 'stored', manifest = ? WHERE event_id = ?", (manifest, str(event_id))
    )
    await Clip.create(
        event_id=event_id, site=SITE, bed=BED, manifest={}, raw_decision="send", proxies_wanted=1, segments_wanted=1,
        bytes_wanted=2, told_at_ns=1, stored_at_ns=1,
    )  # fmt: skip
    for position, (sha256, kind) in enumerate(((PROXY, "proxy"), (SHA, "segment"))):
        await ClipObject.create(
            event_id=event_id, site=SITE, bed=BED, sha256=sha256, size_bytes=1, kind=kind, position=position
        )
        await StoredObject.create(site=SITE, sha256=sha256, size_bytes=1, stored_at_ns=1)


async def test_after_yesterdays_backup_was_restored_every_event_comes_back_once(wire: Wire) -> None:
    before, after = make_report("closed"), make_report()
    wire.outbox.record(before, UTC_NS)
    await wire.drain()
    for table in TABLES.split(", "):
        await sql(f"DROP TABLE IF EXISTS backup_{table}; CREATE TABLE backup_{table} AS TABLE {table}")
    wire.outbox.record(after, UTC_NS)
    wire.outbox.record(make_report("closed", 1, after.event_id), UTC_NS)
    assert await wire.drain() == [2, 3]
    for table in reversed(TABLES.split(", ")):
        await sql(f"TRUNCATE {table} CASCADE; INSERT INTO {table} TABLE backup_{table}; DROP TABLE backup_{table}")
    assert await Event.all().count() == 1

    assert (await wire.compare()).messages == [2, 3]
    assert await differences() == [("event_lost", "open")]
    assert await wire.drain() == [2, 3]
    events = {row.event_id: row.phase for row in await Event.all()}
    assert events == {before.event_id: "closed", after.event_id: "closed"}
    assert await ReviewTask.all().count() == 2
    assert sorted(row.sequence for row in await BedMessage.all()) == [1, 2, 3]
    assert (await wire.compare()).messages == []
    assert await differences() == [("event_lost", "resolved")]
    assert [entry.deed for entry in await AuditEntry.filter(deed="histories_compared")] == ["histories_compared"] * 2


async def test_a_stored_clip_that_is_gone_is_asked_for_while_its_segments_are_in_the_ring(wire: Wire) -> None:
    report = make_report("closed")
    wire.outbox.record(report, UTC_NS)
    await wire.drain()
    await store_clip(wire, report.event_id)
    assert (await wire.compare()).clips == []
    await StoredObject.filter(sha256=SHA).delete()
    assert (await wire.compare()).clips == []
    assert await differences() == [("clip_lost", "final")]
    wire.connection.execute(
        "INSERT INTO segments (sha256, segment_id, sequence, boot_id, start_mono_ns, end_mono_ns, start_utc_ns, end_utc_ns,"
        " size_bytes, frames, file) VALUES (?, 's', 1, ?, 0, ?, 0, 0, 1, '{}', 'f')",
        (SHA, BOOT, 10**12),
    )
    assert (await wire.compare()).clips == [report.event_id]
    assert [row[0] for row in wire.connection.execute("SELECT stage FROM clips")] == ["recording"]
    await StoredObject.create(site=SITE, sha256=SHA, size_bytes=1, stored_at_ns=1)
    await wire.compare()
    assert await differences() == [("clip_lost", "resolved")]


async def test_what_neither_side_knows_is_named_and_what_is_dead_at_the_bed_is_explained(wire: Wire) -> None:
    for _ in range(6):
        wire.outbox.record(make_report(), UTC_NS)
    wire.outbox.bury(2, "too large for the broker", UTC_NS)
    wire.connection.execute("DELETE FROM messages WHERE sequence IN (4, 5)")
    await wire.drain()
    await wire.compare()
    await wire.compare()
    assert [(row.kind, row.subject) for row in await DifferenceRow.all()] == [("never_seen", "4-5")]
    assert [letter.sequence for letter in await DeadLetter.all()] == [2]
    assert await AuditEntry.filter(deed="histories_compared").count() == 1


async def test_a_bed_with_a_new_database_goes_on_counting_above_its_old_numbers(wire: Wire, tmp_path: Path) -> None:
    for _ in range(3):
        wire.outbox.record(make_report(), UTC_NS)
    await wire.drain()
    (tmp_path / "new").mkdir()
    with closing(open_database(tmp_path / "new")) as connection:
        replaced = Wire(connection)
        assert (await replaced.compare()).count_from == 3
        assert await differences() == [("count_behind", "open")]
        assert replaced.outbox.record(make_report(), UTC_NS) == 4
        await replaced.drain()
        await replaced.compare()
        assert await differences() == [("count_behind", "resolved")]


async def test_the_history_of_another_bed_is_not_touched(wire: Wire) -> None:
    report = make_report()
    wire.outbox.record(report, UTC_NS)
    await wire.drain()
    page = wire.history.page(uuid7(UTC_NS), 0, None)
    other = Address(SITE, "bed-2", Topic.digest)
    reply = await wire.taker.take(Incoming(other.text, seal(other, page, UTC_NS)))
    assert reply is not None
    assert isinstance(reply[1], ResendRequest)
    assert reply[1].messages == [1]
    assert [row.bed for row in await DifferenceRow.all()] == ["bed-2"]
    forged = Incoming(other.text, seal(Address(SITE, BED, Topic.digest), page, UTC_NS))
    assert await wire.taker.take(forged) is None
    assert await DeadLetter.all().count() == 1
