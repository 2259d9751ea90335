"""The Azure Kinect SDK through the module pyk4a, with what that module gets wrong or leaves out.

Read in pyk4a 1.5.0 and measured: each result None costs one reference of the object None (a day of such calls ends the process),
and each capture leaves 111 bytes behind (0.3 GB a day at 30 a second). So captures are fetched from the SDK directly, by the
same handles, and lost references are given back. Firmware versions, which pyk4a does not tell, are asked for the same way.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edge_agent.settings import KinectSettings
from edge_agent.sources.kinect_faults import SdkLog, explain
from edge_agent.sources.kinect_frames import Part, parts_of
from edge_agent.sources.kinect_modes import COLOUR_MODES, DEPTH_MODES, RATES, SYNC_MODES
from shared.errors import DeepEpilError, Misconfigured, Refused, Transient
from shared.frame import Stream

MOST_CALIBRATION_BYTES = 256 * 1024
TRIM_EVERY = 1024
_CAPTURE_CAPSULE = b"pyk4a capture handle"
_DEVICE_CAPSULE = b"pyk4a device handle"
_FAILED, _TIMED_OUT = 1, 2
_PYTHON = ctypes.pythonapi
_PYTHON.PyCapsule_New.restype = ctypes.py_object
_PYTHON.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_PYTHON.PyCapsule_GetPointer.restype = ctypes.c_void_p
_PYTHON.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_PYTHON.Py_IncRef.argtypes = [ctypes.py_object]


class _Versions(ctypes.Structure):
    """k4a_hardware_version_t: four versions of three numbers, then build and signature."""

    _fields_ = [("numbers", ctypes.c_uint32 * 12), ("build", ctypes.c_int), ("signature", ctypes.c_int)]


def give_back_none() -> None:
    """pyk4a returned None without owning it. Too many of them do no harm; one too few, often enough, ends the process."""
    _PYTHON.Py_IncRef(None)


class KinectLibrary:
    """The loaded library. Raises Misconfigured when the extra `kinect` is not installed or does not load."""

    def __init__(self) -> None:
        if find_spec("pyk4a") is None:
            raise Misconfigured(
                "The source azure_kinect needs the extra kinect, in an environment of its own: requirements/kinect.txt."
            )
        self.log = SdkLog()
        try:
            import pyk4a
        except ImportError as error:
            raise Misconfigured(f"The Azure Kinect library cannot be loaded: {error}.") from error
        self.module: Any = pyk4a
        self.sdk: Any = _loaded_sdk()

    def open(self, settings: KinectSettings, frames_per_s: float) -> KinectDevice:
        """The camera of that serial number (the only one, if none is named), streaming. Raises Transient or Refused."""
        self.log.trim()
        self.log.mark()
        count = int(self.module.connected_device_count())
        if not count:
            raise Transient("No Azure Kinect is connected: look at its cable and its power.")
        if count > 1 and not settings.serial:
            raise Transient(f"{count} cameras are connected: name one of them in source.kinect.serial.")
        closed = 0
        seen = []
        for index in range(count):
            device = self.module.PyK4A(_configuration(self.module, settings, frames_per_s), index, thread_safe=False)
            try:
                device.open()
                serial = device.serial
            except self.module.K4AException as error:
                closed += 1
                if device.opened:
                    device.close()
                if not settings.serial:
                    raise explain(self.log.said(), "The camera cannot be opened.") from error
                continue
            if settings.serial in {"", serial}:
                found = KinectDevice(self, device, serial, settings)
                self.log.mark()
                return found
            seen.append(serial)
            device.close()
        if closed:
            raise explain(self.log.said(), f"The camera {settings.serial} cannot be opened.")
        raise Transient(f"The camera {settings.serial} is not connected; there is {', '.join(seen)}.")


class KinectDevice:
    """One open camera, its streams running."""

    def __init__(self, library: KinectLibrary, device: Any, serial: str, settings: KinectSettings) -> None:
        self._library, self._device, self._settings = library, device, settings
        self.serial = serial
        self._handle = ctypes.c_void_p()
        self._captures = 0
        self._native = self._native_of(device)
        try:
            self.firmware = self._firmware()
            self.calibration = self._calibration()
            self._set_controls()
            self._start()
        except DeepEpilError:
            self.close()
            raise

    def capture(self, timeout_ms: int, streams: tuple[Stream, ...]) -> list[Part] | None:
        """The images of the next capture, views of the SDK's memory; None when none came in time. Raises Transient."""
        self._captures += 1
        if self._captures % TRIM_EVERY == 0:
            self._library.log.trim()
        result = self._library.sdk.k4a_device_get_capture(self._native, ctypes.byref(self._handle), timeout_ms)
        if result == _TIMED_OUT:
            return None
        if result == _FAILED:
            raise explain(self._library.log.said(), "The camera was lost: no capture can be read.")
        try:
            capsule = _PYTHON.PyCapsule_New(ctypes.addressof(self._handle), _CAPTURE_CAPSULE, None)
            parts = parts_of(self._library.module.PyK4ACapture(None, capsule, 0, thread_safe=False), streams)
        finally:
            self._library.sdk.k4a_capture_release(self._handle)
        for _ in range(len(streams) - len(parts)):
            give_back_none()
        return parts

    def imu(self, most: int) -> Iterator[dict[str, Any]]:
        """The inertial samples that wait in the SDK, at most so many. Raises Transient."""
        if not self._settings.imu:
            return
        for _ in range(most):
            try:
                found = self._device.get_imu_sample(0)
            except self._library.module.K4ATimeoutException:
                give_back_none()
                return
            except self._library.module.K4AException as error:
                give_back_none()
                raise explain(
                    self._library.log.said(), "The camera was lost: no inertial sample can be read."
                ) from error
            yield found

    def close(self) -> None:
        """Stops the streams and lets go of the camera."""
        device, self._device = self._device, None
        if device is None:
            return
        for stop in (device._stop_imu, device._stop_cameras, device._device_close):
            try:
                stop()
            except self._library.module.K4AException:
                continue
        device.is_running, device._device_handle = False, None

    def _native_of(self, device: Any) -> ctypes.c_void_p:
        """The SDK's own handle inside pyk4a's."""
        address = _PYTHON.PyCapsule_GetPointer(device._device_handle, _DEVICE_CAPSULE)
        return ctypes.c_void_p(ctypes.c_void_p.from_address(address).value)

    def _firmware(self) -> dict[str, str]:
        versions = _Versions()
        if self._library.sdk.k4a_device_get_version(self._native, ctypes.byref(versions)) != 0:
            raise explain(self._library.log.said(), "The camera does not tell its firmware.")
        numbers = list(versions.numbers)
        return {
            name: ".".join(str(number) for number in numbers[3 * at : 3 * at + 3])
            for at, name in enumerate(("colour", "depth", "audio", "depth_sensor"))
        }

    def _calibration(self) -> dict[str, Any]:
        """The camera's calibration as it keeps it. Raises Transient: without it the recording would be worth little."""
        raw = self._device.calibration_raw
        if not raw or len(raw) > MOST_CALIBRATION_BYTES:
            raise explain(self._library.log.said(), "The camera's calibration cannot be read.")
        try:
            found = json.loads(raw, parse_constant=lambda _: None)
        except (ValueError, RecursionError) as error:
            raise Transient("The camera's calibration is not JSON.") from error
        return found if isinstance(found, dict) else {}

    def _set_controls(self) -> None:
        """What is chosen is set, the rest goes back to the camera's default: it remembers what another program had set."""
        settings, command = self._settings, self._library.module.ColorControlCommand
        if settings.colour_mode == "off":
            return
        chosen = {
            "exposure_us": (command.EXPOSURE_TIME_ABSOLUTE, settings.exposure_us or None),
            "white_balance_k": (command.WHITEBALANCE, settings.white_balance_k or None),
            "gain": (command.GAIN, settings.gain),
            "brightness": (command.BRIGHTNESS, settings.brightness),
            "contrast": (command.CONTRAST, settings.contrast),
            "saturation": (command.SATURATION, settings.saturation),
            "sharpness": (command.SHARPNESS, settings.sharpness),
            "backlight_compensation": (command.BACKLIGHT_COMPENSATION, settings.backlight_compensation),
            "powerline_hz": (command.POWERLINE_FREQUENCY, {50: 1, 60: 2}[settings.powerline_hz]),
        }
        for name, (which, value) in chosen.items():
            try:
                if value is not None:
                    self._device._set_color_control(which, value)
                else:
                    can = self._device._get_color_control_capabilities(which)
                    self._device._set_color_control(which, can["default_value"], can["default_mode"])
            except self._library.module.K4AException as error:
                if value is not None:
                    raise Refused(f"The camera refuses source.kinect.{name} = {value}.") from error

    def _start(self) -> None:
        try:
            self._device._start_cameras()
            if self._settings.imu:
                self._device._start_imu()
        except self._library.module.K4AException as error:
            raise explain(self._library.log.said(), "The camera does not start its streams.") from error


