"""A bed's messages, from bytes to rows and receipts, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from cloud.audit.tables import AuditEntry
from cloud.clips.tables import Event
from cloud.devices.tables import Bed, BedConnection, BedHeartbeat
from cloud.ingest import service
from cloud.ingest.rules import Incoming
from cloud.ingest.tables import BedMessage, DeadLetter
from cloud.review.tables import ReviewTask
from shared.contract import Contract
from shared.envelope import seal
from shared.event import EventPhase, EventReport
from shared.heartbeat import BedState, Heartbeat
from shared.topics import Address, Topic
from tests.cloud.facts import BOOT, UTC_NS, report

pytestmark = pytest.mark.usefixtures("database")


def message(body: Contract, sequence: int = 1, bed: str = "bed-1", topic: Topic = Topic.event) -> Incoming:
    address = Address("north", bed, topic)
    return Incoming(address.text, seal(address, body, UTC_NS, sequence=sequence))


def changed(incoming: Incoming, **fields: Any) -> Incoming:
    return Incoming(incoming.topic, json.dumps(json.loads(incoming.payload) | fields).encode())


async def take(incoming: Incoming) -> tuple[Address, Any] | None:
    """The answer; a receipt's contract is what the tests look at."""
    return await service.Taker(clip_overdue_s=600).take(incoming)


async def jobs() -> list[str]:
    async with in_transaction() as connection:
        rows = await connection.execute_query_dict("SELECT task_name FROM procrastinate_jobs")
    return [str(row["task_name"]) for row in rows]


async def test_an_event_leaves_one_row_one_task_one_job_and_a_receipt() -> None:
    body = report(revision=0, phase=EventPhase.opened)
    reply = await take(message(body))
    assert reply is not None
    address, receipt = reply
    assert (address.text, receipt.kind.value, receipt.sequence) == ("deepepil/v1/north/bed-1/receipt", "stored", 1)
    event = await Event.get(event_id=body.event_id)
    assert EventReport.model_validate({name: getattr(event, name) for name in EventReport.model_fields}) == body
    assert await ReviewTask.filter(event_id=body.event_id, site="north").count() == 1
    assert await jobs() == ["watch_clip"]
    assert [entry.deed for entry in await AuditEntry.all()] == ["event_stored"]
    assert await Bed.filter(site="north", name="bed-1").exists()


async def test_the_same_message_again_has_no_effect_but_the_same_receipt() -> None:
    incoming = message(report())
    first = await take(incoming)
    assert await take(incoming) == first
    assert [await table.all().count() for table in (Event, BedMessage, ReviewTask, AuditEntry)] == [1, 1, 1, 1]
    assert await jobs() == ["watch_clip"]


async def test_twenty_copies_at_once_leave_one_of_each() -> None:
    incoming = message(report())
    replies = await asyncio.gather(*(take(incoming) for _ in range(20)))
    assert len(set(replies)) == 1
    assert [await table.all().count() for table in (Event, BedMessage, ReviewTask, AuditEntry)] == [1, 1, 1, 1]


async def test_reports_in_any_order_end_in_the_highest_revision() -> None:
    opened = report(revision=0, phase=EventPhase.opened, end_mono_ns=110 * 10**9)
    closed = report(event_id=opened.event_id)
    for body, sequence in ((closed, 3), (opened, 1)):
        reply = await take(message(body, sequence))
        assert reply is not None
        assert (reply[1].kind.value, reply[1].sequence) == ("stored", sequence)
    event = await Event.get(event_id=opened.event_id)
    assert (event.phase, event.revision, event.sequence, event.end_mono_ns) == ("closed", 2, 3, closed.end_mono_ns)
    assert await BedMessage.all().count() == 2


