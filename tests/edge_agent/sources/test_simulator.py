"""The simulated ward as a camera: seeded, in real time by the clock, honest about what it skips."""

from __future__ import annotations

import av
import numpy as np
import pytest

from edge_agent.settings import SourceSettings
from edge_agent.sources.frame_source import source_of
from edge_agent.sources.simulator import Simulator, night_of
from shared.clock import NS_PER_S
from shared.frame import Frame, Stream
from tests.fakes.clock import START_MONO_NS, FakeClock
from tests.fakes.frame_source import HEIGHT, WIDTH


def settings(**changes: object) -> SourceSettings:
    fields = {
        "kind": "simulator", "width": WIDTH, "height": HEIGHT, "colour_per_s": 10.0, "colour_width": 64,
        "colour_height": 48,
    } | changes  # fmt: skip
    return SourceSettings.model_validate(fields)


def frames_of(chosen: SourceSettings, count: int) -> list[Frame]:
    clock = FakeClock()
    source = source_of(chosen, clock, clock.wait)
    source.open()
    return [frame for _ in range(count) if (frame := source.read())]


def test_the_same_seeds_show_the_same_night() -> None:
    first, again = frames_of(settings(), 4), frames_of(settings(), 4)
    for one, other in zip(first, again, strict=True):
        assert one.depth is not None
        assert other.depth is not None
        assert np.array_equal(one.depth, other.depth)
        assert one.colour == other.colour


def test_frames_come_at_their_rate_and_differ_by_noise() -> None:
    frames = frames_of(settings(frames_per_s=15.0), 5)
    assert [frame.index for frame in frames] == list(range(5))
    assert [frame.mono_ns for frame in frames] == [START_MONO_NS + round(k * NS_PER_S / 15) for k in range(5)]
    assert frames[0].ir is not None
    assert frames[1].ir is not None
    assert not np.array_equal(frames[0].ir, frames[1].ir)


def test_colour_comes_at_its_own_rate_as_jpeg() -> None:
    frames = frames_of(settings(), 30)
    pictures = [frame.colour for frame in frames if frame.colour]
    assert len(pictures) == 10
    decoder = av.CodecContext.create("mjpeg", "r")
    decoded = decoder.decode(av.Packet(pictures[0]))[0]
    assert isinstance(decoded, av.VideoFrame)
    assert (decoded.width, decoded.height) == (64, 48)


def test_colour_can_be_switched_off() -> None:
    clock = FakeClock()
    source = Simulator(settings(colour_per_s=0.0), clock, clock.wait)
    assert source.open().colour_per_s == 0
    assert source.streams == (Stream.depth, Stream.ir)


def test_a_late_source_skips_frames_and_its_index_says_so() -> None:
    clock = FakeClock()
    source = Simulator(settings(), clock, clock.wait)
    source.open()
    first = source.read()
    clock.advance(0.15)
    second = source.read()
    clock.advance(1.0)
    third = source.read()
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.index, second.index) == (0, 1)
    assert third.index == pytest.approx(35, abs=1)
    assert clock.monotonic_ns() - third.mono_ns < NS_PER_S // 15


def test_a_stop_ends_the_wait_for_a_frame() -> None:
    clock = FakeClock()
    source = Simulator(settings(), clock, lambda _: True)
    source.open()
    assert source.read() is None


def test_the_demonstration_has_a_seizure_in_its_first_minute() -> None:
    night = night_of(settings(plan="demo"))
    assert any(episode.start_s < 60 for episode in night.episodes)
    assert night_of(settings()).duration_s == 12 * 3600
