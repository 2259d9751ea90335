"""Colour in files of its own: recorded, recovered and checked as one with the rest, and gone before it when its hours are over."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from edge_agent.database import database_path, open_database
from edge_agent.export import span_excerpt
from edge_agent.pulls.account import streams_of
from edge_agent.pulls.spans import HeldSpan
from edge_agent.ring.catalogue import SegmentRow, all_segments, gaps_between, total_hours
from edge_agent.ring.coverage import Account, accounts_between
from edge_agent.ring.pins import oldest_unpinned, pinned_bytes
from edge_agent.ring.promise import Limits, promise
from edge_agent.ring.repair import repair
from edge_agent.ring.ring_check import check_ring
from shared.clock import NS_PER_S
from shared.errors import Transient
from shared.export.excerpt import ExportSummary, export
from shared.frame import RECORDED_STREAMS, Stream, Uint16Image
from shared.gap import GapCause
from shared.imu import ImuSample
from shared.lane import COLOUR_APART, TOGETHER, Lane
from shared.segment import SegmentReader
from shared.segment_records import SegmentHeader, StreamImage
from tests.edge_agent.ring.recording_bed import RecordingBed, desired, evicting
from tests.fakes.clock import OTHER_BOOT, START_MONO_NS, START_UTC_NS, FakeClock

MIB = 1 << 20
SECOND = 30
"""Frames."""


def new_bed(folder: Path, clock: FakeClock | None = None) -> RecordingBed:
    return RecordingBed(folder, clock, colour=True, lanes=COLOUR_APART)


@pytest.fixture
def bed(tmp_path: Path) -> RecordingBed:
    """Three segments of a second each, each in two files."""
    bed = new_bed(tmp_path / "apart")
    for number in range(3):
        bed.play(range(SECOND * number, SECOND * (number + 1)))
        bed.recorder.close_segment()
    return bed


def lanes_of(rows: Iterable[SegmentRow]) -> list[tuple[int, str]]:
    return [(row.sequence, row.lane.value) for row in rows]


def left(bed: RecordingBed) -> list[int]:
    rows = all_segments(bed.connection)
    assert sorted(row.file for row in rows) == sorted(path.name for path in (bed.folder / "segments").iterdir())
    return [row.sequence for row in rows]


class Pictures:
    """An export's writer that notes what it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple[Stream, int, int, bytes]] = []

    def begin(self, header: SegmentHeader, streams: tuple[Stream, ...], *, has_imu: bool) -> None:
        self.streams = streams

    def picture(self, picture: StreamImage, image: Uint16Image | bytes) -> None:
        self.seen.append((picture.stream, picture.index, picture.mono_ns, bytes(image)))

    def imu(self, sample: ImuSample) -> None:
        raise AssertionError

    def finish(self, summary: ExportSummary) -> None:
        self.summary = summary


def exported(folder: Path, start_s: float, end_s: float) -> Pictures:
    writer = Pictures()
    span = (START_UTC_NS + round(start_s * NS_PER_S), START_UTC_NS + round(end_s * NS_PER_S))
    with span_excerpt(folder, *span) as excerpt:
        export(excerpt, writer, lambda *_: None)
    return writer


def test_each_segment_is_a_file_of_colour_and_one_of_the_rest_over_the_same_span(bed: RecordingBed) -> None:
    assert lanes_of(bed.rows()) == [(n, "without_colour" if n % 2 else "colour") for n in range(6)]
    for colour, rest in zip(bed.rows()[::2], bed.rows()[1::2], strict=True):
        assert colour.frames == {Stream.colour: 10}
        assert rest.frames == {Stream.depth: 30, Stream.ir: 30, Stream.preview: 15}
        assert (colour.start_mono_ns, colour.end_mono_ns) == (rest.start_mono_ns, rest.end_mono_ns)
        with SegmentReader(colour.path(bed.folder)) as one, SegmentReader(rest.path(bed.folder)) as other:
            assert (one.header.lane, other.header.lane) == (Lane.colour, Lane.without_colour)
            assert one.clock == other.clock
    assert bed.faults() == []
    assert total_hours(bed.connection) == pytest.approx(3 / 3600, rel=0.01)


def test_a_segment_without_a_colour_picture_is_one_file(tmp_path: Path) -> None:
    bed = new_bed(tmp_path)
    bed.colour = False
    bed.play(range(SECOND))
    bed.stop()
    assert [(row.sequence, row.lane) for row in bed.sealed] == [(1, Lane.without_colour)]
    assert list((tmp_path / "open").iterdir()) == []


