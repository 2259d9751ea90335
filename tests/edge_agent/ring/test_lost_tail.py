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
