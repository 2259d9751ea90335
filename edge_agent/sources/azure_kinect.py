"""An Azure Kinect as a FrameSource. The SDK drops captures when nobody comes back within 230 ms, so a turn only fetches and counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol

from edge_agent.settings import KinectSettings, SourceSettings
from edge_agent.sources.capture_counter import CaptureCounter
from edge_agent.sources.frame_source import Wait
from edge_agent.sources.kinect_frames import Part, frame_of, sample_of
from edge_agent.sources.kinect_modes import COLOUR_MODES, DEPTH_MODES
from edge_agent.sources.pairing import Capture, Pairing
from shared.clock import NS_PER_S, Clock
from shared.errors import Misconfigured, Transient
from shared.frame import CameraInfo, Frame, Stream
from shared.imu import ImuSample

TIMEOUT_MS = 150
"""One wait for a capture; after it the stop is looked at. Longer than two frames at 15 a second."""
FIRST_CAPTURE_NS = 8 * NS_PER_S
SILENCE_NS = 3 * NS_PER_S
"""Without a capture for this long (8 s after opening: the depth engine warms up) the camera counts as lost and is opened anew."""
MOST_IMU_A_FRAME = 512
"""The unit gives some 1600 samples a second, 320 a frame at 5 frames a second; what is above waits in the SDK, which holds 0.5 s."""


class Device(Protocol):
    """An open camera; `edge_agent.sources.kinect_library.KinectDevice` is the real one."""

    serial: str
    firmware: dict[str, str]
    calibration: dict[str, Any]

    def capture(self, timeout_ms: int, streams: tuple[Stream, ...]) -> list[Part] | None: ...
    def imu(self, most: int) -> Iterator[dict[str, Any]]: ...
    def close(self) -> None: ...


class Library(Protocol):
    """What opens cameras."""

    def open(self, settings: KinectSettings, frames_per_s: float) -> Device: ...


class AzureKinect:
    """The camera that the settings name. `library` is loaded at the first opening unless it is given."""

    def __init__(self, settings: SourceSettings, clock: Clock, wait: Wait, library: Library | None = None) -> None:
        self._settings, self._clock, self._wait, self._library = settings, clock, wait, library
        self._depth = DEPTH_MODES[settings.kinect.depth_mode]
        self._colour = COLOUR_MODES[settings.kinect.colour_mode if settings.colour_per_s else "off"]
        self._period_ns = round(NS_PER_S / settings.frames_per_s)
        self._device: Device | None = None
        self._begin()

    def _begin(self) -> None:
        self._pairing: Pairing[Part] = Pairing(self.streams, self._period_ns)
        self._counter = CaptureCounter(self._period_ns)
        self._ready: deque[Capture[Part]] = deque()
        self._imu: list[ImuSample] = []
        self._colour_due_ns: int | None = None
        self._silent_after_ns = self._clock.monotonic_ns() + FIRST_CAPTURE_NS

    @property
    def streams(self) -> tuple[Stream, ...]:
        depth = () if self._depth.word == "PASSIVE_IR" else (Stream.depth,)
        colour = (Stream.colour,) if self._colour.width else ()
        return (*depth, Stream.ir, *colour)

    def open(self) -> CameraInfo:
        """Raises Transient when no such camera can be opened now, Refused when it never can, Misconfigured without the extra."""
        if self._library is None:
            from edge_agent.sources.kinect_library import KinectLibrary

            self._library = KinectLibrary()
        chosen = self._settings.kinect
        if not self._colour.width:
            chosen = chosen.model_copy(update={"colour_mode": "off"})
        self._device = self._library.open(chosen, self._settings.frames_per_s)
        self._begin()
        return CameraInfo(
            source="azure_kinect", make=f"Azure Kinect {self._device.serial}"[:128], depth_width=self._depth.width,
            depth_height=self._depth.height, colour_width=self._colour.width, colour_height=self._colour.height,
            frames_per_s=self._settings.frames_per_s,
            colour_per_s=self._settings.colour_per_s if self._colour.width else 0,
            calibration=self._device.calibration, tags=self._tags(self._device, chosen),
        )  # fmt: skip

    def read(self) -> Frame | None:
        """The next capture; None when the process shall stop. Raises Transient when the camera is lost or silent."""
        if self._device is None:
            raise Misconfigured("The camera is not open.")
        while not self._ready:
            parts = self._device.capture(TIMEOUT_MS, self.streams)
            now_ns = self._clock.monotonic_ns()
            room = MOST_IMU_A_FRAME - len(self._imu)
            self._imu.extend(sample_of(found, now_ns) for found in self._device.imu(room))
            if parts is None:
                self._ready.extend(self._pairing.flush())
                if not self._ready and now_ns > self._silent_after_ns:
                    raise Transient("The camera gives no captures; it is opened anew.")
                if not self._ready and self._wait(now_ns):
                    return None
                continue
            self._silent_after_ns = now_ns + SILENCE_NS
            for part in parts:
                self._ready.extend(self._pairing.add(part.stream, part.device_ns, part))
        return self._frame(self._ready.popleft())

    def _frame(self, capture: Capture[Part]) -> Frame:
        imu, self._imu = tuple(self._imu), []
        now_ns = (self._clock.monotonic_ns(), self._clock.utc_ns())
        index = self._counter.next(capture.device_ns)
        return frame_of(capture, index, now_ns, self._colour_is_due(capture.device_ns), imu)

    def _colour_is_due(self, device_ns: int) -> bool:
        """Thins colour to its own rate: a picture is kept when its time has come, within half a frame."""
        if not self._colour.width:
            return False
        every_ns = round(NS_PER_S / self._settings.colour_per_s)
        due_ns = device_ns if self._colour_due_ns is None else self._colour_due_ns
        if device_ns < due_ns - self._period_ns // 2 and due_ns - device_ns <= every_ns:
            return False
        self._colour_due_ns = due_ns + every_ns if abs(device_ns - due_ns) < every_ns else device_ns + every_ns
        return True

    def close(self) -> None:
        """Lets go of the camera. Closing twice does nothing."""
        device, self._device = self._device, None
        self._ready.clear()
        self._pairing.flush()
        if device is not None:
            device.close()

    def _tags(self, device: Device, chosen: KinectSettings) -> dict[str, str]:
        """What was chosen, under the names that Microsoft's recorder gives it; the rest under our settings' names."""
        passive = self._depth.word == "PASSIVE_IR"
        tags = {
            "K4A_DEPTH_MODE": self._depth.word,
            "K4A_IR_MODE": "PASSIVE" if passive else "ACTIVE",
            "K4A_COLOR_MODE": self._colour.word,
            "K4A_IMU_MODE": "ON" if chosen.imu else "OFF",
            "K4A_DEPTH_DELAY_NS": str(chosen.depth_delay_us * 1000),
            "K4A_WIRED_SYNC_MODE": chosen.sync.upper(),
            "K4A_SUBORDINATE_DELAY_NS": str(chosen.subordinate_delay_us * 1000),
            "K4A_DEVICE_SERIAL_NUMBER": device.serial[:256],
            "K4A_COLOR_FIRMWARE_VERSION": device.firmware.get("colour", ""),
            "K4A_DEPTH_FIRMWARE_VERSION": device.firmware.get("depth", ""),
        }
        for name in ("exposure_us", "white_balance_k"):
            tags[name] = str(getattr(chosen, name) or "automatic")
        for name in ("gain", "brightness", "contrast", "saturation", "sharpness", "backlight_compensation"):
            value = getattr(chosen, name)
            tags[name] = "default" if value is None else str(value)
        return tags | {"powerline_hz": str(chosen.powerline_hz)}