@pytest.mark.parametrize("span", [(0, 3), (0.5, 1.7), (1, 2)])
def test_an_export_is_the_same_as_from_whole_files(
    bed: RecordingBed, tmp_path: Path, span: tuple[float, float]
) -> None:
    whole = RecordingBed(tmp_path / "whole", colour=True, lanes=TOGETHER)
    for number in range(3):
        whole.play(range(SECOND * number, SECOND * (number + 1)))
        whole.recorder.close_segment()
    ours, theirs = exported(bed.folder, *span), exported(whole.folder, *span)
    assert ours.seen == theirs.seen
    assert len(ours.seen) > 60
    assert (ours.summary.frames, ours.summary.coverage) == (theirs.summary.frames, theirs.summary.coverage)


def test_colour_leaves_after_its_hours_and_the_rest_stays(bed: RecordingBed) -> None:
    before = {stream: each.recorded_ns for stream, each in accounts_of(bed).items()}
    bed.clock.advance(3600 - 0.5)
    eviction = evicting(bed, 1.0)
    assert [(row.sequence, reason) for row, reason in eviction.turn()] == [(0, "colour_age"), (2, "colour_age")]
    assert not eviction.blocked
    assert left(bed) == [1, 3, 4, 5]
    bed.clock.advance(2)
    eviction.turn()
    assert left(bed) == [1, 3, 5]
    assert bed.faults() == []
    assert gaps_between(bed.connection, bed.clock.boot_id, 0, 1 << 62) == []
    assert {stream: each.recorded_ns for stream, each in accounts_of(bed).items()} == before
    rows = bed.connection.execute("SELECT sequence, lane, end_mono_ns - start_mono_ns FROM evicted").fetchall()
    assert [(row[0], row[1]) for row in rows] == [(4, "colour")]
    assert rows[0][2] == pytest.approx(3 * NS_PER_S, rel=0.01)


def accounts_of(bed: RecordingBed) -> dict[Stream, Account]:
    return accounts_between(bed.connection, bed.clock.boot_id, (START_MONO_NS, START_MONO_NS + 3 * NS_PER_S))


def test_coverage_far_behind_the_end_of_colour_still_knows_that_it_was_recorded(bed: RecordingBed) -> None:
    """The removed span is one row that began long before the span that is asked for."""
    bed.connection.execute(
        "INSERT INTO evicted VALUES (0, ?, 0, ?, 'colour')", (bed.clock.boot_id, START_MONO_NS + 3 * NS_PER_S)
    )
    bed.connection.execute("DELETE FROM segments WHERE lane = 'colour'")
    bed.connection.execute("UPDATE segments SET frames = json_set(frames, '$.colour', 1) WHERE sequence = 5")
    assert accounts_of(bed)[Stream.colour].coverage == pytest.approx(1.0, abs=0.01)


def test_colour_that_an_event_holds_stays(bed: RecordingBed) -> None:
    held = bed.sealed[2]
    bed.connection.execute(
        "INSERT INTO pins VALUES ('e', ?, ?, ?)", (held.boot_id, held.start_mono_ns + 1, held.end_mono_ns - 1)
    )
    assert pinned_bytes(bed.connection) == bed.sealed[2].size_bytes + bed.sealed[3].size_bytes
    bed.clock.advance(3600)
    evicting(bed, 0.5).turn()
    assert left(bed) == [1, 2, 3, 5]
    assert bed.faults() == []
    evicting(bed, 0.5, max_bytes=1).turn()
    assert left(bed) == [2, 3]
    bed.connection.execute("DELETE FROM pins")
    oldest = oldest_unpinned(bed.connection, colour_apart=True)
    assert oldest is not None
    assert oldest.sequence == 2


def test_what_was_gone_before_a_pin_came_excuses_its_own_streams_only(bed: RecordingBed) -> None:
    bed.clock.advance(3600)
    evicting(bed, 0.5).turn()
    row = bed.sealed[1]
    bed.connection.execute("INSERT INTO pins VALUES ('e', ?, ?, ?)", (row.boot_id, row.start_mono_ns, row.end_mono_ns))
    assert bed.faults() == []
    bed.connection.execute(
        "INSERT INTO evicted VALUES (1, ?, ?, ?, 'without_colour')", (row.boot_id, row.start_mono_ns, row.end_mono_ns)
    )
    assert [fault.invariant for fault in check_ring(bed.folder).faults] == ["I3"]


def test_over_its_size_the_oldest_goes_whatever_it_holds(bed: RecordingBed) -> None:
    gone = evicting(bed, 24.0, max_bytes=sum(row.size_bytes for row in bed.sealed[3:])).turn()
    assert [(row.sequence, reason) for row, reason in gone] == [(0, "size"), (1, "size"), (2, "size")]
    assert bed.faults() == []


