"""Excerpts for tests of the formats: small pictures of an Azure Kinect's size, colour, inertial samples, sealed as the bed does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from edge_agent.sources.jpeg import JpegEncoder
from shared.calibration import Intrinsics, pinhole_calibration
from shared.clock import NS_PER_S
from shared.export.excerpt import Excerpt, Piece
from shared.frame import CameraInfo, Frame, Stream
from shared.gap import Gap, GapCause
from shared.ids import uuid7
from shared.imu import ImuSample
from shared.segment import SegmentWriter
from shared.segment_records import SegmentHeader

BOOT = "6a51e5a6-9c2b-4f0e-8d3a-0b8b1c2d3e4f"
UTC_NS = 1_767_225_600 * NS_PER_S
STAY = uuid7(UTC_NS)
WIDTH, HEIGHT = 320, 288
COLOUR_WIDTH, COLOUR_HEIGHT = 64, 48
PERIOD_NS = NS_PER_S // 30
LENS = Intrinsics(WIDTH, HEIGHT, 250.0, 251.0, 160.25, 143.75)
CAMERA = CameraInfo(
    source="azure_kinect", make="Azure Kinect", depth_width=WIDTH, depth_height=HEIGHT, colour_width=COLOUR_WIDTH,
    colour_height=COLOUR_HEIGHT, frames_per_s=30, colour_per_s=10, calibration=pinhole_calibration(LENS, None),
    tags={"K4A_DEVICE_SERIAL_NUMBER": "000123"},
)  # fmt: skip


def jpeg(value: int) -> bytes:
    """A colour picture of one tone."""
    return JpegEncoder(COLOUR_WIDTH, COLOUR_HEIGHT).encode(np.full((COLOUR_HEIGHT, COLOUR_WIDTH, 3), value, np.uint8))


def make_frames(count: int, device_ns: int = 5_000_123_000, *, imu: bool = False, colour_every: int = 3) -> list[Frame]:
    """Frames of noise at 30 a second; every third has colour; 4 samples of the inertial unit came before each."""
    rng = np.random.default_rng(7)
    frames = []
    for index in range(count):
        mono_ns = 100 * NS_PER_S + index * PERIOD_NS
        depth = rng.integers(0, 65_536, (HEIGHT, WIDTH), dtype=np.uint16)
        ir = rng.integers(0, 65_536, (HEIGHT, WIDTH), dtype=np.uint16)
        at_ns = device_ns + index * PERIOD_NS
        samples = tuple(
            ImuSample(
                at_ns - 6_000_000 + 2_000_000 * number, mono_ns - 1_000 + number, (0.5 * number, -1.25, 9.75),
                (0.25, 0.0, index / 4), 30.0,
            )
            for number in range(4)
        )  # fmt: skip
        colour = jpeg(index % 200) if index % colour_every == 0 else None
        frames.append(Frame(index, at_ns, mono_ns, UTC_NS + mono_ns, depth, ir, colour, samples if imu else ()))
    return frames


def seal(folder: Path, frames: Sequence[Frame], camera: CameraInfo = CAMERA, sequence: int = 0) -> Path:
    """One sealed segment of these frames."""
    header = SegmentHeader(
        segment_id=uuid7(UTC_NS),
        site="north",
        bed="bed-4",
        boot_id=BOOT,
        sequence=sequence,
        stay_id=STAY,
        camera=camera,
    )
    writer = SegmentWriter(folder / f"{sequence}.part", header)
    for frame in frames:
        writer.add_frame(frame)
    return writer.seal(folder).path


def excerpt_of(folder: Path, *runs: Sequence[Frame], camera: CameraInfo = CAMERA) -> Excerpt:
    """An excerpt of one whole segment a run of frames."""
    pieces = []
    for sequence, frames in enumerate(runs):
        path = seal(folder, frames, camera, sequence)
        images = {Stream.depth: "depth", Stream.ir: "ir", Stream.colour: "colour"}
        counts = {stream: sum(getattr(frame, name) is not None for frame in frames) for stream, name in images.items()}
        first_ns, last_ns = runs[0][0].mono_ns, runs[-1][-1].mono_ns + PERIOD_NS
        pieces.append(Piece(lambda path=path: nullcontext(path), first_ns, last_ns, counts))  # type: ignore[misc]
    start_ns, end_ns = runs[0][0].utc_ns, runs[-1][-1].utc_ns + PERIOD_NS
    return Excerpt(pieces, start_ns, end_ns, [GAP], {Stream.depth: 0.75, Stream.ir: 0.75})


GAP = Gap(
    stream=Stream.depth, cause=GapCause.disk, boot_id=BOOT, start_mono_ns=100 * NS_PER_S, end_mono_ns=101 * NS_PER_S,
    start_utc_ns=UTC_NS, end_utc_ns=UTC_NS + NS_PER_S, missing_frames=30,
)  # fmt: skip