def _configuration(module: Any, settings: KinectSettings, frames_per_s: float) -> Any:
    return module.Config(
        color_resolution=module.ColorResolution(COLOUR_MODES[settings.colour_mode].number),
        color_format=module.ImageFormat.COLOR_MJPG,
        depth_mode=module.DepthMode(DEPTH_MODES[settings.depth_mode].number),
        camera_fps=module.FPS(RATES[round(frames_per_s)]),
        synchronized_images_only=False,
        depth_delay_off_color_usec=settings.depth_delay_us,
        wired_sync_mode=module.WiredSyncMode(SYNC_MODES[settings.sync]),
        subordinate_delay_off_master_usec=settings.subordinate_delay_us,
        disable_streaming_indicator=not settings.status_light,
    )


def _loaded_sdk() -> Any:
    """The libk4a that pyk4a loaded, for calls of our own; its file has a name that differs from build to build."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = Path(line.split(maxsplit=5)[-1])
        if path.name.startswith("libk4a") and not path.name.startswith("libk4arecord"):
            sdk = ctypes.CDLL(str(path))
            sdk.k4a_device_get_capture.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32]
            sdk.k4a_capture_release.argtypes = [ctypes.c_void_p]
            sdk.k4a_capture_release.restype = None
            sdk.k4a_device_get_version.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
            return sdk
    raise Misconfigured("The Azure Kinect library is loaded, but its libk4a is not found.")
