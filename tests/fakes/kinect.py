"""A scripted Azure Kinect: it gives captures, inertial samples and faults by a script, in place of the library with its device."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from edge_agent.settings import KinectSettings
from edge_agent.sources.kinect_frames import Part
from shared.errors import DeepEpilError
from shared.frame import Stream
from tests.fakes.clock import FakeClock

Step = list[Part] | DeepEpilError | None
"""One answer of the device: a capture's images, a fault, or None for a wait that ended without one."""


def part(stream: Stream, device_us: int, *, arrival_ns: int = 0, value: int = 0) -> Part:
    """An image of 640×576, or a JPEG."""
    if stream is Stream.colour:
        picture = np.frombuffer(b"\xff\xd8" + device_us.to_bytes(8, "big") + b"\xff\xd9", np.uint8)
        return Part(stream, device_us * 1000, arrival_ns, picture)
    return Part(stream, device_us * 1000, arrival_ns, np.full((576, 640), value, np.uint16))


def whole(device_us: int, value: int = 0) -> list[Part]:
    """A capture of all three streams."""
    return [part(stream, device_us, value=value) for stream in (Stream.depth, Stream.ir, Stream.colour)]


def imu(device_us: int) -> dict[str, Any]:
    """An inertial sample as the library gives it."""
    return {
        "temperature": 33.5, "acc_sample": (0.5, -9.75, 0.25), "acc_timestamp": device_us, "gyro_sample": (0.125, 0.0, 0.0),
        "gyro_timestamp": device_us,
    }  # fmt: skip


class ScriptedKinect:
    """Library and device in one. Each wait for a capture takes one step of the script and a frame's period of the clock."""

    def __init__(self, clock: FakeClock, script: Iterable[Step], opening: Iterable[DeepEpilError] = ()) -> None:
        self.serial = "000123"
        self.firmware = {"colour": "1.6.110", "depth": "1.6.79"}
        self.calibration: dict[str, Any] = {"CalibrationInformation": {}}
        self._clock, self._script, self._opening = clock, deque(script), deque(opening)
        self.samples: deque[dict[str, Any]] = deque()
        self.opened: list[KinectSettings] = []
        self.closed = 0

    def open(self, settings: KinectSettings, frames_per_s: float) -> ScriptedKinect:
        self.opened.append(settings)
        if self._opening:
            raise self._opening.popleft()
        return self

    def capture(self, timeout_ms: int, streams: tuple[Stream, ...]) -> list[Part] | None:
        step = self._script.popleft() if self._script else None
        self._clock.advance(timeout_ms / 1000 if step is None else 1 / 30)
        if isinstance(step, DeepEpilError):
            raise step
        return None if step is None else [found for found in step if found.stream in streams]

    def imu(self, most: int) -> Iterator[dict[str, Any]]:
        for _ in range(min(most, len(self.samples))):
            yield self.samples.popleft()

    def close(self) -> None:
        self.closed += 1
