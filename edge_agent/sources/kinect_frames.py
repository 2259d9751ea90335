"""From a capture of the Azure Kinect library to a Frame. A device and a recording give captures of one shape, and both go this way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge_agent.sources.pairing import Capture
from shared.clock import NS_PER_S
from shared.frame import Frame, Stream
from shared.imu import ImuSample

NS_PER_US = 1000
OLDEST_ARRIVAL_NS = 2 * NS_PER_S
"""The SDK dates the arrival of an image by the host's monotonic clock; an older or a future date is not believed."""


@dataclass(frozen=True, slots=True)
class Part:
    """One image of a capture. `image` is a view of the SDK's own memory: uint16 (H, W), or the JPEG's bytes as uint8 (N,)."""

    stream: Stream
    device_ns: int
    arrival_ns: int
    image: npt.NDArray[Any]


class LibraryCapture(Protocol):
    """What pyk4a calls a capture, of a device or of a recording."""

    depth: npt.NDArray[np.uint16] | None
    depth_timestamp_usec: int
    depth_system_timestamp_nsec: int
    ir: npt.NDArray[np.uint16] | None
    ir_timestamp_usec: int
    ir_system_timestamp_nsec: int
    color: npt.NDArray[np.uint8] | None
    color_timestamp_usec: int
    color_system_timestamp_nsec: int


_NAMES = {Stream.depth: "depth", Stream.ir: "ir", Stream.colour: "color"}


def parts_of(capture: LibraryCapture, streams: Iterable[Stream]) -> list[Part]:
    """The images of the capture, of those streams alone. Each missing image is asked for once."""
    parts = []
    for stream in streams:
        name = _NAMES[stream]
        image = getattr(capture, name)
        if image is not None and image.size:
            device_us = getattr(capture, f"{name}_timestamp_usec")
            arrival_ns = getattr(capture, f"{name}_system_timestamp_nsec")
            parts.append(Part(stream, device_us * NS_PER_US, arrival_ns, image))
    return parts


def frame_of(
    capture: Capture[Part], index: int, now_ns: tuple[int, int], with_colour: bool, imu: tuple[ImuSample, ...] = (),
) -> Frame:  # fmt: skip
    """The Frame of a paired capture. now_ns is the monotonic and the wall clock; depth and infrared stay views, colour is copied."""
    arrivals = [part.arrival_ns for part in capture.images.values()]
    age_ns = now_ns[0] - max(arrivals)
    if not 0 <= age_ns <= OLDEST_ARRIVAL_NS:
        age_ns = 0
    images = {stream: part.image for stream, part in capture.images.items()}
    colour = images.get(Stream.colour)
    return Frame(
        index, capture.device_ns, now_ns[0] - age_ns, now_ns[1] - age_ns, images.get(Stream.depth), images.get(Stream.ir),
        colour.tobytes() if colour is not None and with_colour else None, imu,
    )  # fmt: skip


def sample_of(found: Mapping[str, Any], mono_ns: int) -> ImuSample:
    """An inertial sample as the library gives it, times in µs; the two sensors are read at the same instant."""
    return ImuSample(
        found["acc_timestamp"] * NS_PER_US, mono_ns, found["acc_sample"], found["gyro_sample"], found["temperature"]
    )  # fmt: skip