def test_a_pull_says_that_colour_is_gone(bed: RecordingBed) -> None:
    bed.clock.advance(3600)
    evicting(bed, 0.5).turn()
    part = HeldSpan(bed.clock.boot_id, None, START_MONO_NS, START_MONO_NS + 3 * NS_PER_S, 0)
    streams, evicted = streams_of(bed.connection, part, part.end_ns)
    assert {stream: each.held for stream, each in streams.items()} == {
        Stream.depth: pytest.approx(1.0, abs=0.01), Stream.ir: pytest.approx(1.0, abs=0.01), Stream.colour: 0.0,
    }  # fmt: skip
    assert streams[Stream.colour].evicted == pytest.approx(1.0, abs=0.01)
    assert streams[Stream.depth].evicted == 0.0
    assert evicted == 0.0


def test_the_export_of_a_span_whose_colour_is_gone_holds_the_rest(bed: RecordingBed) -> None:
    bed.clock.advance(3600)
    evicting(bed, 0.5).turn()
    found = exported(bed.folder, 0, 3)
    assert found.streams == (Stream.depth, Stream.ir)
    assert found.summary.frames == {Stream.depth: 90, Stream.ir: 90}


def test_after_a_crash_both_files_are_sealed_and_nothing_is_unaccounted(tmp_path: Path) -> None:
    bed = new_bed(tmp_path)
    bed.play(range(2 * SECOND))
    bed.crash()
    again = new_bed(tmp_path, bed.clock)
    assert lanes_of(again.sealed) == [(0, "colour"), (1, "without_colour")]
    again.play(range(3 * SECOND, 5 * SECOND))
    again.stop()
    rows = RecordingBed(tmp_path, bed.clock)
    assert [row.sequence for row in rows.rows()] == [0, 1, 2, 3]
    assert rows.faults() == []
    gaps = gaps_between(rows.connection, bed.clock.boot_id, 0, 1 << 62)
    assert {(gap.stream, gap.cause) for gap in gaps} == {(stream, GapCause.restart) for stream in RECORDED_STREAMS}


@pytest.mark.parametrize(
    ("file", "lost"), [(min, {Stream.depth, Stream.ir}), (max, {Stream.colour})], ids=["the rest", "colour"]
)
def test_what_was_lost_with_one_of_the_first_two_files_is_a_gap(
    tmp_path: Path, file: Callable[[Iterable[Path]], Path], lost: set[Stream]
) -> None:
    """A power cut between the first flushes of a bed's two files, or a kill between their moves into quarantine."""
    bed = new_bed(tmp_path)
    bed.play(range(2 * SECOND))
    bed.crash()
    gone = file((tmp_path / "open").iterdir())
    gone.rename(tmp_path / "quarantine" / gone.name)
    again = new_bed(tmp_path, bed.clock)
    again.play(range(3 * SECOND, 4 * SECOND))
    gaps = [gap for gap in again.gaps if gap.stream in lost]
    assert {gap.stream for gap in gaps} == lost
    assert {(gap.cause, gap.start_mono_ns, gap.missing_frames) for gap in gaps} == {
        (GapCause.restart, START_MONO_NS, 90 if Stream.depth in lost else 30)
    }


def test_a_camera_without_colour_lacks_none(tmp_path: Path) -> None:
    bed = new_bed(tmp_path)
    bed.colour = False
    bed.recorder.open_session(bed.session())
    bed.play(range(SECOND))
    bed.crash()
    again = RecordingBed(tmp_path, bed.clock, lanes=COLOUR_APART)
    again.play(range(2 * SECOND, 3 * SECOND))
    again.stop()
    assert {gap.stream for gap in again.gaps} == {Stream.depth, Stream.ir}


def test_a_file_that_is_lost_is_a_gap_of_its_own_streams(bed: RecordingBed) -> None:
    lost = bed.sealed[3]
    lost.path(bed.folder).unlink()
    bed.connection.close()
    said: list[str] = []
    repair(bed.folder, bed.clock, said.append)
    connection = open_database(bed.folder)
    gaps = gaps_between(connection, lost.boot_id, 0, 1 << 62)
    assert {(gap.stream, gap.cause) for gap in gaps} == {(each, GapCause.disk) for each in (Stream.depth, Stream.ir)}
    assert check_ring(bed.folder, read_data=True).faults == []


def test_a_new_catalogue_from_the_files_knows_which_hold_colour_alone(bed: RecordingBed) -> None:
    before, hours = lanes_of(bed.rows()), total_hours(bed.connection)
    bed.stop()
    database_path(bed.folder).unlink()
    repair(bed.folder, bed.clock, lambda _: None)
    connection = open_database(bed.folder)
    assert lanes_of(all_segments(connection)) == before
    assert total_hours(connection) == pytest.approx(hours, rel=0.02)
    assert check_ring(bed.folder, read_data=True).faults == []


