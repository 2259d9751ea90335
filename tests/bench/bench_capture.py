"""How long an Azure Kinect is left waiting, and what taking its frames costs: `python -m tests.bench.bench_capture --seconds 60`.

No camera is needed: a stand-in gives captures in real time and drops them as the SDK does, when seven wait. Everything behind it is
the real thing: pairing, conversion, inertial samples, the watch on a stuck camera, the frame pool in shared memory.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import structlog

from edge_agent.bus_messages import BusTopic, Message, encode_message
from edge_agent.settings import KinectSettings, SourceSettings
from edge_agent.sources.azure_kinect import AzureKinect
from edge_agent.sources.capturing import Capturing
from edge_agent.sources.kinect_frames import Part
from edge_agent.sources.kinect_modes import COLOUR_MODES, DEPTH_MODES
from shared.clock import NS_PER_S, SystemClock
from shared.frame import Stream
from shared.results import Figure, print_results, write_results

QUEUED = 7
SDK_LIMIT_MS = 230.0
JPEG_BYTES_A_PIXEL = 0.24
"""As in the one real recording at hand: 217,095 bytes of 1280×720."""
IMU_PER_S = 1600


class StandIn:
    """Library and device in one: noise images in real time, from a queue of seven."""

    def __init__(self, depth_mode: str, colour_mode: str, frames_per_s: int) -> None:
        rng = np.random.default_rng(1)
        depth, colour = DEPTH_MODES[depth_mode], COLOUR_MODES[colour_mode]
        shape = (depth.height, depth.width)
        self._images = [rng.integers(0, 65536, shape).astype(np.uint16) for _ in range(8)]
        self._jpeg = np.frombuffer(rng.bytes(int(colour.width * colour.height * JPEG_BYTES_A_PIXEL)), np.uint8)
        self._period_ns = NS_PER_S // frames_per_s
        self._samples_a_frame = IMU_PER_S // frames_per_s
        self._start_ns = time.monotonic_ns()
        self._taken = 0
        self._waiting_samples = 0
        self._pause = threading.Event()
        self.dropped = 0
        self.serial, self.calibration = "bench", dict[str, Any]()
        self.firmware: dict[str, str] = {}

    def open(self, settings: KinectSettings, frames_per_s: float) -> StandIn:
        self._start_ns = time.monotonic_ns()
        return self

    def capture(self, timeout_ms: int, streams: tuple[Stream, ...]) -> list[Part] | None:
        behind = (time.monotonic_ns() - self._start_ns) // self._period_ns - self._taken
        lost = max(0, behind - QUEUED)
        self.dropped += lost
        self._taken += lost + 1
        due_ns = self._start_ns + self._taken * self._period_ns
        self._pause.wait(max(0, due_ns - time.monotonic_ns()) / NS_PER_S)
        self._waiting_samples += self._samples_a_frame
        device_ns, number = self._taken * self._period_ns, self._taken % 7
        images = {Stream.depth: self._images[number], Stream.ir: self._images[number + 1], Stream.colour: self._jpeg}
        return [Part(stream, device_ns, due_ns, images[stream]) for stream in streams]

    def imu(self, most: int) -> Iterator[dict[str, Any]]:
        for _ in range(min(most, self._waiting_samples)):
            self._waiting_samples -= 1
            yield {
                "temperature": 30.0, "acc_sample": (0.1, 9.8, 0.2), "acc_timestamp": self._taken, "gyro_sample": (0.0, 0.0, 0.0),
                "gyro_timestamp": self._taken,
            }  # fmt: skip

    def close(self) -> None:
        """Nothing to let go of."""


def measure(seconds: float, depth_mode: str, colour_mode: str, frames_per_s: int) -> dict[str, float]:
    """Runs the capture loop in this process; CPU is all of it, the stand-in's share being its waits."""
    settings = SourceSettings.model_validate(
        {
            "kind": "azure_kinect", "frames_per_s": float(frames_per_s), "colour_per_s": min(10.0, frames_per_s),
            "kinect": {"depth_mode": depth_mode, "colour_mode": colour_mode},
        }
    )  # fmt: skip
    clock, camera = SystemClock(), StandIn(depth_mode, colour_mode, frames_per_s)

    def publish(topic: BusTopic, message: Message) -> None:
        encode_message(topic, message)

    with tempfile.TemporaryDirectory() as folder:
        source = AzureKinect(settings, clock, lambda _: False, camera)
        capturing = Capturing(Path(folder), source, clock, lambda _: False, publish, structlog.get_logger())
        try:
            for _ in range(6 * frames_per_s):  # every slot of the pool is touched once, colour in every third frame
                capturing.turn()
            capturing.longest_turn_ns, camera.dropped = 0, 0
            before, began_cpu_s, began_s = psutil.Process().memory_info(), time.process_time(), time.monotonic()
            while time.monotonic() - began_s < seconds:
                capturing.turn()
            spent_s, wall_s = time.process_time() - began_cpu_s, time.monotonic() - began_s
            grown_bytes = psutil.Process().memory_info().rss - before.rss
        finally:
            capturing.close()
    return {
        "longest_turn_ms": capturing.longest_turn_ns / 1e6, "core_share": spent_s / wall_s, "dropped": camera.dropped,
        "rss_growth_mb": grown_bytes / 1e6,
    }  # fmt: skip


def figures(seconds: float) -> dict[str, Figure]:
    """The usual mode, and the largest images an Azure Kinect has."""
    usual = measure(seconds, "nfov_unbinned", "1080p", 30)
    largest = measure(seconds / 2, "wfov_unbinned", "3072p", 15)
    found = {}
    for name, case in (("", usual), ("_largest", largest)):
        turn_ms = round(case["longest_turn_ms"], 1)
        found |= {
            f"capture_longest_turn{name}_ms": Figure(
                turn_ms, "ms", f"< {SDK_LIMIT_MS:.0f} (SDK drops)", turn_ms < SDK_LIMIT_MS
            ),
            f"capture_core_share{name}": Figure(
                round(case["core_share"], 4), "of one core", "<= 0.10", case["core_share"] <= 0.10
            ),
            f"capture_dropped{name}": Figure(int(case["dropped"]), "captures", "0", case["dropped"] == 0),
        }
    return found | {
        "capture_rss_growth_mb": Figure(round(usual["rss_growth_mb"], 2), "MB", "< 5", usual["rss_growth_mb"] < 5)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    chosen = parser.parse_args()
    found = figures(chosen.seconds)
    print_results(found)
    write_results("bench-capture", f"python -m tests.bench.bench_capture --seconds {chosen.seconds:g}", found)


if __name__ == "__main__":
    main()
