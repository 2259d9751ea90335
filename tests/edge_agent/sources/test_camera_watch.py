"""A camera that repeats itself or whose clock stands is told within seconds; a living one never is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge_agent.sources.camera_watch import STUCK_NS, CameraWatch
from shared.clock import NS_PER_S
from shared.frame import Stream
from tests.edge_agent.sources.test_capturing import Bench
from tests.fakes.clock import START_MONO_NS
from tests.fakes.frame_source import PERIOD_NS, make_frame

ENOUGH = STUCK_NS // PERIOD_NS + 2


def test_a_living_camera_is_not_called_stuck() -> None:
    watch = CameraWatch()
    for index in range(ENOUGH):
        watch.see(make_frame(index))
        assert not watch.sentence


def test_the_same_picture_again_and_again_is_told() -> None:
    watch = CameraWatch()
    for index in range(ENOUGH):
        frame = replace(make_frame(0), device_ns=index * PERIOD_NS, mono_ns=START_MONO_NS + index * PERIOD_NS)
        watch.see(frame)
    assert "the same picture" in watch.sentence
    watch.see(make_frame(ENOUGH))
    assert not watch.sentence


def test_infrared_that_lives_beside_depth_that_stands_is_no_fault() -> None:
    watch = CameraWatch()
    still = make_frame(0).depth
    for index in range(ENOUGH):
        watch.see(replace(make_frame(index), depth=still))
    assert not watch.sentence


def test_a_clock_that_stands_is_told_though_the_pictures_change() -> None:
    watch = CameraWatch()
    for index in range(ENOUGH):
        watch.see(replace(make_frame(index), device_ns=7))
    assert "its clock stands still" in watch.sentence


def test_a_clock_that_runs_back_is_counted() -> None:
    watch = CameraWatch()
    for device_ns in (5, 9, 2, 4, 1):
        watch.see(replace(make_frame(device_ns), device_ns=device_ns))
    assert watch.clock_breaks == 2


def test_pictures_of_colour_alone_say_nothing_about_depth() -> None:
    watch = CameraWatch()
    for index in range(ENOUGH):
        watch.see(make_frame(index, streams=(Stream.colour,)))
    assert not watch.sentence


def test_capture_tells_of_a_stuck_camera_within_ten_seconds_and_goes_on(tmp_path: Path) -> None:
    script = [
        replace(make_frame(0), index=k, mono_ns=START_MONO_NS + k * PERIOD_NS, device_ns=k * PERIOD_NS)
        for k in range(240)
    ]
    bench = Bench(tmp_path, script)
    bench.turns(240)
    first = next(fact for fact in bench.facts if fact.sentence)
    assert first.opened is not None
    assert first.mono_ns - START_MONO_NS < 6 * NS_PER_S
    assert len(bench.handles) == 239
    bench.capturing.close()
