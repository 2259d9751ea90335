"""One capture of the camera: depth, infrared and colour as they came, with the three clocks that date it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from shared.contract import Contract, Text
from shared.imu import ImuSample

Uint16Image = npt.NDArray[np.uint16]
Uint8Image = npt.NDArray[np.uint8]


class Stream(StrEnum):
    """What a camera gives, and the preview that the recorder makes of it."""

    depth = "depth"
    ir = "ir"
    colour = "colour"
    preview = "preview"


RECORDED_STREAMS = (Stream.depth, Stream.ir, Stream.colour)


@dataclass(frozen=True, slots=True)
class Frame:
    """One capture.

    index counts captures since the source opened, gaps included; device_ns is the camera's clock, mono_ns the host's
    monotonic clock at arrival, utc_ns the wall clock at arrival. depth is uint16 (H, W) in millimetres, 0 where the
    camera has no reading; ir is uint16 (H, W) active infrared; colour is the camera's JPEG bytes. A missing image is None. imu are the
    inertial samples that arrived since the capture before.
    """

    index: int
    device_ns: int
    mono_ns: int
    utc_ns: int
    depth: Uint16Image | None
    ir: Uint16Image | None
    colour: bytes | None
    imu: tuple[ImuSample, ...] = ()


TagName = Annotated[Text, Field(max_length=64)]
TagText = Annotated[Text, Field(max_length=256)]


class CameraInfo(Contract):
    """What a source says of itself when it opens; kept in each segment's header."""

    source: Text = Field(max_length=64, description="name of the source: simulator, mkv_playback, azure_kinect")
    make: Text = Field(max_length=128)
    depth_width: int = Field(ge=0, le=8192)
    depth_height: int = Field(ge=0, le=8192)
    colour_width: int = Field(default=0, ge=0, le=8192)
    colour_height: int = Field(default=0, ge=0, le=8192)
    frames_per_s: float = Field(gt=0, le=240)
    colour_per_s: float = Field(default=0, ge=0, le=240)
    calibration: dict[str, Any] = Field(default_factory=dict, description="the camera's own calibration, unchanged")
    tags: Annotated[dict[TagName, TagText], Field(max_length=64)] = Field(
        default_factory=dict,
        description="modes, serial, firmware and what was set, under the recorder's names (K4A_…) where it has one",
    )
