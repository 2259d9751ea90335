"""Capture keeps a camera open, hands every frame on, and says in a sentence why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import structlog

from edge_agent.bus import folder_hash
from edge_agent.bus_messages import BusTopic, CameraFact, FrameHandle, Message
from edge_agent.frame_pool import SHARED_MEMORY, FramePoolReader
from edge_agent.sources.capturing import Capturing
from shared.errors import DeepEpilError, Refused, Transient
from shared.frame import Frame
from tests.fakes.clock import START_MONO_NS, FakeClock
from tests.fakes.frame_source import PERIOD_NS, ScriptedSource, make_frame


class Bench:
    def __init__(self, folder: Path, script: Iterable[Frame | DeepEpilError]) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.source = ScriptedSource(self.clock, script)
        self.handles: list[FrameHandle] = []
        self.facts: list[CameraFact] = []
        self.capturing = Capturing(
            folder, self.source, self.clock, self.clock.wait, self.publish, structlog.get_logger(), lambda: 0.5
        )

    def publish(self, topic: BusTopic, message: Message) -> None:
        if isinstance(message, FrameHandle):
            self.handles.append(message)
        elif isinstance(message, CameraFact):
            self.facts.append(message)

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.capturing.turn()


def test_every_frame_goes_through_the_pool_in_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [make_frame(index) for index in range(5)])
    bench.turns(6)
    reader = FramePoolReader(tmp_path)
    for index, handle in enumerate(bench.handles):
        frame = reader.read(handle)
        assert frame is not None
        wanted = make_frame(index).depth
        assert frame.depth is not None
        assert wanted is not None
        assert np.array_equal(frame.depth, wanted)
    assert [handle.count for handle in bench.handles] == [1, 2, 3, 4, 5]
    bench.capturing.close()


def test_captures_that_the_source_skipped_are_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [make_frame(0), make_frame(4), make_frame(5)])
    bench.turns(4)
    counters = bench.capturing.counters()
    assert (counters["frames"], counters["skipped"], counters["oversized"]) == (3, 3, 0)
    bench.capturing.close()


def test_a_lost_camera_is_told_and_opened_again_with_growing_pauses(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [make_frame(0), Transient("The cable is out."), Transient("Still out."), make_frame(200)])
    bench.turns(2)
    assert bench.facts[-1].opened is not None
    began = bench.clock.monotonic_ns()
    bench.turns(1)
    assert bench.facts[-1].opened is None
    assert bench.facts[-1].sentence == "The cable is out."
    assert bench.clock.monotonic_ns() - began == 500_000_000
    bench.turns(4)
    assert bench.source.opened == 3
    assert bench.facts[-1].opened is not None
    assert len({handle.pool for handle in bench.handles}) == 2
    bench.capturing.close()


def test_a_damaged_recording_is_tried_again_seldom(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [Refused("The file is damaged.")] * 3)
    bench.turns(4)
    assert bench.clock.monotonic_ns() >= START_MONO_NS + 16 * 10**9
    assert bench.facts[-1].sentence == "The file is damaged."


def test_the_end_of_a_recording_is_told_and_not_an_error(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [make_frame(0)])
    bench.turns(10)
    assert bench.facts[-1].sentence == "The recording is over."
    assert bench.source.opened == 1
    bench.capturing.close()


def test_the_state_of_the_camera_is_repeated_each_second(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [make_frame(index) for index in range(95)])
    bench.turns(96)
    opened = [fact for fact in bench.facts if fact.opened]
    assert 3 <= len(opened) <= 5
    assert bench.clock.monotonic_ns() - START_MONO_NS >= 94 * PERIOD_NS
    bench.capturing.close()


def test_nothing_is_left_in_shared_memory(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [make_frame(0)])
    bench.turns(2)
    assert list(SHARED_MEMORY.glob(f"deepepil-{folder_hash(tmp_path)}-*"))
    bench.capturing.close()
    assert not list(SHARED_MEMORY.glob(f"deepepil-{folder_hash(tmp_path)}-*"))
