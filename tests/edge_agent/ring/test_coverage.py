"""Coverage is recorded of wanted: scattered gaps count by frames, pauses are not wanted, and every nanosecond is somewhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.database import open_database, transaction
from edge_agent.ring.catalogue import SegmentRow, insert_gap, insert_segment
from edge_agent.ring.coverage import Loss, Rows, account, accounts_between
from edge_agent.ring.coverage_hours import HOUR_NS, CoverageHours
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.ids import uuid7
from tests.edge_agent.ring.recording_bed import RecordingBed, desired
from tests.fakes.clock import BOOT, OTHER_BOOT, START_MONO_NS, START_UTC_NS, FakeClock

S = NS_PER_S
OFFSET_NS = START_UTC_NS - START_MONO_NS


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return open_database(tmp_path)


def add_segment(
    connection: sqlite3.Connection,
    number: int,
    start_ns: int,
    end_ns: int,
    boot: str = BOOT,
    offset_ns: int = OFFSET_NS,
) -> None:
    row = SegmentRow(
        sha256=f"{number:064x}", segment_id=uuid7(number + 1), sequence=number, boot_id=boot, stay_id=None,
        start_mono_ns=start_ns, end_mono_ns=end_ns, start_utc_ns=start_ns + offset_ns, end_utc_ns=end_ns + offset_ns,
        size_bytes=1, frames={Stream.depth: 300, Stream.ir: 300}, file=f"{number:064x}.seg",
    )  # fmt: skip
    insert_segment(connection, row)


def add_gap(
    connection: sqlite3.Connection, cause: GapCause, start_ns: int, end_ns: int, *, share: float = 1.0,
    stream: Stream = Stream.depth, boot: str = BOOT, off_ns: int = 0,
) -> None:  # fmt: skip
    insert_gap(
        connection,
        Gap(
            stream=stream, cause=cause, boot_id=boot, start_mono_ns=start_ns, end_mono_ns=end_ns,
            start_utc_ns=start_ns + OFFSET_NS - off_ns, end_utc_ns=end_ns + OFFSET_NS, missing_frames=1, share=share,
        ),
    )  # fmt: skip


def test_a_hole_inside_a_segment_and_one_beside_it_are_lost_alike() -> None:
    rows = Rows([(0, 60 * S)], [Loss(GapCause.bus, (10 * S, 20 * S), 1.0), Loss(GapCause.disk, (60 * S, 80 * S), 1.0)])
    found = account(rows, (0, 100 * S))
    assert found.recorded_ns == 50 * S
    assert found.lost_ns == {GapCause.bus: 10 * S, GapCause.disk: 20 * S}
    assert found.unaccounted_ns == 20 * S
    assert found.coverage == 0.5


def test_a_scattered_gap_counts_by_its_frames() -> None:
    found = account(Rows([(0, 90 * S)], [Loss(GapCause.source, (0, 90 * S), 1 / 3)]), (0, 90 * S))
    assert found.coverage == pytest.approx(2 / 3)
    assert found.lost_ns == {GapCause.source: 30 * S}


def test_what_nobody_wanted_is_told_apart_and_is_no_loss() -> None:
    rows = Rows([(0, 30 * S)], [Loss(GapCause.privacy_pause, (30 * S, 60 * S), 1.0)])
    found = account(rows, (0, 60 * S))
    assert found.coverage == 1.0
    assert found.not_wanted_ns == {GapCause.privacy_pause: 30 * S}
    assert found.lost_ns == {}


def test_an_hour_that_nobody_wanted_has_no_coverage() -> None:
    found = account(Rows([], [Loss(GapCause.unassigned, (0, 60 * S), 1.0)]), (0, 60 * S))
    assert (found.wanted_ns, found.coverage) == (0, None)


spans = st.tuples(st.integers(-50, 450), st.integers(1, 120)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(st.sampled_from(["recorded", *GapCause]), min_size=1, max_size=40), spans)
def test_all_parts_add_up_to_the_span(kinds: list[str], within: tuple[int, int]) -> None:
    rows = Rows()
    for position, kind in enumerate(kinds):
        span = (position * 10 * S, (position + 1) * 10 * S)
        if kind == "recorded":
            rows.recorded.append(span)
        else:
            rows.losses.append(Loss(GapCause(kind), span, 1.0))
    window = (within[0] * S, within[1] * S)
    found = account(rows, window)
    assert found.wanted_ns + sum(found.not_wanted_ns.values()) == window[1] - window[0]
    outside = max(0, min(0, window[1]) - window[0]) + max(0, window[1] - max(window[0], len(kinds) * 10 * S))
    assert found.unaccounted_ns == min(outside, window[1] - window[0])


def test_a_clip_and_the_heartbeat_count_by_the_same_account(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(300), lapped=[k for k in range(300) if k % 3 == 2])
    bed.recorder.close_segment()
    start_ns = START_MONO_NS
    of_clip = accounts_between(bed.connection, BOOT, (start_ns, start_ns + 10 * S))
    of_hour = CoverageHours(bed.connection, bed.clock).last_hour()
    for found in (of_clip[Stream.depth], of_hour[Stream.depth]):
        assert found.coverage == pytest.approx(2 / 3, abs=0.01)
        assert found.lost_ns[GapCause.bus] == pytest.approx(10 / 3 * S, rel=0.02)


def test_the_hours_of_a_bed_are_told_with_what_each_lost(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(300))
    bed.recorder.obey(desired(1, paused=True))
    bed.play(range(300, 600))
    bed.recorder.obey(desired(2))
    bed.play(range(600, 900))
    bed.stop()
    (hour,) = CoverageHours(open_database(tmp_path), bed.clock).hours()
    depth = hour.streams[Stream.depth]
    assert depth.coverage == pytest.approx(1.0, abs=0.01)
    assert depth.not_wanted_ns[GapCause.privacy_pause] == pytest.approx(10 * S, rel=0.02)
    assert depth.recorded_ns == pytest.approx(20 * S, rel=0.02)


def a_day(connection: sqlite3.Connection, clock: FakeClock, hours: int = 30) -> None:
    """Segments of ten seconds from the clock's start on, then the clock stands at their end."""
    start_ns = clock.monotonic_ns()
    with transaction(connection):
        for number in range(hours * 360):
            add_segment(connection, number, start_ns + number * 10 * S, start_ns + (number + 1) * 10 * S)
    clock.advance(hours * 3600)


