"""A crash hides nothing: what was lost among the frames of a left file is found by their indices, and their clocks are fitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.frame import Stream
from shared.lane import COLOUR_APART, TOGETHER, Lane
from shared.segment import SegmentReader
from tests.edge_agent.ring.recording_bed import RecordingBed


def test_losses_that_waited_to_be_told_when_the_recorder_was_killed_are_told_by_the_next_one(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    lost = [k for k in range(100) if k % 4 == 3 and k > 10]
    bed.play(range(100), lapped=lost)
    told = sum(bed.missing().values())
    assert 0 < told < len(lost)
    bed.crash()
    again = RecordingBed(tmp_path, bed.clock)
    again.stop()
    (row,) = again.sealed
    with SegmentReader(row.path(tmp_path)) as reader:
        depth = [gap for gap in reader.gaps() if gap.stream is Stream.depth]
    assert sum(gap.missing_frames for gap in depth) == len([k for k in lost if k < 98])
    assert depth[-1].share == pytest.approx(0.25, abs=0.06)
    assert again.faults() == []


def test_a_left_file_without_losses_has_no_gap_and_the_model_of_its_clocks(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(90))
    bed.crash()
    again = RecordingBed(tmp_path, bed.clock)
    again.stop()
    with SegmentReader(again.sealed[0].path(tmp_path)) as reader:
        assert reader.gaps() == []
        assert reader.clock is not None
        assert reader.clock.frames == 90
        assert reader.clock.mono_error_ns < 1000


def test_losses_that_were_told_before_the_crash_are_not_told_twice(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    bed.play(range(100), lapped=[20, 60])
    assert bed.missing() == {"bus": 2}
    bed.crash()
    again = RecordingBed(tmp_path, bed.clock)
    again.stop()
    with SegmentReader(again.sealed[0].path(tmp_path)) as reader:
        assert sum(gap.missing_frames for gap in reader.gaps() if gap.stream is Stream.depth) == 2


@pytest.mark.parametrize("lanes", [TOGETHER, COLOUR_APART], ids=["whole", "apart"])
def test_colour_that_was_lost_here_and_there_is_told_by_its_times(tmp_path: Path, lanes: tuple[Lane, ...]) -> None:
    bed = RecordingBed(tmp_path, colour=True, lanes=lanes)
    bed.play(range(30))
    with_colour = [k for k in range(30, 100) if k % 3 == 0]
    bed.play(range(30, 100), lapped=with_colour[1::3])
    bed.connection.execute("DELETE FROM gaps")
    bed.crash()
    again = RecordingBed(tmp_path, bed.clock, colour=True, lanes=lanes)
    found = again.connection.execute("SELECT SUM(missing_frames) FROM gaps WHERE stream = 'colour'")
    recorded = sum(row.frames.get(Stream.colour, 0) for row in again.sealed)
    assert recorded + len(with_colour[1::3]) == 34
    assert found.fetchone()[0] == len(with_colour[1::3])
