"""The outbox: one transaction for event, message and pin; removed by a receipt alone; bounded, and honest when full."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.database import open_database
from edge_agent.outbox.dead_letters import dead_letters, delivery_alarms
from edge_agent.outbox.store import Outbox, ReceiptOutcome
from shared.envelope import unseal
from shared.errors import Refused, Transient
from shared.event import EventPhase, EventReport
from shared.receipt import Receipt, ReceiptKind
from shared.topics import Address, Topic
from tests.edge_agent.outbox.reports import BOOT, UTC_NS, make_report

ADDRESS = Address("north", "bed-4", Topic.event)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path)) as opened:
        yield opened


@pytest.fixture
def outbox(connection: sqlite3.Connection) -> Outbox:
    return Outbox(connection, "north", "bed-4", limit=3)


def receipt(report: EventReport, sequence: int, kind: str = "stored", reason: str = "") -> Receipt:
    return Receipt(
        event_id=report.event_id, sequence=sequence, kind=ReceiptKind(kind), reason=reason, committed_utc_ns=UTC_NS
    )


def pins(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute("SELECT event_id, boot_id, start_mono_ns, end_mono_ns FROM pins")]


def stage(connection: sqlite3.Connection, report: EventReport) -> str:
    found = connection.execute("SELECT stage FROM clips WHERE event_id = ?", (str(report.event_id),)).fetchone()
    return str(found[0])


def test_an_event_its_message_and_its_pin_are_kept_together(connection: sqlite3.Connection, outbox: Outbox) -> None:
    report = make_report()
    sequence = outbox.record(report, UTC_NS)
    assert sequence == 1
    body = outbox.body(1)
    assert body is not None
    envelope, sent = unseal(ADDRESS, body, EventReport)
    assert (sent, envelope.sequence) == (report, 1)
    assert pins(connection) == [(str(report.event_id), BOOT, report.clip_start_mono_ns, report.clip_end_mono_ns)]
    assert outbox.open_events() == [report]


def test_a_failure_in_the_middle_keeps_nothing_and_uses_no_number(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    connection.execute("CREATE TRIGGER broken BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'disk'); END")
    with pytest.raises(sqlite3.IntegrityError):
        outbox.record(make_report(), UTC_NS)
    assert (pins(connection), outbox.open_events(), outbox.waiting()) == ([], [], 0)
    connection.execute("DROP TRIGGER broken")
    assert outbox.record(make_report(), UTC_NS) == 1


def test_a_full_disk_is_a_passing_trouble(connection: sqlite3.Connection) -> None:
    outbox = Outbox(connection, "north", "bed-4")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for _ in range(100):
            outbox.record(make_report(), UTC_NS)

    with pytest.raises(Transient, match="full"):
        fill()
    connection.execute("PRAGMA max_page_count = 1000000")
    kept = outbox.waiting()
    assert outbox.record(make_report(), UTC_NS) == kept + 1


def test_each_phase_moves_the_pin_and_the_close_ends_the_open_event(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    opened = make_report()
    outbox.record(opened, UTC_NS)
    later = make_report("closed", 1, opened.event_id, clip_end_mono_ns=opened.clip_end_mono_ns + 5)
    assert outbox.record(later, UTC_NS) == 2
    assert pins(connection)[0][3] == opened.clip_end_mono_ns + 5
    assert outbox.open_events() == []


@pytest.mark.parametrize(("phase", "revision"), [("updated", 2), ("closed", 1)])
def test_a_report_that_comes_too_late_is_refused(outbox: Outbox, phase: str, revision: int) -> None:
    opened = make_report()
    outbox.record(opened, UTC_NS)
    outbox.record(make_report("closed" if phase == "updated" else "updated", 1, opened.event_id), UTC_NS)
    with pytest.raises(Refused, match="too late"):
        outbox.record(make_report(phase, revision, opened.event_id), UTC_NS)


def test_only_a_receipt_for_that_very_message_removes_it(outbox: Outbox) -> None:
    first, second = make_report(), make_report()
    outbox.record(first, UTC_NS)
    outbox.record(second, UTC_NS)
    assert outbox.receive(receipt(second, 1), UTC_NS) is ReceiptOutcome.mismatched
    assert outbox.receive(receipt(first, 7), UTC_NS) is ReceiptOutcome.unknown
    assert outbox.sequences_after(0) == [1, 2]
    assert outbox.receive(receipt(first, 1), UTC_NS) is ReceiptOutcome.removed
    assert outbox.receive(receipt(first, 1), UTC_NS) is ReceiptOutcome.unknown
    assert outbox.sequences_after(0) == [2]


def test_stored_keeps_the_pin_and_released_ends_it(connection: sqlite3.Connection, outbox: Outbox) -> None:
    kept, released = make_report("closed"), make_report("closed")
    outbox.record(kept, UTC_NS)
    outbox.record(released, UTC_NS)
    outbox.receive(receipt(kept, 1), UTC_NS)
    outbox.receive(receipt(released, 2, "released"), UTC_NS)
    assert [row[0] for row in pins(connection)] == [str(kept.event_id)]
    assert (stage(connection, kept), stage(connection, released)) == ("recording", "released")


def test_an_event_released_while_open_is_not_pinned_again(connection: sqlite3.Connection, outbox: Outbox) -> None:
    opened = make_report()
    outbox.record(opened, UTC_NS)
    outbox.receive(receipt(opened, 1, "released"), UTC_NS)
    outbox.record(make_report("closed", 1, opened.event_id), UTC_NS)
    assert pins(connection) == []


def test_a_refused_message_is_a_dead_letter_that_keeps_its_pin_and_raises_an_alarm(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    report = make_report("closed")
    outbox.record(report, UTC_NS)
    assert delivery_alarms(connection) == []
    assert outbox.receive(receipt(report, 1, "refused", "peak_score: too large."), UTC_NS) is ReceiptOutcome.dead
    letter = dead_letters(connection)[0]
    assert (letter.kind, letter.event_id, letter.sequence) == ("message", str(report.event_id), 1)
    assert "peak_score: too large." in letter.reason
    assert stage(connection, report) == "dead"
    assert len(pins(connection)) == 1
    assert "1 dead letters" in delivery_alarms(connection)[0]


def test_one_refused_report_does_not_condemn_an_event_that_the_cloud_knows(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    opened = make_report()
    outbox.record(opened, UTC_NS)
    outbox.record(make_report("closed", 1, opened.event_id), UTC_NS)
    outbox.receive(receipt(opened, 1, "refused"), UTC_NS)
    outbox.receive(receipt(opened, 2), UTC_NS)
    assert stage(connection, opened) == "recording"


def test_a_full_outbox_parks_new_events_aloud_and_replaces_the_reports_of_those_that_wait(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    opened = make_report()
    for report in (opened, make_report(), make_report()):
        outbox.record(report, UTC_NS)
    parked = make_report()
    assert outbox.record(parked, UTC_NS) is None
    assert [letter.event_id for letter in dead_letters(connection)] == [str(parked.event_id)]
    assert "parked" in delivery_alarms(connection)[0]
    assert len(pins(connection)) == 4
    assert outbox.record(make_report("updated", 1, opened.event_id), UTC_NS) == 1
    assert outbox.record(make_report("closed", 1, parked.event_id), UTC_NS) is None
    outbox.receive(receipt(opened, 1), UTC_NS)
    assert outbox.record(make_report("updated", 2, opened.event_id), UTC_NS) == 4


def test_under_pressure_a_report_takes_the_place_of_the_one_that_waits(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    opened = make_report()
    for report in (opened, make_report(), make_report()):
        outbox.record(report, UTC_NS)
    assert outbox.record(make_report("closed", 1, opened.event_id), UTC_NS) == 1
    assert outbox.waiting() == 3
    body = outbox.body(1)
    assert body is not None
    assert unseal(ADDRESS, body, EventReport)[1].phase is EventPhase.closed
    older = receipt(opened, 1).model_copy(update={"revision": 0})
    assert outbox.receive(older, UTC_NS) is ReceiptOutcome.outdated
    assert outbox.receive(older.model_copy(update={"revision": 1}), UTC_NS) is ReceiptOutcome.removed


def test_under_pressure_an_update_without_a_waiting_message_travels_with_the_close(
    connection: sqlite3.Connection,
) -> None:
    outbox = Outbox(connection, "north", "bed-4", limit=5)
    opened = make_report()
    outbox.record(opened, UTC_NS)
    outbox.receive(receipt(opened, 1), UTC_NS)
    for _ in range(4):
        outbox.record(make_report(), UTC_NS)
    assert outbox.record(make_report("updated", 1, opened.event_id), UTC_NS) is None
    assert {report.event_id: report.revision for report in outbox.open_events()}[opened.event_id] == 1
    assert outbox.record(make_report("closed", 2, opened.event_id), UTC_NS) == 6


def test_bytes_bound_the_outbox_as_well(connection: sqlite3.Connection) -> None:
    outbox = Outbox(connection, "north", "bed-4", limit_bytes=1)
    assert [outbox.record(make_report(), UTC_NS) for _ in range(3)] == [1, None, None]
    outbox.bury(1, "test", UTC_NS)
    assert outbox.fill() == 0


def test_parked_events_are_queued_once_half_of_the_outbox_is_free(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    first, second, third = (make_report() for _ in range(3))
    for report in (first, second, third):
        outbox.record(report, UTC_NS)
    parked = make_report()
    outbox.record(parked, UTC_NS)
    outbox.record(make_report("closed", 1, parked.event_id), UTC_NS)
    assert outbox.queue_parked(UTC_NS) == []
    outbox.receive(receipt(first, 1), UTC_NS)
    outbox.receive(receipt(second, 2), UTC_NS)
    assert outbox.queue_parked(UTC_NS) == [4]
    body = outbox.body(4)
    assert body is not None
    assert unseal(ADDRESS, body, EventReport)[1].phase is EventPhase.closed
    assert dead_letters(connection) == []


def test_a_message_that_cannot_be_sent_is_put_aside(connection: sqlite3.Connection, outbox: Outbox) -> None:
    outbox.record(make_report("closed"), UTC_NS)
    outbox.bury(1, "The broker takes 100 bytes at most.", UTC_NS)
    assert outbox.waiting() == 0
    assert dead_letters(connection)[0].reason == "The broker takes 100 bytes at most."


def test_the_session_counter_grows_over_restarts(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        with closing(open_database(tmp_path)) as connection:
            assert Outbox(connection, "north", "bed-4").next_session() == expected