def test_a_pause_ends_both_files(bed: RecordingBed) -> None:
    bed.play(range(90, 100))
    bed.recorder.obey(desired(2, paused=True))
    assert lanes_of(bed.rows())[-2:] == [(6, "colour"), (7, "without_colour")]
    assert list((bed.folder / "open").iterdir()) == []


def test_what_was_recorded_whole_stays_whole_when_the_site_sets_colours_hours(tmp_path: Path) -> None:
    first = RecordingBed(tmp_path, colour=True)
    first.play(range(SECOND))
    first.stop()
    bed = new_bed(tmp_path, first.clock)
    bed.play(range(2 * SECOND, 3 * SECOND))
    bed.recorder.close_segment()
    assert lanes_of(bed.rows()) == [(0, "whole"), (1, "colour"), (2, "without_colour")]
    assert bed.faults() == []
    bed.clock.advance(3600)
    evicting(bed, 0.5).turn()
    assert left(bed) == [0, 2]
    assert bed.faults() == []


def test_the_promise_counts_room_for_colour_in_its_own_hours_only(bed: RecordingBed) -> None:
    rest = sum(row.size_bytes for row in bed.sealed[1::2]) / 3 * 3600
    colour = sum(row.size_bytes for row in bed.sealed[::2]) / 3 * 3600
    room = round(rest * 10 + colour * 2)
    assert promise(bed.connection, Limits(room, 9, 0, 2.0), 1 << 50).at_risk is None
    assert promise(bed.connection, Limits(room, 10.5, 0, 2.0), 1 << 50).hours_promised == pytest.approx(10, rel=0.01)
    short = promise(bed.connection, Limits(round(rest + colour), 10, 0, 2.0), 1 << 50)
    assert short.hours_promised == pytest.approx(1, rel=0.01)


def test_age_counts_over_boots(bed: RecordingBed) -> None:
    bed.stop()
    later = new_bed(bed.folder, FakeClock(OTHER_BOOT, 3000 * NS_PER_S, START_UTC_NS))
    later.play([0])
    assert [row.sequence for row, _ in evicting(later, 1.0).turn()] == []
    later.clock.advance(700)
    assert [row.sequence for row, _ in evicting(later, 1.0).turn()] == [0, 2, 4]


def test_a_ring_of_the_last_version_goes_on(bed: RecordingBed) -> None:
    """Its tables had no lanes, and its triggers counted without them."""
    rows = bed.rows()
    bed.stop()
    _as_the_last_version(database_path(bed.folder))
    with pytest.raises(Transient, match="start the agent once"):
        check_ring(bed.folder)
    connection = open_database(bed.folder)
    found = all_segments(connection)
    assert [row.sha256 for row in found] == [row.sha256 for row in rows]
    assert {row.lane for row in found} == {Lane.whole}
    hours = total_hours(connection)
    connection.execute("UPDATE segments SET lane = 'colour' WHERE sequence = 0")
    connection.execute("DELETE FROM segments WHERE sequence = 0")
    assert total_hours(connection) == hours
    connection.execute("DELETE FROM segments WHERE sequence = 1")
    assert total_hours(connection) < hours


def _as_the_last_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name IN "
                                   "('segment_came', 'segment_went', 'segment_moved', 'pin_came')").fetchall()  # fmt: skip
        for (name,) in names:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DROP INDEX colour_apart")
        for table in ("segments", "evicted", "pinned_late"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN lane")
        connection.execute(
            "CREATE TRIGGER segment_removed AFTER DELETE ON segments BEGIN UPDATE ring_sums SET segments = segments - 1, "
            "size_bytes = size_bytes - OLD.size_bytes, length_ns = length_ns - OLD.end_mono_ns + OLD.start_mono_ns; END"
        )
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def test_colour_that_comes_late_in_a_recovered_segment_leaves_no_hole(bed: RecordingBed) -> None:
    """The row of a recovered file of colour begins with its first picture, up to a period after the segment."""
    late_ns = bed.sealed[2].start_mono_ns + 3 * NS_PER_S // 10
    bed.connection.execute(
        "UPDATE segments SET start_mono_ns = ?, frames = json_set(frames, '$.colour', 3) WHERE sequence = 2", (late_ns,)
    )
    bed.connection.execute("UPDATE segments SET frames = json_set(frames, '$.colour', 3) WHERE sequence = 0")
    assert [fault for fault in check_ring(bed.folder).faults if fault.invariant == "I7"] == []
