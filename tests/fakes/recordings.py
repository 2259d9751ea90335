"""Small Azure Kinect recordings as the SDK writes them: Matroska with VFW tracks COLOR (MJPG), DEPTH and IR (b16g), calibration attached."""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from edge_agent.sources.jpeg import JpegEncoder
from shared.clock import NS_PER_S
from shared.frame import Frame, Stream
from tests.fakes.frame_source import FRAMES_PER_S, HEIGHT, WIDTH

TITLES = {Stream.colour: "COLOR", Stream.depth: "DEPTH", Stream.ir: "IR"}
COLOUR_WIDTH, COLOUR_HEIGHT = 64, 48
CALIBRATION = {"CalibrationInformation": {"Cameras": [], "note": "as the camera gave it"}}


def jpeg(value: int) -> bytes:
    """A colour picture of one tone."""
    picture = np.full((COLOUR_HEIGHT, COLOUR_WIDTH, 3), value, np.uint8)
    return JpegEncoder(COLOUR_WIDTH, COLOUR_HEIGHT).encode(picture)


def element(name: int, body: bytes) -> bytes:
    """One EBML element; its size takes eight bytes."""
    head = name.to_bytes((name.bit_length() + 7) // 8, "big")
    return head + (len(body) | 1 << 56).to_bytes(8, "big") + body


def number(name: int, value: int) -> bytes:
    return element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _track(position: int, stream: Stream, fourcc: bytes) -> bytes:
    width, height = (COLOUR_WIDTH, COLOUR_HEIGHT) if stream is Stream.colour else (WIDTH, HEIGHT)
    bits = 24 if stream is Stream.colour else 16
    bitmap = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, bits, fourcc, width * height * bits // 8, 0, 0, 0, 0)
    return element(
        0xAE,
        number(0xD7, position) + number(0x73C5, 1000 + position) + number(0x83, 1)
        + element(0x86, b"V_MS/VFW/FOURCC") + element(0x63A2, bitmap) + element(0x536E, TITLES[stream].encode())
        + number(0x23E383, NS_PER_S // FRAMES_PER_S) + element(0xE0, number(0xB0, width) + number(0xBA, height)),
    )  # fmt: skip


def _cluster(index: int, blocks: list[tuple[int, bytes]]) -> bytes:
    simple = b"".join(element(0xA3, bytes([0x80 | position, 0, 0, 0x80]) + data) for position, data in blocks)
    return element(0x1F43B675, number(0xE7, round(index * 1000 / FRAMES_PER_S)) + simple)


def write_recording(
    path: Path,
    frames: Iterable[Frame],
    streams: Collection[Stream] = tuple(TITLES),
    *,
    calibration: bytes | None = None,
    fourcc: bytes = b"b16g",
) -> Path:
    """A recording with these frames at 30 a second by their index; a missing image is a missing block."""
    chosen = [stream for stream in TITLES if stream in streams]
    tracks = b"".join(
        _track(position, stream, b"MJPG" if stream is Stream.colour else fourcc)
        for position, stream in enumerate(chosen, 1)
    )
    body = json.dumps(CALIBRATION).encode() if calibration is None else calibration
    attached = element(0x466E, b"calibration.json") + element(0x4660, b"application/octet-stream")
    attachment = element(0x61A7, attached + element(0x465C, body) + number(0x46AE, 77))
    clusters = []
    for frame in frames:
        images = {Stream.colour: frame.colour, Stream.depth: frame.depth, Stream.ir: frame.ir}
        blocks = []
        for position, stream in enumerate(chosen, 1):
            image = images[stream]
            if image is not None:
                blocks.append((position, image if isinstance(image, bytes) else image.astype(">u2").tobytes()))
        clusters.append(_cluster(frame.index, blocks))
    info = element(0x1549A966, number(0x2AD7B1, 1_000_000) + element(0x7BA9, b"Azure Kinect"))
    segment = info + element(0x1654AE6B, tracks) + element(0x1941A469, attachment) + b"".join(clusters)
    head = number(0x4286, 1) + number(0x42F7, 1) + number(0x42F2, 4) + number(0x42F3, 8) + element(0x4282, b"matroska")
    path.write_bytes(element(0x1A45DFA3, head + number(0x4287, 2) + number(0x4285, 2)) + element(0x18538067, segment))
    return path
