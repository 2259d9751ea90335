"""A gap that was told before a cut does not hide the frames that went with the cut before it."""

from __future__ import annotations

from pathlib import Path

from edge_agent.ring.catalogue import gaps_between, insert_gap
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.lane import COLOUR_APART, Lane
from tests.edge_agent.ring.recording_bed import RecordingBed, evicting
from tests.fakes.clock import START_MONO_NS, START_UTC_NS


def test_frames_that_were_lost_before_a_told_gap_are_accounted_for(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(45))
    part = next((tmp_path / "open").iterdir())
    flushed = part.stat().st_size
    bed.play(range(45, 72), lapped=(70,))
    bed.crash()
    with part.open("r+b") as file:
        file.truncate(flushed)
    again = RecordingBed(tmp_path, bed.clock)
    again.play(range(90, 120))
    reopened = RecordingBed(tmp_path, again.clock)
    found = reopened.connection.execute("SELECT SUM(missing_frames) FROM gaps WHERE stream = ?", (Stream.depth.value,))
    recorded = sum(row.frames[Stream.depth] for row in reopened.rows())
    assert reopened.faults() == []
    assert recorded == 45 + 30
    assert recorded + found.fetchone()[0] == 120


def test_a_segment_whose_gap_before_it_was_not_written_in_time_gets_one(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(30))
    bed.stop()
    again = RecordingBed(tmp_path, bed.clock)
    again.play(range(75, 90))
    again.connection.execute("DELETE FROM gaps")
    again.crash()
    reopened = RecordingBed(tmp_path, bed.clock)
    found = reopened.connection.execute("SELECT cause, missing_frames FROM gaps WHERE stream = 'depth'").fetchall()
    assert [tuple(row) for row in found] == [("restart", 45)]
    assert reopened.faults() == []


def test_a_long_gap_inside_a_segment_does_not_hide_two_frames_that_were_lost_after_it(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(4))
    bed.play(range(44, 48))
    part = next((tmp_path / "open").iterdir())
    flushed = part.stat().st_size
    bed.play(range(48, 53), lapped=(50,))
    bed.crash()
    with part.open("r+b") as file:
        file.truncate(flushed)
    again = RecordingBed(tmp_path, bed.clock)
    told = again.connection.execute("SELECT missing_frames FROM gaps WHERE stream = 'depth' ORDER BY start_mono_ns")
    assert [row[0] for row in told] == [40, 2, 1]


def test_colour_lost_between_two_told_gaps_is_told_when_retention_has_left_no_colour_of_the_boot(
    tmp_path: Path,
) -> None:
    bed = RecordingBed(tmp_path, colour=True, lanes=COLOUR_APART)
    for number in range(5):
        bed.play(range(30 * number, 30 * (number + 1)))
        bed.recorder.close_segment()
    evicting(bed, 4.0 / 3600).turn()
    for row in bed.rows():
        if row.lane is Lane.colour:
            row.path(bed.folder).unlink()
            bed.connection.execute("DELETE FROM segments WHERE sequence = ?", (row.sequence,))
    for number in (1, 2, 4):
        begun = number * NS_PER_S
        gap = Gap(
            stream=Stream.colour, cause=GapCause.disk, boot_id=bed.clock.boot_id, missing_frames=10,
            start_mono_ns=START_MONO_NS + begun, end_mono_ns=START_MONO_NS + begun + NS_PER_S,
            start_utc_ns=START_UTC_NS + begun, end_utc_ns=START_UTC_NS + begun + NS_PER_S,
        )  # fmt: skip
        insert_gap(bed.connection, gap)
    bed.crash()
    again = RecordingBed(bed.folder, bed.clock, colour=True, lanes=COLOUR_APART)
    gaps = gaps_between(again.connection, bed.clock.boot_id, 0, 1 << 62)
    third_s = [gap for gap in gaps if gap.stream is Stream.colour and gap.start_mono_ns == START_MONO_NS + 3 * NS_PER_S]
    assert [(gap.cause, gap.missing_frames) for gap in third_s] == [(GapCause.disk, 10)]
    assert again.faults() == []
