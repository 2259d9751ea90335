"""Sealed bytes are read again at a bounded rate, and what the disk changed is put aside and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.database import open_database
from edge_agent.ring.catalogue import all_segments
from edge_agent.ring.coverage import accounts_between
from edge_agent.ring.damage import damage_alarm, damaged_lines
from edge_agent.ring.ring_check import check_ring
from edge_agent.ring.scrub import MOST_SAVED_S, Damaged, Scrub, week_share
from shared.frame import Stream
from tests.edge_agent.ring.recording_bed import RecordingBed


@pytest.fixture
def bed(tmp_path: Path) -> RecordingBed:
    """Four segments of a third of a second."""
    bed = RecordingBed(tmp_path)
    for number in range(4):
        bed.play(range(10 * number, 10 * number + 10))
        bed.recorder.close_segment()
    return bed


def read_on(scrub: Scrub, bed: RecordingBed, seconds: int) -> list[Damaged]:
    found = []
    for _ in range(seconds):
        bed.clock.advance(1)
        damaged = scrub.turn()
        if damaged is not None:
            found.append(damaged)
    return found


def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


def test_a_sound_ring_is_read_at_the_rate_that_is_set(bed: RecordingBed) -> None:
    size = sum(row.size_bytes for row in bed.sealed)
    scrub = Scrub(bed.folder, bed.connection, bed.clock, size // 10)
    assert read_on(scrub, bed, 5) == []
    assert week_share(bed.connection) <= 0.5
    assert read_on(scrub, bed, 6) == []
    assert week_share(bed.connection) == 1.0
    assert damage_alarm(bed.connection) is None


def test_after_a_long_pause_the_disk_is_not_flooded(bed: RecordingBed) -> None:
    size = sum(row.size_bytes for row in bed.sealed)
    scrub = Scrub(bed.folder, bed.connection, bed.clock, size // 10)
    bed.clock.advance(3600)
    scrub.turn()
    assert week_share(bed.connection) <= MOST_SAVED_S * 0.1


def test_it_goes_on_where_an_earlier_run_stopped(bed: RecordingBed) -> None:
    first = Scrub(bed.folder, bed.connection, bed.clock, bed.sealed[0].size_bytes + 1)
    read_on(first, bed, 1)
    first.close()
    half = week_share(bed.connection)
    assert 0 < half < 1
    read_on(Scrub(bed.folder, bed.connection, bed.clock, sum(row.size_bytes for row in bed.sealed[1:]) + 1), bed, 1)
    assert week_share(bed.connection) == 1.0


def test_changed_bytes_go_into_quarantine_and_their_span_is_a_gap(bed: RecordingBed) -> None:
    row = bed.sealed[1]
    flip(row.path(bed.folder))
    (damaged,) = read_on(Scrub(bed.folder, bed.connection, bed.clock, 1 << 30), bed, 2)
    assert damaged.row == row
    assert (bed.folder / "quarantine" / row.file).exists()
    assert [each.sequence for each in all_segments(bed.connection)] == [0, 2, 3]
    account = accounts_between(bed.connection, row.boot_id, (row.start_mono_ns, row.end_mono_ns))[Stream.depth]
    assert account.recorded_ns < 0.1 * (row.end_mono_ns - row.start_mono_ns)
    alarm = damage_alarm(bed.connection)
    assert alarm is not None
    assert alarm.startswith("1 segments of the ring were damaged")
    assert "Its bytes are not those that were sealed" in damaged_lines(bed.connection)[0]
    report = check_ring(bed.folder, read_data=True)
    assert report.faults == []
    assert len(report.notes) == 2


def test_a_file_that_is_gone_is_damage_too(bed: RecordingBed) -> None:
    bed.sealed[2].path(bed.folder).unlink()
    (damaged,) = read_on(Scrub(bed.folder, bed.connection, bed.clock, 1 << 30), bed, 5)
    assert (damaged.row.sequence, damaged.reason) == (2, "It cannot be opened: No such file or directory.")
    assert check_ring(bed.folder, read_data=True).faults == []


def test_a_crash_before_the_file_was_moved_is_made_good(bed: RecordingBed) -> None:
    row = bed.sealed[1]
    flip(row.path(bed.folder))
    read_on(Scrub(bed.folder, bed.connection, bed.clock, 1 << 30), bed, 2)
    (bed.folder / "quarantine" / row.file).rename(row.path(bed.folder))
    again = RecordingBed(bed.folder, bed.clock)
    assert (bed.folder / "quarantine" / row.file).exists()
    assert again.faults() == []


def test_the_alarm_ends_when_the_ring_has_moved_on(bed: RecordingBed) -> None:
    flip(bed.sealed[1].path(bed.folder))
    read_on(Scrub(bed.folder, bed.connection, bed.clock, 1 << 30), bed, 2)
    open_database(bed.folder).execute("DELETE FROM segments WHERE sequence < 2")
    assert damage_alarm(bed.connection) is None


def test_a_small_ring_is_read_once_a_day(bed: RecordingBed) -> None:
    scrub = Scrub(bed.folder, bed.connection, bed.clock, 1 << 20)
    read_on(scrub, bed, 60)
    flip(bed.sealed[0].path(bed.folder))
    assert read_on(scrub, bed, 60) == []
    bed.clock.advance(24 * 3600)
    assert [damaged.row.sequence for damaged in read_on(scrub, bed, 3)] == [0]


def test_switched_off_it_reads_nothing(bed: RecordingBed) -> None:
    assert read_on(Scrub(bed.folder, bed.connection, bed.clock, 0), bed, 10) == []
    assert week_share(bed.connection) == 0.0
