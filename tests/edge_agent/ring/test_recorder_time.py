"""The recorder writes each segment's clock model, keeps what arrives in order, and blames the disk when it hung there."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge_agent.ring.blocked_time import BlockedTime
from shared.clock import NS_PER_S
from shared.clock_model import ClockModel
from shared.frame import Stream
from shared.segment import SegmentReader
from tests.edge_agent.ring.recording_bed import RESERVE_BYTES, RecordingBed, desired
from tests.fakes.clock import START_MONO_NS, FakeClock
from tests.fakes.frame_source import PERIOD_NS, make_frame


@pytest.fixture
def bed(tmp_path: Path) -> RecordingBed:
    return RecordingBed(tmp_path)


def models_of(bed: RecordingBed) -> list[ClockModel | None]:
    found = []
    for row in bed.sealed:
        with SegmentReader(row.path(bed.folder)) as reader:
            found.append(reader.clock)
    return found


def arrive(bed: RecordingBed, index: int, **times: Any) -> None:
    bed.clock.advance_ns(PERIOD_NS)
    bed._count += 1
    bed.arrive(replace(make_frame(index, mono_ns=bed.clock.monotonic_ns()), **times))
    bed.recorder.tick()


def test_each_segment_holds_the_clock_model_of_its_own_frames(bed: RecordingBed) -> None:
    for index in range(600):
        arrive(bed, index, device_ns=round(index * PERIOD_NS * (1 - 390e-6)))
    bed.stop()
    models = models_of(bed)
    assert len(models) == 2
    for model in models:
        assert model is not None
        assert model.device_drift_ppm == pytest.approx(-390, abs=1)
        assert model.frames == 300
        assert model.utc_step_ns == 0
    assert bed.recorder.counters()["clock_error_s"] < 0.001


def test_a_wall_clock_that_is_set_in_a_segment_is_in_its_model_and_in_the_beat(bed: RecordingBed) -> None:
    bed.play(range(30))
    bed.clock.jump_utc(3600)
    bed.play(range(30, 60))
    bed.stop()
    (model,) = models_of(bed)
    assert model is not None
    assert model.utc_step_ns == 3600 * NS_PER_S
    assert model.utc_error_ns > 1700 * NS_PER_S
    assert bed.recorder.counters()["clock_utc_step"] == 1
    assert bed.missing() == {}


def test_impossible_device_times_are_counted_and_every_frame_is_recorded(bed: RecordingBed) -> None:
    strange = {5: 4 * PERIOD_NS, 9: 0, 14: 10**17, 20: -7}
    for index in range(40):
        arrive(bed, index, device_ns=strange.get(index, index * PERIOD_NS))
    bed.stop()
    assert bed.sealed[0].frames[Stream.depth] == 40
    counters = bed.recorder.counters()
    assert {name: counters[f"clock_{name}"] for name in ("duplicate", "regression", "jump")} == {
        "duplicate": 1, "regression": 1, "jump": 2,
    }  # fmt: skip
    (model,) = models_of(bed)
    assert model is not None
    assert model.frames == 36
    assert bed.faults() == []


def test_arrivals_that_do_not_grow_are_recorded_in_order_a_nanosecond_apart(bed: RecordingBed) -> None:
    bed.play(range(10))
    for index, mono_ns in ((10, START_MONO_NS + 9 * PERIOD_NS), (11, START_MONO_NS)):
        arrive(bed, index, mono_ns=mono_ns)
    bed.play(range(12, 20))
    bed.stop()
    with SegmentReader(bed.sealed[0].path(bed.folder)) as reader:
        times = [image.mono_ns for image in reader.frames([Stream.depth])]
    assert len(times) == 20
    assert all(before < after for before, after in pairwise(times))
    assert bed.recorder.counters()["clock_host"] == 2
    assert bed.missing() == {}


def test_frames_that_were_lapped_while_the_recorder_hung_in_a_flush_are_lost_to_the_disk(
    bed: RecordingBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fdatasync
    bed.play(range(20))

    def slow(descriptor: int) -> None:
        real(descriptor)
        bed.clock.advance(3)

    monkeypatch.setattr(os, "fdatasync", slow)
    bed.play(range(20, 29))
    monkeypatch.undo()
    bed.play(range(29, 90), lapped=range(40, 60), unheard=range(60, 80))
    bed.play(range(120, 160), lapped=range(130, 140), unheard=range(145, 150))
    bed.stop()
    assert bed.missing() == {"disk": 40, "source": 30, "bus": 15}
    counters = bed.recorder.counters()
    assert (counters["stalled"], counters["lapped"]) == (40, 15)
    assert counters["longest_wait_s"] == pytest.approx(3, abs=0.2)
    assert bed.faults() == []


def test_time_that_passed_elsewhere_is_not_the_disks_fault() -> None:
    clock = FakeClock()
    blocked = BlockedTime(clock)
    began_ns = clock.monotonic_ns()
    with blocked.watch():
        clock.advance(0.05)
    assert not blocked.was_to_blame(began_ns)
    with contextlib.suppress(OSError), blocked.watch():
        clock.advance(1)
        raise OSError("a call that fails late has hung too")
    assert blocked.was_to_blame(began_ns)
    clock.advance(2)
    assert not blocked.was_to_blame(began_ns)


def test_previews_go_on_while_the_disk_is_full_and_are_written_nowhere(bed: RecordingBed) -> None:
    bed.play(range(60))
    bed.free_bytes = RESERVE_BYTES // 8
    bed.play(range(60, 90))
    before = len(bed.previews)
    bed.play(range(90, 150))
    assert bed.recorder.disk_full
    assert len(bed.previews) == before + 30
    bed.free_bytes = 1 << 40
    bed.play(range(150, 200))
    bed.stop()
    assert sum(row.frames[Stream.preview] for row in bed.sealed) < len(bed.previews)
    assert bed.faults() == []


def test_a_frame_of_the_pause_that_is_read_after_it_is_not_recorded_and_shows_no_preview(bed: RecordingBed) -> None:
    bed.play(range(10))
    bed.recorder.obey(desired(1, paused=True))
    bed.clock.advance(1)
    bed.recorder.obey(desired(2))
    before = len(bed.previews)
    for index in range(10, 40):
        bed._count += 1
        bed.arrive(make_frame(index))
    assert len(bed.previews) == before
    bed.play(range(45, 60))
    bed.stop()
    indices = []
    for row in bed.sealed:
        with SegmentReader(row.path(bed.folder)) as reader:
            indices += [image.index for image in reader.frames([Stream.depth])]
    assert indices == [*range(10), *range(45, 60)]
    assert bed.missing()["privacy_pause"] == 30
    assert bed.faults() == []


def test_losses_on_the_way_during_a_pause_are_the_pauses(bed: RecordingBed) -> None:
    bed.play(range(10))
    bed.recorder.obey(desired(1, paused=True))
    bed.play(range(10, 40), unheard=range(20, 30))
    bed.recorder.obey(desired(2))
    bed.play(range(40, 50))
    bed.stop()
    assert bed.missing() == {"privacy_pause": 30}