def test_a_day_is_told_hour_by_hour_and_old_hours_are_read_once(connection: sqlite3.Connection) -> None:
    clock = FakeClock()
    a_day(connection, clock)
    add_gap(connection, GapCause.bus, clock.monotonic_ns() - 2 * HOUR_NS, clock.monotonic_ns() - 2 * HOUR_NS + 36 * S)
    hours = CoverageHours(connection, clock)
    told = hours.hours(24)
    assert len(told) == 25
    assert [hour.start_utc_ns for hour in told] == [told[0].start_utc_ns + k * HOUR_NS for k in range(25)]
    depth = [hour.streams[Stream.depth] for hour in told]
    assert sum(each.lost_ns.get(GapCause.bus, 0) for each in depth) == 36 * S
    assert [round(each.coverage or 0, 3) for each in depth].count(1.0) == 24
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    assert hours.hours(24) == told
    assert sum("FROM segments WHERE boot_id" in text and "json_extract" in text for text in statements) <= 2


def test_a_gap_that_is_told_late_changes_the_hours_that_waited_for_it(connection: sqlite3.Connection) -> None:
    clock = FakeClock()
    a_day(connection, clock, hours=4)
    clock.advance(3 * 3600)
    hours = CoverageHours(connection, clock)
    before = hours.hours()[-2].streams[Stream.depth]
    assert before.coverage == 0.0
    assert before.unaccounted_ns == HOUR_NS
    now_ns = clock.monotonic_ns()
    for stream in (Stream.depth, Stream.ir):
        add_gap(connection, GapCause.restart, now_ns - 3 * HOUR_NS, now_ns, stream=stream)
    after = hours.hours()[-2].streams[Stream.depth]
    assert after.lost_ns == {GapCause.restart: HOUR_NS}
    assert after.unaccounted_ns == 0


def test_a_wall_clock_that_is_set_moves_no_hour_of_this_boot_onto_another(connection: sqlite3.Connection) -> None:
    clock = FakeClock()
    a_day(connection, clock, hours=5)
    hours = CoverageHours(connection, clock)
    straight = hours.hours()
    clock.jump_utc(-2 * 3600)
    moved = hours.hours()
    assert [hour.start_utc_ns + 2 * HOUR_NS for hour in moved] == [hour.start_utc_ns for hour in straight]
    assert [hour.streams for hour in moved] == [hour.streams for hour in straight]


def test_the_time_without_power_is_lost_to_power_in_every_hour_of_it(connection: sqlite3.Connection) -> None:
    before = FakeClock(OTHER_BOOT)
    for number in range(360):
        add_segment(
            connection, number, START_MONO_NS + number * 10 * S, START_MONO_NS + (number + 1) * 10 * S, OTHER_BOOT
        )
    before.advance(3600)
    clock = FakeClock(BOOT, 60 * S, before.utc_ns() + 5 * HOUR_NS)
    offset_ns = clock.utc_ns() - clock.monotonic_ns()
    for stream in (Stream.depth, Stream.ir):
        gap = Gap(
            stream=stream, cause=GapCause.power, boot_id=BOOT, start_mono_ns=0, end_mono_ns=60 * S,
            start_utc_ns=before.utc_ns(), end_utc_ns=clock.utc_ns(), missing_frames=5 * 3600 * 30,
        )  # fmt: skip
        insert_gap(connection, gap)
    add_segment(connection, 1000, 60 * S, 70 * S, BOOT, offset_ns)
    clock.advance(10)
    told = [hour.streams[Stream.depth] for hour in CoverageHours(connection, clock).hours()]
    assert sum(each.lost_ns.get(GapCause.power, 0) for each in told) == 5 * HOUR_NS
    assert sum(each.recorded_ns for each in told) == HOUR_NS + 10 * S
    assert sum(each.unaccounted_ns for each in told) == 0


def test_what_was_evicted_was_recorded_all_the_same(connection: sqlite3.Connection) -> None:
    clock = FakeClock()
    a_day(connection, clock, hours=3)
    straight = CoverageHours(connection, clock).hours()
    with transaction(connection):
        connection.execute(
            "INSERT INTO evicted (sequence, boot_id, start_mono_ns, end_mono_ns) "
            "SELECT sequence, boot_id, start_mono_ns, end_mono_ns FROM segments WHERE sequence < 720"
        )
        connection.execute("DELETE FROM segments WHERE sequence < 720")
    assert CoverageHours(connection, clock).hours() == straight
