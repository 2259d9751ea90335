"""Clips from the database to `ready`: oldest first, few at a time, dropped when released, patient with a full disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from edge_agent.clips.proxy_maker import ProxyMaker
from edge_agent.clips.store import ClipStore
from edge_agent.database import open_database
from edge_agent.outbox.dead_letters import dead_letters
from edge_agent.outbox.store import Outbox
from shared.clock import NS_PER_S
from shared.event import EventReport
from shared.frame import Stream
from shared.ids import uuid7
from shared.receipt import Receipt, ReceiptKind
from tests.edge_agent.hand_clock import UTC_NS, HandClock
from tests.edge_agent.outbox.reports import make_report
from tests.edge_agent.ring_files import add_segment, make_folder, make_frames


class Bed:
    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.connection = connection
        self.clock = HandClock(mono_s=100)
        self.outbox = Outbox(connection, "north", "bed-4")
        self.store = ClipStore(connection)
        self.maker = ProxyMaker(folder, connection, self.clock, 0)
        self.made: list[UUID] = []
        self.troubles: list[str] = []
        self.minted = 0

    def event(self, start_s: float, end_s: float) -> EventReport:
        self.minted += 1
        start_ns, end_ns = round(start_s * NS_PER_S), round(end_s * NS_PER_S)
        report = make_report(
            "closed", event_id=uuid7(UTC_NS + self.minted * NS_PER_S), clip_start_mono_ns=start_ns,
            start_mono_ns=start_ns, end_mono_ns=end_ns, clip_end_mono_ns=end_ns,
        )  # fmt: skip
        self.outbox.record(report, UTC_NS)
        return report

    def work(self) -> None:
        while True:
            turn = self.maker.turn()
            self.troubles += turn.troubles
            if turn.ready is not None:
                self.made.append(turn.ready)
            if not turn.busy:
                return


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    folder = make_folder(tmp_path / "bed")
    with closing(open_database(folder)) as connection:
        add_segment(folder, connection, make_frames(10, 12))
        yield Bed(folder, connection)


def test_closed_events_become_ready_clips_oldest_first(bed: Bed) -> None:
    reports = [bed.event(10, 11), bed.event(10.5, 11.5), bed.event(11, 12)]
    bed.work()
    assert bed.made == [report.event_id for report in reports]
    manifest = bed.store.manifest(reports[0].event_id)
    assert manifest is not None
    assert {proxy.stream for proxy in manifest.proxies} == {Stream.depth, Stream.ir}
    assert bed.store.proxies_in_use() >= {proxy.sha256 for proxy in manifest.proxies}


def test_a_clip_is_sent_only_once_the_cloud_knows_its_event(bed: Bed) -> None:
    report = bed.event(10, 11)
    bed.work()
    assert bed.store.to_send() == []
    stored = Receipt(event_id=report.event_id, sequence=1, kind=ReceiptKind.stored, committed_utc_ns=UTC_NS)
    bed.outbox.receive(stored, UTC_NS)
    assert bed.store.to_send() == [report.event_id]
    assert bed.store.waiting() == 1


def test_a_clip_that_was_released_meanwhile_is_not_made(bed: Bed) -> None:
    report = bed.event(10, 11)
    bed.maker.turn()
    released = Receipt(event_id=report.event_id, sequence=1, kind=ReceiptKind.released, committed_utc_ns=UTC_NS)
    bed.outbox.receive(released, UTC_NS)
    bed.work()
    assert bed.made == []
    assert list((bed.folder / "proxies").iterdir()) == []


def test_a_disk_that_takes_nothing_is_tried_again_later(bed: Bed) -> None:
    bed.event(10, 11)
    (bed.folder / "proxies").rename(bed.folder / "elsewhere")
    bed.work()
    assert "cannot be written now" in bed.troubles[0]
    (bed.folder / "elsewhere").rename(bed.folder / "proxies")
    bed.work()
    assert bed.made == []
    bed.clock.advance(10)
    bed.work()
    assert len(bed.made) == 1


@pytest.mark.parametrize("stored", [True, False])
def test_the_pin_ends_when_the_clip_is_done(bed: Bed, stored: bool) -> None:
    report = bed.event(10, 11)
    bed.work()
    bed.store.finish(report.event_id, stored=stored)
    assert bed.connection.execute("SELECT count(*) FROM pins").fetchone()[0] == 0
    assert bed.store.proxies_in_use() == set()


def test_a_buried_clip_keeps_its_pin_and_is_a_visible_dead_letter(bed: Bed) -> None:
    report = bed.event(10, 11)
    bed.work()
    bed.store.bury(report.event_id, "422: too many segments", UTC_NS)
    assert bed.connection.execute("SELECT count(*) FROM pins").fetchone()[0] == 1
    assert [(letter.kind, letter.reason) for letter in dead_letters(bed.connection)] == [
        ("clip", "422: too many segments")
    ]
    assert bed.store.waiting() == 0


def test_finished_events_are_forgotten_but_for_the_newest(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.clips.store.KEPT_FINISHED", 2)
    reports = [bed.event(10, 11) for _ in range(4)]
    for sequence, report in enumerate(reports, start=1):
        stored = Receipt(event_id=report.event_id, sequence=sequence, kind=ReceiptKind.stored, committed_utc_ns=UTC_NS)
        bed.outbox.receive(stored, UTC_NS)
        bed.store.finish(report.event_id, stored=True)
    kept = [row[0] for row in bed.connection.execute("SELECT event_id FROM events ORDER BY 1")]
    assert kept == [str(report.event_id) for report in reports[2:]]


def test_the_hourly_sweep_spares_what_is_being_made_and_what_is_to_be_sent(bed: Bed) -> None:
    bed.event(10, 11)
    bed.work()
    needed = {path.name for path in (bed.folder / "proxies").iterdir()}
    bed.event(10, 12)
    bed.maker.turn()
    (bed.folder / "proxies" / f"{'0' * 64}.mp4").write_bytes(b"nobody's")
    assert bed.maker.sweep() == 1
    assert needed < {path.name for path in (bed.folder / "proxies").iterdir()}
    bed.work()
    assert len(bed.made) == 2
