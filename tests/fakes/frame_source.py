"""Frames of a known scene for tests: small, seeded, different from each other; and a FrameSource that plays a script of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from shared.clock import NS_PER_S
from shared.errors import DeepEpilError
from shared.frame import CameraInfo, Frame, Stream
from tests.fakes.clock import START_MONO_NS, START_UTC_NS, FakeClock

WIDTH, HEIGHT = 128, 106
FRAMES_PER_S = 30
PERIOD_NS = NS_PER_S // FRAMES_PER_S
BOTH = (Stream.depth, Stream.ir)
ALL = (*BOTH, Stream.colour)


def camera_info(colour_per_s: float = 0.0) -> CameraInfo:
    """A small camera with 30 frames a second."""
    size = (160, 120) if colour_per_s else (0, 0)
    return CameraInfo(
        source="fake", make="fake", depth_width=WIDTH, depth_height=HEIGHT, colour_width=size[0],
        colour_height=size[1], frames_per_s=FRAMES_PER_S, colour_per_s=colour_per_s, calibration={"k": [1, 2.5]},
    )  # fmt: skip


def make_frame(index: int, *, mono_ns: int | None = None, streams: Iterable[Stream] = BOTH) -> Frame:
    """Frame `index` of the scene, at its nominal time unless `mono_ns` says otherwise."""
    rng = np.random.default_rng(index)
    at_ns = START_MONO_NS + index * PERIOD_NS if mono_ns is None else mono_ns
    wanted = set(streams)
    depth = rng.integers(0, 4000, (HEIGHT, WIDTH)).astype(np.uint16)
    ir = rng.integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16)
    colour = b"\xff\xd8" + rng.bytes(40 + index % 7) + b"\xff\xd9"
    return Frame(
        index, index * PERIOD_NS, at_ns, at_ns - START_MONO_NS + START_UTC_NS,
        depth if Stream.depth in wanted else None, ir if Stream.ir in wanted else None,
        colour if Stream.colour in wanted else None,
    )  # fmt: skip


class ScriptedSource:
    """Gives the frames of a script at their times; an error in it is raised, its end is the end of the recording."""

    def __init__(self, clock: FakeClock, script: Iterable[Frame | DeepEpilError]) -> None:
        self._clock = clock
        self._script: Iterator[Frame | DeepEpilError] = iter(script)
        self.opened = 0
        self.streams: tuple[Stream, ...] = BOTH

    def open(self) -> CameraInfo:
        self.opened += 1
        return camera_info()

    def read(self) -> Frame | None:
        found = next(self._script, None)
        if isinstance(found, DeepEpilError):
            raise found
        if found is not None:
            self._clock.wait(found.mono_ns)
        return found

    def close(self) -> None:
        """Nothing to let go of."""
