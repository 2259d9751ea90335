"""What the bed tells of its messages, page by page, and what it brings back when the cloud lacks it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from edge_agent.database import open_database
from edge_agent.outbox.history import History
from edge_agent.outbox.store import Outbox
from shared.event import EventReport
from shared.ids import uuid7
from shared.receipt import Receipt, ReceiptKind
from shared.reconciliation import KeptClip, ResendRequest, hash_of_objects
from tests.edge_agent.outbox.reports import BOOT, UTC_NS, make_report

RUN = uuid7(UTC_NS)
SHA = "ab" * 32


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path)) as opened:
        yield opened


@pytest.fixture
def outbox(connection: sqlite3.Connection) -> Outbox:
    return Outbox(connection, "north", "bed-4")


def deliver(outbox: Outbox, report: EventReport) -> int:
    sequence = outbox.record(report, UTC_NS)
    assert sequence is not None
    outbox.receive(
        Receipt(event_id=report.event_id, sequence=sequence, kind=ReceiptKind.stored, committed_utc_ns=1), UTC_NS
    )
    return sequence


def store_clip(connection: sqlite3.Connection, event_id: UUID) -> None:
    """As the uploader leaves a clip of which the cloud said `stored`."""
    manifest = f'{{"segments": [{{"sha256": "{SHA}"}}], "proxies": []}}'
    connection.execute("UPDATE clips SET stage = 'stored', manifest = ? WHERE event_id = ?", (manifest, str(event_id)))
    connection.execute("DELETE FROM pins WHERE event_id = ?", (str(event_id),))


def keep_segment(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO segments VALUES (?, 's', 1, ?, NULL, 0, ?, 0, 0, 1, '{}', 'f', 'whole')", (SHA, BOOT, 10**12)
    )


def wanting(messages: list[int], clips: list[UUID] | None = None, count_from: int = 0) -> ResendRequest:
    return ResendRequest(run=RUN, page=0, messages=messages, clips=clips or [], count_from=count_from)


def test_a_page_tells_what_waits_what_was_delivered_and_what_is_dead(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    deliver(outbox, make_report())
    outbox.record(make_report(), UTC_NS)
    outbox.record(make_report(), UTC_NS)
    outbox.bury(2, "too large", UTC_NS)
    page = History(connection, outbox).page(RUN, 0, None)
    assert [(each.sequence, each.state.value) for each in page.messages] == [
        (1, "delivered"),
        (2, "dead"),
        (3, "waiting"),
    ]
    assert (page.first, page.last, page.highest) == (1, 3, 3)


def test_pages_go_downwards_and_the_last_one_reaches_number_one(connection: sqlite3.Connection, outbox: Outbox) -> None:
    for _ in range(5):
        deliver(outbox, make_report())
    connection.execute("DELETE FROM delivered WHERE sequence IN (1, 4)")
    history = History(connection, outbox)
    newest = history.page(RUN, 0, None, limit=2)
    assert ([each.sequence for each in newest.messages], newest.first, newest.last) == ([3, 5], 3, 5)
    last = history.page(RUN, 1, newest.first - 1, limit=2)
    assert ([each.sequence for each in last.messages], last.first, last.last) == ([2], 1, 2)


def test_a_bed_without_a_history_tells_so(connection: sqlite3.Connection, outbox: Outbox) -> None:
    page = History(connection, outbox).page(RUN, 0, None)
    assert (page.first, page.last, page.highest, page.messages) == (1, 0, 0, [])


def test_what_the_cloud_lacks_waits_again_under_its_old_number_once(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    report = make_report()
    deliver(outbox, report)
    deliver(outbox, make_report("closed", 1, report.event_id))
    history = History(connection, outbox)
    assert history.put_back(wanting([1, 77]), UTC_NS).messages == [1]
    assert history.put_back(wanting([1]), UTC_NS).messages == []
    assert outbox.sequences_after(0) == [1]
    assert b'"phase":"closed"' in (outbox.body(1) or b"")
    deliver(outbox, make_report())
    assert outbox.sequences_after(0) == [1]


def test_a_clip_that_is_still_in_the_ring_is_pinned_and_made_again(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    report = make_report("closed")
    deliver(outbox, report)
    store_clip(connection, report.event_id)
    history = History(connection, outbox)
    told = KeptClip(event_id=report.event_id, objects_sha256=hash_of_objects([SHA]), held=False)
    assert history.page(RUN, 0, None).clips == [told]
    assert history.put_back(wanting([], [report.event_id]), UTC_NS).clips == []
    keep_segment(connection)
    assert history.page(RUN, 0, None).clips == [told.model_copy(update={"held": True})]
    assert history.put_back(wanting([], [report.event_id]), UTC_NS).clips == [report.event_id]
    assert history.put_back(wanting([], [report.event_id]), UTC_NS).clips == []
    assert [row[0] for row in connection.execute("SELECT event_id FROM pins")] == [str(report.event_id)]
    assert [row[0] for row in connection.execute("SELECT stage FROM clips")] == ["recording"]


def test_a_bed_whose_database_was_replaced_goes_on_counting_where_the_cloud_stands(
    connection: sqlite3.Connection, outbox: Outbox
) -> None:
    History(connection, outbox).put_back(wanting([], count_from=56), UTC_NS)
    History(connection, outbox).put_back(wanting([], count_from=12), UTC_NS)
    assert outbox.record(make_report(), UTC_NS) == 57
