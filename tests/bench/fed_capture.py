"""The capture process with frames from files in place of a camera: `python -m tests.bench.fed_capture CONFIG FOLDER KIND`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from edge_agent.process_table import row_of
from edge_agent.runner import Context, run_process
from edge_agent.settings import load_settings
from edge_agent.sources.capturing import Capturing
from edge_agent.sources.frame_source import Wait
from shared.clock import NS_PER_S, Clock
from shared.frame import CameraInfo, Frame, Stream
from tests.bench.rendered import AZURE_NFOV, COLOUR_SIZE, FRAMES_PER_S, KINECT_V2, Rendered, open_rendered

KINDS = {kind.name: kind for kind in (KINECT_V2, AZURE_NFOV)}


class FedSource:
    """Rendered frames as a FrameSource in real time, begun again at their end; never skips: who is late is late."""

    streams = (Stream.depth, Stream.ir, Stream.colour)

    def __init__(self, frames: Rendered, clock: Clock, wait: Wait) -> None:
        self._frames, self._clock, self._wait = frames, clock, wait
        self._start_ns = 0
        self._index = -1

    def open(self) -> CameraInfo:
        self._start_ns = self._clock.monotonic_ns()
        kind = self._frames.kind
        return CameraInfo(
            source="simulator", make=f"rendered {kind.name}", depth_width=kind.width, depth_height=kind.height,
            colour_width=COLOUR_SIZE[0], colour_height=COLOUR_SIZE[1], frames_per_s=FRAMES_PER_S,
            colour_per_s=kind.colour_per_s,
        )  # fmt: skip

    def read(self) -> Frame | None:
        self._index += 1
        device_ns = self._index * NS_PER_S // FRAMES_PER_S
        if self._wait(self._start_ns + device_ns):
            return None
        number = self._index % len(self._frames)
        return Frame(
            self._index, device_ns, self._clock.monotonic_ns(), self._clock.utc_ns(), self._frames.depth[number],
            self._frames.ir[number], self._frames.colours.get(number),
        )  # fmt: skip

    def close(self) -> None:
        """Nothing to let go of."""


def run(context: Context, frames: Rendered) -> None:
    """As the capture process does, with the source put in."""

    def wait(until_mono_ns: int) -> bool:
        return context.stop.wait(max(0, until_mono_ns - context.clock.monotonic_ns()) / NS_PER_S)

    source = FedSource(frames, context.clock, wait)
    capturing = Capturing(context.folder, source, context.clock, wait, context.publish, context.log)
    try:
        while not context.stop.is_set():
            context.beat(**capturing.counters())
            capturing.turn()
    finally:
        capturing.close()


def main() -> int:
    config, place, kind = Path(sys.argv[1]), Path(sys.argv[2]), KINDS[sys.argv[3]]
    row = row_of("capture")
    assert row is not None
    frames = open_rendered(place, kind)
    module = "tests.bench.fed_capture_process"
    sys.modules[module] = SimpleNamespace(run=lambda context: run(context, frames))  # type: ignore[assignment]
    return run_process(replace(row, module=module), load_settings(config))


if __name__ == "__main__":
    sys.exit(main())