async def test_another_bed_cannot_touch_an_event() -> None:
    body = report()
    await take(message(body))
    reply = await take(message(report(event_id=body.event_id, revision=9, peak_score=0.1), bed="bed-2"))
    assert reply is not None
    assert reply[1].kind.value == "refused"
    event = await Event.get(event_id=body.event_id)
    assert (event.bed, event.revision) == ("bed-1", 2)
    assert await BedMessage.filter(bed="bed-2").count() == 0
    assert [entry.deed for entry in await AuditEntry.all().order_by("id")] == ["event_stored", "message_refused"]


BAD: list[tuple[str, Any]] = [
    ("a foreign source", lambda m: changed(m, source="/deepepil/north/bed-2")),
    ("another type", lambda m: changed(m, type="deepepil.heartbeat.v1")),
    ("no number", lambda m: changed(m, sequence=0)),
    ("a number beyond all receipts", lambda m: changed(m, sequence=2**40)),
    ("a nameless field", lambda m: changed(m, more=1)),
    ("not JSON", lambda m: Incoming(m.topic, b"\xff\x00 nonsense")),
    ("NaN", lambda m: Incoming(m.topic, m.payload.replace(b"0.93", b"NaN"))),
    ("a NUL in a text", lambda m: Incoming(m.topic, m.payload.replace(b"tonic_clonic", b"tonic\\u0000"))),
    ("a lone surrogate", lambda m: Incoming(m.topic, m.payload.replace(b"tonic_clonic", b"\\ud800"))),
    (
        "an integer without end",
        lambda m: Incoming(m.topic, m.payload.replace(b'"revision":2', b'"revision":' + b"9" * 99)),
    ),
    ("too long", lambda m: Incoming(m.topic, m.payload + b" " * 70_000)),
    ("a foreign topic", lambda m: Incoming("deepepil/v2/north/bed-1/event", m.payload)),
    ("a topic that no bed writes", lambda m: Incoming("deepepil/v1/north/bed-1/receipt", m.payload)),
    ("a topic with NUL", lambda m: Incoming("deepepil/v1/no\x00rth/bed-1/event", m.payload)),
]


@pytest.mark.parametrize("spoil", [case[1] for case in BAD], ids=[case[0] for case in BAD])
async def test_a_bad_message_becomes_one_dead_letter_and_nothing_else(spoil: Any) -> None:
    incoming = spoil(message(report()))
    for _ in range(2):
        reply = await take(incoming)
        assert reply is None or reply[1].kind.value == "refused"
    assert await Event.all().count() == 0
    letters = await DeadLetter.all()
    assert [(letter.times, bool(letter.reason)) for letter in letters] == [(2, True)]
    assert await AuditEntry.filter(deed="message_refused").count() == 1


async def test_a_will_of_an_older_session_changes_nothing() -> None:
    for online, session in ((True, 5), (False, 4)):
        await take(message(BedState(online=online, session=session, version="1"), topic=Topic.state))
    row = await BedConnection.get(site="north", bed="bed-1")
    assert (row.online, row.session) == (True, 5)
    await take(message(BedState(online=False, session=5, version="1"), topic=Topic.state))
    assert not (await BedConnection.get(site="north", bed="bed-1")).online


def _heartbeat(mono_ns: int, boot_id: str = BOOT) -> Heartbeat:
    return Heartbeat(
        boot_id=boot_id, mono_ns=mono_ns, utc_ns=UTC_NS, version="1", release=None, stay_id=None, paused=False,
        camera="open", coverage_1h={}, last_frame_age_s=0, last_score=None, ring_bytes=0, ring_hours=0,
        promise_hours=0, disk_free_bytes=0, outbox_waiting=0, clips_waiting=0, pinned_bytes=0, dropped_frames=0,
        alarms=[], processes=[],
    )  # fmt: skip


async def test_the_newest_heartbeat_is_kept() -> None:
    other_boot = "0" * 36
    for mono_ns, boot_id in ((50, BOOT), (40, BOOT), (7, other_boot)):
        await take(message(_heartbeat(mono_ns, boot_id), topic=Topic.heartbeat))
        body = (await BedHeartbeat.get(site="north", bed="bed-1")).body
        assert body["mono_ns"] == (50 if boot_id == BOOT else 7)


