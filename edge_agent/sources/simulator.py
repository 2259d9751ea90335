"""The simulated ward as a camera: real time by the clock, colour at its own rate; a frame that would be late is skipped."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edge_agent.settings import SourceSettings
from edge_agent.sources.frame_source import Wait
from edge_agent.sources.jpeg import JpegEncoder
from shared.calibration import Intrinsics, pinhole_calibration
from shared.clock import NS_PER_S, Clock
from shared.errors import Misconfigured
from shared.frame import CameraInfo, Frame, Stream
from shared.ward import Night, Ward, plan_demo, plan_night
from shared.ward.camera import KINECT_V2, KINECT_V2_COLOUR

NIGHT_S = 12 * 3600.0
SEIZURES_PER_H = 0.5
CONFOUNDERS_PER_H = 8.0
BUFFERED_NS = NS_PER_S // 2


def night_of(settings: SourceSettings) -> Night:
    """The plan that the settings name: 20 lively minutes for a demonstration, or 12 h of a night."""
    if settings.plan == "demo":
        return plan_demo(settings.patient_seed, settings.night_seed)
    return plan_night(
        settings.patient_seed, settings.night_seed, NIGHT_S, seizures_per_h=SEIZURES_PER_H,
        confounders_per_h=CONFOUNDERS_PER_H,
    )  # fmt: skip


class Simulator:
    """A seeded ward bed as a FrameSource: the same seeds show the same night, from its start at each opening.

    Frame k shows the night at k / frames_per_s seconds and is dated so, as if a camera had taken it. Rendering may lag a little,
    as a camera's own buffer does; when it falls further behind, frames are skipped and `index` jumps.
    """

    def __init__(self, settings: SourceSettings, clock: Clock, wait: Wait) -> None:
        self._settings = settings
        self._clock, self._wait = clock, wait
        self._ward: Ward | None = None
        self._jpeg = JpegEncoder(settings.colour_width, settings.colour_height) if settings.colour_per_s else None
        self._start_ns = 0
        self._index = -1
        self._colour_count = -1

    @property
    def streams(self) -> tuple[Stream, ...]:
        pair = (Stream.depth, Stream.ir)
        return (*pair, Stream.colour) if self._jpeg else pair

    def open(self) -> CameraInfo:
        """Renders one frame first: compiling takes a while on a fresh machine and must not count as lost frames."""
        settings = self._settings
        try:
            self._ward = Ward(night_of(settings), width=settings.width, height=settings.height)
        except ValueError as error:
            raise Misconfigured(f"The simulator refuses its settings: {error}.") from error
        self._ward.at(0.0)
        if self._jpeg:
            self._jpeg.encode(self._ward.colour(0.0, settings.colour_width, settings.colour_height))
        self._start_ns = self._clock.monotonic_ns()
        return CameraInfo(
            source="simulator", make="simulated Kinect v2", depth_width=settings.width, depth_height=settings.height,
            colour_width=settings.colour_width if self._jpeg else 0,
            colour_height=settings.colour_height if self._jpeg else 0,
            frames_per_s=settings.frames_per_s, colour_per_s=settings.colour_per_s,
            calibration=_calibration(settings),
        )  # fmt: skip

    def read(self) -> Frame | None:
        """Waits for the next frame's time and renders it."""
        if self._ward is None:
            raise Misconfigured("The simulator is not open.")
        period_ns = NS_PER_S / self._settings.frames_per_s
        self._index += 1
        behind_ns = self._clock.monotonic_ns() - self._start_ns - self._index * period_ns
        if behind_ns > BUFFERED_NS:
            self._index += int(behind_ns // period_ns)
        device_ns = round(self._index * period_ns)
        if self._wait(self._start_ns + device_ns):
            return None
        t_s = device_ns / NS_PER_S
        scene = self._ward.at(t_s)
        colour = self._colour(self._ward, t_s)
        mono_ns = self._start_ns + device_ns
        utc_ns = self._clock.utc_ns() - (self._clock.monotonic_ns() - mono_ns)
        return Frame(self._index, device_ns, mono_ns, utc_ns, scene.depth_mm, scene.ir, colour)

    def _colour(self, ward: Ward, t_s: float) -> bytes | None:
        """A colour picture whenever its own period begins."""
        settings = self._settings
        count = int(t_s * settings.colour_per_s + 1e-6)
        if self._jpeg is None or count == self._colour_count:
            return None
        self._colour_count = count
        return self._jpeg.encode(ward.colour(t_s, settings.colour_width, settings.colour_height))

    def close(self) -> None:
        self._ward = None


def _calibration(settings: SourceSettings) -> dict[str, Any]:
    """The ward's two pinholes at the sizes of the pictures."""
    depth = KINECT_V2.scaled(settings.width, settings.height)
    colour = KINECT_V2_COLOUR.scaled(settings.colour_width, settings.colour_height) if settings.colour_per_s else None
    return pinhole_calibration(Intrinsics(**asdict(depth)), Intrinsics(**asdict(colour)) if colour else None)
