"""A lens survives its way into an Azure Kinect calibration and back, in every mode; the real camera's is understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.calibration import Intrinsics, intrinsics_of, pinhole_calibration
from shared.frame import CameraInfo, Stream


def camera_of(size: tuple[int, int], calibration: dict[str, Any], colour: tuple[int, int] = (1280, 720)) -> CameraInfo:
    return CameraInfo(
        source="test", make="test", depth_width=size[0], depth_height=size[1], colour_width=colour[0],
        colour_height=colour[1], frames_per_s=30, calibration=calibration,
    )  # fmt: skip


@pytest.mark.parametrize("size", [(320, 288), (640, 576), (512, 512), (1024, 1024), (512, 424)])
@pytest.mark.parametrize("colour", [(1280, 720), (1920, 1080), (4096, 3072)])
def test_the_lens_comes_back(size: tuple[int, int], colour: tuple[int, int]) -> None:
    depth = Intrinsics(*size, 365.5, 366.5, size[0] / 2 - 3.25, size[1] / 2 + 1.5)
    picture = Intrinsics(*colour, 900.0, 901.0, colour[0] / 2, colour[1] / 2 - 7)
    camera = camera_of(size, json.loads(json.dumps(pinhole_calibration(depth, picture))), colour)
    for stream, wanted in ((Stream.depth, depth), (Stream.ir, depth), (Stream.colour, picture)):
        found = intrinsics_of(camera, stream)
        assert found is not None
        assert (found.fx, found.fy, found.cx, found.cy) == pytest.approx((wanted.fx, wanted.fy, wanted.cx, wanted.cy))


@pytest.mark.parametrize(
    "calibration",
    [
        {},
        {"CalibrationInformation": []},
        {"CalibrationInformation": {"Cameras": [{"Location": "x"}]}},
        {"a": {"b": None}},
    ],
)
def test_what_is_no_calibration_is_none(calibration: dict[str, Any]) -> None:
    assert intrinsics_of(camera_of((640, 576), calibration), Stream.depth) is None