async def test_a_bed_keeps_its_newest_dead_letters_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "DEAD_LETTERS_A_BED", 3)
    for number in range(5):
        await take(Incoming("deepepil/v1/north/bed-1/event", b"%d" % number))
    assert sorted(letter.payload_start for letter in await DeadLetter.all()) == ["2", "3", "4"]


async def test_a_batch_is_one_transaction_and_each_message_has_its_own_answer() -> None:
    opened, other = report(revision=0, phase=EventPhase.opened), report()
    batch = [
        message(opened, 1),
        message(report(event_id=opened.event_id), 2),
        Incoming("deepepil/v1/north/bed-1/event", b"nonsense"),
        message(other, 1, bed="bed-2"),
        message(opened, 1),
        message(BedState(online=True, session=1, version="1"), topic=Topic.state),
    ]
    taker = service.Taker(600)
    replies = await taker.take_all(batch)
    told = [None if reply is None else (reply[0].bed, reply[1].model_dump()["revision"]) for reply in replies]
    assert told == [("bed-1", 0), ("bed-1", 2), None, ("bed-2", 2), ("bed-1", 0), None]
    assert {(row.event_id, row.revision, row.sequence) for row in await Event.all()} == {
        (opened.event_id, 2, 2),
        (other.event_id, 2, 1),
    }
    assert await jobs() == ["watch_clip", "watch_clip"]
    assert await ReviewTask.all().count() == 2
    assert await BedConnection.all().count() == 1
    again = await taker.take_all(batch)
    assert again == replies
    assert taker.stored == 3


async def test_two_beds_that_claim_one_event_in_one_batch_end_with_the_first() -> None:
    body = report()
    replies = await service.Taker(600).take_all([message(body, 1), message(body, 1, bed="bed-2")])
    assert [reply and reply[1].model_dump()["kind"].value for reply in replies] == ["stored", "refused"]
    assert [(row.bed, row.sequence) for row in await BedMessage.all()] == [("bed-1", 1)]


async def test_what_the_database_will_never_keep_is_refused_for_good_and_harms_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cloud.ingest.event_batch.audit.record_all", _out_of_range)
    reply = await take(message(report()))
    assert reply is not None
    assert reply[1].kind.value == "refused"
    assert "cannot keep this message" in reply[1].reason
    assert [await table.all().count() for table in (Event, BedMessage, ReviewTask)] == [0, 0, 0]
    assert await DeadLetter.all().count() == 1


async def _out_of_range(connection: Any, *_: Any) -> None:
    """PostgreSQL's own refusal of a value."""
    await connection.execute_query("SELECT 3000000000::bigint::int")


async def test_a_value_that_the_driver_cannot_encode_is_no_database_that_is_away() -> None:
    with pytest.raises(Exception, match=r"\$1|int32|range") as caught:
        async with in_transaction() as connection:
            await connection.execute_query("SELECT $1::int", [2**40])
    assert service.is_permanent(caught.value)
    assert not service.is_permanent(ConnectionRefusedError("away"))


async def test_a_flood_of_bad_messages_leaves_few_audit_entries_and_counts_the_others() -> None:
    now_ns = 0
    taker = service.Taker(600, lambda: now_ns)
    await taker.take_all([Incoming("deepepil/v1/north/bed-1/event", b"%d" % number) for number in range(30)])
    assert await AuditEntry.filter(deed="message_refused").count() == 10
    assert await DeadLetter.all().count() == 30
    now_ns = 11 * 10**9
    await taker.take(Incoming("deepepil/v1/north/bed-1/event", b"one more"))
    newest = await AuditEntry.filter(deed="message_refused").order_by("-number").first()
    assert newest is not None
    assert newest.details["not_written_before"] == 20
