"""The capture loop's core: keeps a camera open, puts its frames into the pool, tells what happens to the camera."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.bus_messages import BusTopic, CameraFact, Message
from edge_agent.frame_pool import FramePoolWriter, PoolInfo
from edge_agent.sources.camera_watch import CameraWatch
from edge_agent.sources.frame_source import FrameSource, Wait
from shared.clock import NS_PER_S, Clock
from shared.errors import DeepEpilError, Misconfigured, Refused
from shared.frame import CameraInfo, Frame

FACT_PERIOD_NS = NS_PER_S
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
"""So that a camera is back within 10 s after its cable is; with the jitter never above 9.6 s."""
JITTER = 0.2
PLAYBACK = "mkv_playback"


class Capturing:
    """Owns the source and the pool. `turn` does one thing: open, read one frame, or wait after a failure."""

    def __init__(
        self, folder: Path, source: FrameSource, clock: Clock, wait: Wait, publish: Callable[[BusTopic, Message], None],
        log: Any, chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        """chance gives numbers from 0 to 1: pauses differ from bed to bed, so that beds on one hub do not reopen together."""
        self._folder, self._source, self._clock, self._wait = folder, source, clock, wait
        self._publish, self._log, self._chance = publish, log, chance
        self._pool: FramePoolWriter | None = None
        self._info: CameraInfo | None = None
        self._sentence = ""
        self._over = False
        self._pause_s = FIRST_PAUSE_S
        self._next_fact_ns = 0
        self._last_index: int | None = None
        self._watch: CameraWatch | None = None
        self._clock_breaks = 0
        self.frames = 0
        self.skipped = 0
        self.source_cpu_ns = 0
        self.longest_turn_ns = 0
        """The longest from the end of one read to the next; an Azure Kinect drops captures after 230 ms."""
        self._returned_ns: int | None = None

    def turn(self) -> None:
        """One step; returns within a frame's period, or the pause after a failure. Raises Misconfigured."""
        if self._over:
            self._wait(self._clock.monotonic_ns() + FACT_PERIOD_NS // 4)
        elif self._pool is None:
            self._open()
        else:
            self._read(self._pool)
        self._tell_camera()

    def counters(self) -> dict[str, float]:
        """Figures for the beat; `source_cpu_s` is what the source itself used, so that a simulator's cost stands apart."""
        return {
            "frames": self.frames, "skipped": self.skipped, "oversized": self._pool.oversized if self._pool else 0,
            "imu_left_out": self._pool.imu_left_out if self._pool else 0,
            "source_cpu_s": self.source_cpu_ns / NS_PER_S, "longest_turn_s": self.longest_turn_ns / NS_PER_S,
            "clock_breaks": self._clock_breaks + (self._watch.clock_breaks if self._watch else 0),
        }  # fmt: skip

    def _open(self) -> None:
        try:
            info = self._source.open()
            self._pool = FramePoolWriter(self._folder, PoolInfo(camera=info, streams=list(self._source.streams)))
        except Misconfigured:
            raise
        except DeepEpilError as error:
            self._fail(error)
            return
        self._info, self._sentence, self._last_index, self._returned_ns = info, "", None, None
        self._watch = None if info.source == PLAYBACK else CameraWatch()
        self._next_fact_ns = 0
        self._log.info("camera_opened", source=info.source, make=info.make, frames_per_s=info.frames_per_s)

    def _read(self, pool: FramePoolWriter) -> None:
        if self._returned_ns is not None:
            self.longest_turn_ns = max(self.longest_turn_ns, self._clock.monotonic_ns() - self._returned_ns)
        began_ns = time.thread_time_ns()
        try:
            frame = self._source.read()
        except DeepEpilError as error:
            self._fail(error)
            return
        finally:
            self.source_cpu_ns += time.thread_time_ns() - began_ns
        self._returned_ns = self._clock.monotonic_ns()
        if frame is None:
            self._end()
            return
        if self._last_index is not None:
            self.skipped += frame.index - self._last_index - 1
        self._last_index = frame.index
        self._pause_s = FIRST_PAUSE_S
        self._publish(BusTopic.frame, pool.write(frame))
        self.frames += 1
        self._look(frame)

    def _look(self, frame: Frame) -> None:
        """Tells at once that the camera is stuck, and that it is well again. It goes on being recorded."""
        if self._watch is None:
            return
        self._watch.see(frame)
        if self._watch.sentence != self._sentence:
            self._sentence, self._next_fact_ns = self._watch.sentence, 0
            self._log.error("camera_stuck" if self._sentence else "camera_well_again", reason=self._sentence)

    def _end(self) -> None:
        self._over, self._info, self._sentence = True, None, "The recording is over."
        self._next_fact_ns = 0

    def _fail(self, error: DeepEpilError) -> None:
        """Tells at once, then tries again with growing pauses; a file that is refused is tried at the longest pause."""
        self.close()
        self._info, self._sentence, self._next_fact_ns = None, error.sentence[:500], 0
        facts = {f"fact_{name}": str(value) for name, value in error.facts.items()}
        self._log.error("camera_lost", reason=error.sentence, **facts)
        self._tell_camera()
        pause_s = LONGEST_PAUSE_S if isinstance(error, Refused) else self._pause_s
        pause_s *= 1 - JITTER + 2 * JITTER * self._chance()
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)
        self._wait(self._clock.monotonic_ns() + round(pause_s * NS_PER_S))

    def _tell_camera(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._next_fact_ns:
            return
        self._next_fact_ns = now_ns + FACT_PERIOD_NS
        self._publish(BusTopic.camera, CameraFact(mono_ns=now_ns, opened=self._info, sentence=self._sentence))

    def close(self) -> None:
        """Lets go of camera and pool. Closing twice does nothing."""
        self._source.close()
        if self._watch is not None:
            self._clock_breaks += self._watch.clock_breaks
            self._watch = None
        if self._pool is not None:
            self._pool.close()
            self._pool = None
