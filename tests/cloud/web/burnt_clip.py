"""A clip whose pictures carry their own number: seen by the simulated ward, sealed and encoded by the bed's own code.

The number stands in each infrared and depth picture as blocks of 24 pixels, the lowest bit left, and below it once
more turned round, so that a torn or mixed picture is not read as a number. Frames 60 to 74 were never taken: a gap.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.clips.proxy_encoder import ProxyEncoder
from edge_agent.sources.jpeg import JpegEncoder
from shared.calibration import Intrinsics, pinhole_calibration
from shared.clip import ManifestSegment, ProxyFile
from shared.clock import NS_PER_S
from shared.frame import RECORDED_STREAMS, CameraInfo, Frame, Stream, Uint16Image
from shared.ids import uuid7
from shared.segment import SegmentReader, SegmentWriter
from shared.segment_records import SegmentHeader
from shared.ward import Ward, plan_demo
from shared.ward.camera import KINECT_V2
from tests.cloud.people_house import BOOT, FIRST_UTC_NS

BLOCK, BITS, LEFT, TOP = 24, 10, 136, 300
MISSING = range(60, 75)
PERIOD_NS = NS_PER_S // 30
FIRST_MONO_NS = 500 * NS_PER_S
SCENE_EVERY = 15
COLOUR = (320, 180)
SEGMENT_FRAMES = 90


@dataclass(frozen=True)
class BurntClip:
    """What the bed would send: the files and how the manifest names them."""

    segments: list[tuple[ManifestSegment, Path]]
    proxies: list[tuple[ProxyFile, Path]]
    start_mono_ns: int
    end_mono_ns: int
    truth_mm: dict[int, npt.NDArray[np.float32]]
    """Depth without the sensor's noise, by the number of the capture."""


def burnt(image: Uint16Image, number: int, dark: int, bright: int) -> Uint16Image:
    """A copy of the picture with the number in it."""
    picture = image.copy()
    for bit in range(BITS):
        columns = slice(LEFT + bit * BLOCK, LEFT + (bit + 1) * BLOCK)
        for row, value in enumerate((number >> bit & 1, 1 - (number >> bit & 1))):
            picture[TOP + row * BLOCK : TOP + (row + 1) * BLOCK, columns] = bright if value else dark
    return picture


def frames_of(ward: Ward, count: int) -> list[Frame]:
    """`count` captures, 30 a second, the missing ones left out; the scene changes every half second."""
    colour = JpegEncoder(*COLOUR)
    found = []
    for number in range(count):
        if number % SCENE_EVERY == 0:
            scene = ward.at(number / 30)
            jpeg = colour.encode(ward.colour(number / 30, *COLOUR))
        if number in MISSING:
            continue
        mono_ns = FIRST_MONO_NS + number * PERIOD_NS
        depth, ir = burnt(scene.depth_mm, number, 4400, 500), burnt(scene.ir, number, 0, 20_000)
        times = (number, 7 * NS_PER_S + number * PERIOD_NS, mono_ns, FIRST_UTC_NS + mono_ns)
        found.append(Frame(*times, depth, ir, jpeg if number % 3 == 0 else None))
    return found


def camera() -> CameraInfo:
    """The simulated Kinect v2."""
    return CameraInfo(
        source="simulator",
        make="simulated Kinect v2",
        depth_width=512,
        depth_height=424,
        frames_per_s=30,
        calibration=pinhole_calibration(Intrinsics(**asdict(KINECT_V2)), None),
    )


def make_clip(folder: Path, count: int) -> BurntClip:
    """Writes segments and proxies into the folder."""
    ward = Ward(plan_demo(3, 5))
    frames = frames_of(ward, count)
    sealed = [_seal(folder, frames[at : at + SEGMENT_FRAMES], at) for at in range(0, len(frames), SEGMENT_FRAMES)]
    encoders = {stream: ProxyEncoder(folder / f"{stream.value}.part", stream) for stream in RECORDED_STREAMS}
    for _, path in sealed:
        with SegmentReader(path) as reader:
            for image in reader.frames():
                encoders[image.stream].add(image)
    made = [encoder.finish(folder) for encoder in encoders.values()]
    proxies = [(proxy, folder / f"{proxy.sha256}.mp4") for proxy in made if proxy is not None]
    truth = {number: true_depth(ward, number) for number in range(0, count, SCENE_EVERY)}
    return BurntClip(sealed, proxies, FIRST_MONO_NS, FIRST_MONO_NS + count * PERIOD_NS, truth)


def true_depth(ward: Ward, number: int) -> npt.NDArray[np.float32]:
    """float32 (H, W) mm of the surfaces themselves at a scene's moment."""
    movement = ward._choreography.at(np.array([number / 30], np.float64))
    return np.array(ward._painter.ideal(movement, 0).depth, np.float32)


def _seal(folder: Path, frames: list[Frame], sequence: int) -> tuple[ManifestSegment, Path]:
    header = SegmentHeader(
        segment_id=uuid7(FIRST_UTC_NS + sequence),
        site="north",
        bed="bed-1",
        boot_id=BOOT,
        sequence=sequence,
        stay_id=None,
        camera=camera(),
    )
    writer = SegmentWriter(folder / f"{sequence}.part", header)
    for frame in frames:
        writer.add_frame(frame)
    sealed = writer.seal(folder)
    entry = ManifestSegment(
        sha256=sealed.sha256,
        size_bytes=sealed.size_bytes,
        sequence=sequence,
        start_mono_ns=frames[0].mono_ns,
        end_mono_ns=frames[-1].mono_ns + 1,
        start_utc_ns=frames[0].utc_ns,
        frames={Stream.depth: len(frames)},
    )
    return entry, sealed.path
