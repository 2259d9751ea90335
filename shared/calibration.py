"""What a camera's calibration says in pixels, and the Azure Kinect calibration of a plain pinhole camera.

The raw calibration of an Azure Kinect is a JSON document: lens parameters divided by the size of the whole sensor, counted from
its corner. The SDK crops and bins it to the mode. Facts: Azure-Kinect-Sensor-SDK, src/calibration and src/transformation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.frame import CameraInfo, Stream

DEPTH_SENSOR = (1024, 1024)
COLOUR_SENSOR = (4096, 3072)
_DEPTH, _COLOUR = "CALIBRATION_CameraLocationD0", "CALIBRATION_CameraLocationPV0"
_DEPTH_CROPS = {
    (320, 288): ((512, 512), (96, 90)), (640, 576): ((1024, 1024), (192, 180)), (512, 512): ((512, 512), (0, 0)),
    (1024, 1024): ((1024, 1024), (0, 0)),
}  # fmt: skip
"""Size of a mode's pictures to (size of the binned sensor, corner of the pictures in it)."""
_IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1]


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A lens in pixels of one picture size, pixel centres at whole numbers.

    distortion is k1, k2, p1, p2, k3, k4, k5, k6 of the rational Brown-Conrady model; all 0 for a pinhole.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = (0.0,) * 8


def intrinsics_of(camera: CameraInfo, stream: Stream) -> Intrinsics | None:
    """The lens of that stream as the camera's calibration has it; None when it has none or of an unknown kind."""
    of_colour = stream is Stream.colour
    size = (camera.colour_width, camera.colour_height) if of_colour else (camera.depth_width, camera.depth_height)
    crop = _colour_crop(size) if of_colour else _depth_crop(size)
    values = _parameters(camera.calibration, _COLOUR if of_colour else _DEPTH)
    if values is None:
        return None
    (width, height), (left, top) = crop
    cx, cy, fx, fy, k1, k2, k3, k4, k5, k6, _, _, p2, p1 = values
    return Intrinsics(
        size[0], size[1], fx * width, fy * height, cx * width - left - 0.5, cy * height - top - 0.5,
        (k1, k2, p1, p2, k3, k4, k5, k6),
    )  # fmt: skip


def pinhole_calibration(depth: Intrinsics, colour: Intrinsics | None) -> dict[str, Any]:
    """A raw calibration that the Azure Kinect SDK reads, for a camera without distortion whose sensors look alike.

    Without `colour` a nominal one stands in: the SDK refuses a calibration that lacks it. Depth pictures of a size that no
    Azure Kinect has count as a whole sensor; the SDK refuses those, other readers need not.
    """
    crop = _depth_crop((depth.width, depth.height))
    colour = colour or Intrinsics(1280, 720, 1280.0, 1280.0, 639.5, 359.5)
    colour_crop = _colour_crop((colour.width, colour.height))
    depth_sensor = DEPTH_SENSOR if (depth.width, depth.height) in _DEPTH_CROPS else (depth.width, depth.height)
    cameras = [
        _camera(_DEPTH, "Depth", depth_sensor, depth, crop),
        _camera(_COLOUR, "PhotoVideo", COLOUR_SENSOR, colour, colour_crop),
    ]
    return {
        "CalibrationInformation": {
            "Cameras": cameras,
            "InertialSensors": [_inertial(kind) for kind in ("Gyro", "Accelerometer")],
            "Metadata": {"SerialId": "none", "Version": {"Major": 1, "Minor": 2}},
        }
    }


_Crop = tuple[tuple[int, int], tuple[int, int]]


def _depth_crop(size: tuple[int, int]) -> _Crop:
    return _DEPTH_CROPS.get(size, (size, (0, 0)))


def _colour_crop(size: tuple[int, int]) -> _Crop:
    """Colour modes use the sensor's whole width; pictures of 16:9 are cut from the middle of its 4:3."""
    width, height = size
    full = width * 3 // 4
    return (width, full), (0, (full - height) // 2)


def _parameters(calibration: Mapping[str, Any], location: str) -> Sequence[float] | None:
    """The 14 lens parameters of one sensor: cx, cy, fx, fy, k1..k6, codx, cody, p2, p1."""
    try:
        cameras = calibration["CalibrationInformation"]["Cameras"]
        found = next(each["Intrinsics"] for each in cameras if each["Location"] == location)
        values = [float(value) for value in found["ModelParameters"]]
    except (KeyError, TypeError, ValueError, StopIteration):
        return None
    brown = found.get("ModelType") == "CALIBRATION_LensDistortionModelBrownConrady"
    return values if brown and len(values) == 14 else None


def _camera(location: str, purpose: str, sensor: tuple[int, int], lens: Intrinsics, crop: _Crop) -> dict[str, Any]:
    (width, height), (left, top) = crop
    k1, k2, p1, p2, k3, k4, k5, k6 = lens.distortion
    parameters = [
        (lens.cx + left + 0.5) / width, (lens.cy + top + 0.5) / height, lens.fx / width, lens.fy / height,
        k1, k2, k3, k4, k5, k6, 0, 0, p2, p1,
    ]  # fmt: skip
    return {
        "Intrinsics": {
            "ModelParameterCount": 14, "ModelParameters": parameters,
            "ModelType": "CALIBRATION_LensDistortionModelBrownConrady",
        },
        "Location": location, "Purpose": f"CALIBRATION_CameraPurpose{purpose}", "MetricRadius": 0,
        "Rt": {"Rotation": _IDENTITY, "Translation": [0, 0, 0]}, "SensorHeight": sensor[1], "SensorWidth": sensor[0],
        "Shutter": "CALIBRATION_ShutterTypeUndefined", "ThermalAdjustmentParams": {"Params": [0] * 12},
    }  # fmt: skip


def _inertial(kind: str) -> dict[str, Any]:
    """A sensor without bias that looks along the depth camera's axes."""
    mixing = [0] * 36
    mixing[0] = mixing[16] = mixing[32] = 1
    return {
        "BiasTemperatureModel": [0] * 12, "BiasUncertainty": [0, 0, 0], "Id": "none",
        "MixingMatrixTemperatureModel": mixing, "ModelTypeMask": 16, "Noise": [0] * 6,
        "Rt": {"Rotation": _IDENTITY, "Translation": [0, 0, 0]}, "SecondOrderScaling": [0] * 9,
        "SensorType": f"CALIBRATION_InertialSensorType_{kind}", "TemperatureBounds": [5, 60], "TemperatureC": 0,
    }  # fmt: skip
