"""The recorder keeps every frame that it gets, and accounts for every one that it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import GapCause
from shared.segment import SegmentReader
from tests.edge_agent.ring.recording_bed import STAY, RecordingBed, desired
from tests.fakes.clock import OTHER_BOOT, START_MONO_NS, START_UTC_NS, FakeClock
from tests.fakes.frame_source import PERIOD_NS, make_frame


@pytest.fixture
def bed(tmp_path: Path) -> RecordingBed:
    return RecordingBed(tmp_path)


def test_every_frame_is_read_back_bit_by_bit(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path, colour=True)
    bed.play(range(40))
    bed.stop()
    (row,) = bed.sealed
    with SegmentReader(row.path(tmp_path)) as reader:
        for image in reader.frames():
            frame = make_frame(image.index, streams=bed.streams_of(image.index))
            wanted = {Stream.depth: frame.depth, Stream.ir: frame.ir}.get(image.stream)
            if wanted is None:
                assert image.image() == frame.colour
            else:
                assert np.array_equal(image.pixels(), wanted)
    assert row.frames == {Stream.depth: 40, Stream.ir: 40, Stream.colour: 14, Stream.preview: 20}
    assert bed.gaps == []
    assert bed.faults() == []


def test_segments_are_ten_seconds_long_and_leave_no_seam(bed: RecordingBed) -> None:
    bed.play(range(700))
    bed.stop()
    assert [row.frames[Stream.depth] for row in bed.sealed] == [300, 300, 100]
    for before, after in zip(bed.sealed, bed.sealed[1:], strict=False):
        assert abs(after.start_mono_ns - before.end_mono_ns) < 100
    assert [row.sequence for row in bed.sealed] == [0, 1, 2]
    assert bed.faults() == []


def test_previews_are_told_at_once_and_kept_in_the_segment(bed: RecordingBed) -> None:
    bed.play(range(30))
    assert len(bed.previews) == 15
    bed.stop()
    with SegmentReader(bed.sealed[0].path(bed.folder)) as reader:
        kept = list(reader.previews())
    assert [preview.index for preview in kept] == [preview.index for preview in bed.previews]
    assert all(
        np.array_equal(a.ir, b.ir) and np.array_equal(a.depth, b.depth) for a, b in zip(kept, bed.previews, strict=True)
    )


def test_frames_that_the_source_skipped_are_its_loss(bed: RecordingBed) -> None:
    bed.play([*range(10), *range(14, 20)])
    # the source's own count goes on without a jump
    assert bed.missing(Stream.depth) == bed.missing(Stream.ir) == {"source": 4}
    bed.stop()
    assert bed.faults() == []


def test_frames_that_were_overwritten_before_they_were_read_are_lost_on_the_bus(bed: RecordingBed) -> None:
    bed.play(range(20), lapped=(5, 6, 7))
    bed.stop()
    assert bed.missing() == {"bus": 3}
    assert bed.recorder.lapped == 3
    assert bed.faults() == []


def test_handles_that_never_arrived_are_lost_on_the_bus(bed: RecordingBed) -> None:
    bed.play(range(20), unheard=(5, 6, 7, 8))
    bed.stop()
    assert bed.missing() == {"bus": 4}


def test_a_missing_infrared_image_is_the_sources_loss_of_infrared_alone(bed: RecordingBed) -> None:
    bed.play(range(3))
    bed.clock.advance_ns(PERIOD_NS)
    bed._count += 1
    bed.arrive(make_frame(3, streams=(Stream.depth,)))
    bed.play(range(4, 8))
    bed.stop()
    assert bed.missing(Stream.ir) == {"source": 1}
    assert bed.missing(Stream.depth) == {}


def test_lost_colour_is_noticed_by_its_rate(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path, colour=True)
    bed.play(range(30), unheard=range(12, 24))
    bed.stop()
    assert bed.missing(Stream.colour) == {"bus": 4}
    assert bed.missing(Stream.depth) == {"bus": 12}


def test_a_gap_lies_in_the_segment_and_in_the_catalogue(bed: RecordingBed) -> None:
    bed.play(range(20), lapped=(5,))
    bed.stop()
    with SegmentReader(bed.sealed[0].path(bed.folder)) as reader:
        assert sorted(reader.gaps(), key=lambda gap: gap.stream) == sorted(bed.gaps, key=lambda gap: gap.stream)
    assert len(bed.gaps) == 2


def test_the_stay_is_in_the_header_and_another_stay_begins_another_segment(bed: RecordingBed) -> None:
    bed.play(range(10))
    bed.recorder.obey(desired(1))
    bed.play(range(10, 20))
    bed.stop()
    assert [row.stay_id for row in bed.sealed] == [None, STAY]
    assert bed.gaps == []


def test_a_closed_event_seals_the_segment_at_once(bed: RecordingBed) -> None:
    bed.play(range(10))
    bed.recorder.close_segment()
    assert [row.frames[Stream.depth] for row in bed.sealed] == [10]
    bed.recorder.close_segment()
    assert len(bed.sealed) == 1


def test_a_pause_records_nothing_makes_no_preview_and_is_in_the_ledger(bed: RecordingBed) -> None:
    bed.play(range(10))
    bed.recorder.obey(desired(1, paused=True))
    assert len(bed.sealed) == 1
    before = len(bed.previews)
    bed.play(range(10, 100))
    assert len(bed.previews) == before
    bed.recorder.obey(desired(2))
    bed.play(range(100, 110))
    bed.stop()
    assert bed.missing() == {"privacy_pause": 90}
    assert sum(row.frames[Stream.depth] for row in bed.sealed) == 20
    assert bed.faults() == []


def test_a_bed_without_a_stay_is_not_recorded_where_the_site_says_so(bed: RecordingBed) -> None:
    bed.recorder.obey(desired(1, stay=False, unassigned=False))
    bed.play(range(30))
    bed.recorder.obey(desired(2, stay=True, unassigned=False))
    bed.play(range(30, 40))
    bed.stop()
    assert bed.missing() == {"unassigned": 30}
    assert [row.frames[Stream.depth] for row in bed.sealed] == [10]


def test_a_recorder_that_stops_and_starts_again_tells_the_time_between_as_restart(tmp_path: Path) -> None:
    first = RecordingBed(tmp_path)
    first.play(range(30))
    first.stop()
    first.clock.advance(4.0)
    again = RecordingBed(tmp_path, first.clock)
    again.play(range(150, 160))
    again.stop()
    assert again.missing() == {"restart": 120}
    assert again.faults() == []


def test_a_killed_recorder_loses_nothing_that_was_written(tmp_path: Path) -> None:
    first = RecordingBed(tmp_path)
    first.play(range(100))
    first.crash()
    again = RecordingBed(tmp_path, first.clock)
    assert [row.frames[Stream.depth] for row in again.sealed] == [100]
    again.play(range(130, 140))
    again.stop()
    assert again.missing() == {"restart": 30}
    assert again.faults() == []


def test_another_boot_is_a_gap_of_cause_power_up_to_the_torn_end(tmp_path: Path) -> None:
    first = RecordingBed(tmp_path)
    first.play(range(100))
    first.crash()
    part = next((tmp_path / "open").iterdir())
    part.write_bytes(part.read_bytes()[:-50_000])
    clock = FakeClock(OTHER_BOOT, START_MONO_NS, START_UTC_NS + 600 * NS_PER_S)
    again = RecordingBed(tmp_path, clock)
    again.play(range(10))
    again.stop()
    (depth,) = [gap for gap in again.gaps if gap.stream is Stream.depth]
    assert (depth.cause, depth.boot_id, depth.start_mono_ns) == (GapCause.power, OTHER_BOOT, 0)
    recorded = again.sealed[0].frames[Stream.depth]
    assert recorded < 100
    assert depth.missing_frames == pytest.approx(600 * 30 - recorded, abs=2)
    assert again.faults() == []


def test_a_camera_that_falls_silent_is_in_the_ledger_before_it_comes_back(bed: RecordingBed) -> None:
    bed.play(range(30))
    bed.wait(30)
    assert bed.missing()["source"] == pytest.approx(30 * 30, abs=320)
    bed.recorder.open_session(bed.session())
    bed.play(range(930, 940))
    bed.stop()
    assert bed.missing()["source"] == pytest.approx(30 * 30, abs=2)
    assert bed.faults() == []


FATES = ("good", "lapped", "unheard", "skipped")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(FATES), st.integers(1, 12)), max_size=8), st.booleans())
def test_frames_recorded_and_frames_missing_add_up_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[str, int]], crash: bool
) -> None:
    fates = ["good", *(fate for fate, length in runs for _ in range(length)), "good"]
    bed = RecordingBed(tmp_path_factory.mktemp("bed"))
    chosen = {fate: [k for k, each in enumerate(fates) if each == fate] for fate in FATES}
    bed.play(
        [k for k, fate in enumerate(fates) if fate != "skipped"], lapped=chosen["lapped"], unheard=chosen["unheard"]
    )
    if crash:
        bed.crash()
        bed = RecordingBed(bed.folder, bed.clock)
    bed.stop()
    recorded = sum(row.frames[Stream.depth] for row in bed.sealed)
    assert recorded == len(chosen["good"])
    if not crash:
        wanted = {"bus": len(chosen["lapped"]) + len(chosen["unheard"]), "source": len(chosen["skipped"])}
        assert bed.missing() == {cause: count for cause, count in wanted.items() if count}
    assert bed.faults() == []
