"""A gap that was told before a cut does not hide the frames that went with the cut before it."""

from __future__ import annotations

from pathlib import Path

from shared.frame import Stream
from tests.edge_agent.ring.recording_bed import RecordingBed


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
