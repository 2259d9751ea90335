"""A camera for the live view's tests: frames of a bed in its pool and on its bus, 20 a second, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge_agent.bus import Publisher
from edge_agent.bus_messages import BusTopic
from edge_agent.frame_pool import FramePoolWriter, PoolInfo, remove_pools
from shared.frame import Stream
from tests.fakes.frame_source import camera_info, make_frame

RATE = 20.0


class StudioCamera:
    """`published` counts the frames."""

    def __init__(self, folder: Path, streams: tuple[Stream, ...]) -> None:
        self.published = 0
        self._streams = streams
        self._writer = FramePoolWriter(folder, PoolInfo(camera=camera_info(RATE), streams=list(streams)))
        self._bus = Publisher(folder, "capture")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(1 / RATE):
            frame = make_frame(self.published, streams=self._streams)
            frame = replace(frame, mono_ns=time.monotonic_ns(), utc_ns=time.time_ns())
            self._bus.publish(BusTopic.frame, self._writer.write(frame))
            self.published += 1

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)
        self._bus.close()


@contextmanager
def studio_camera(folder: Path, *streams: Stream) -> Iterator[StudioCamera]:
    """Runs until the block ends."""
    camera = StudioCamera(folder, streams or (Stream.ir, Stream.depth))
    try:
        yield camera
    finally:
        camera.close()
        remove_pools(folder)
