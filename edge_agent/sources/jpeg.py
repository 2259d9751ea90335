"""Colour pictures to JPEG bytes, as a camera would give them (PyAV's mjpeg encoder)."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from shared.frame import Uint8Image

QUALITY_SCALE = 5
"""FFmpeg's quantiser scale, 2 (best) to 31; 5 gives about 0.15 bytes a pixel on ward pictures."""
RAW_FORMATS = {b"NV12": ("nv12", 3, 2), b"YUY2": ("yuyv422", 2, 1), b"BGRA": ("bgra", 4, 1)}
"""Raw colour of an Azure Kinect by its code: FFmpeg's name, and bytes a pixel as a fraction."""


def raw_bytes(fourcc: bytes, width: int, height: int) -> int:
    """How long a raw picture is."""
    _, bytes_of, pixels = RAW_FORMATS[fourcc]
    return width * height * bytes_of // pixels


class JpegEncoder:
    """Encodes pictures of one size; each JPEG stands alone."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._context = av.VideoCodecContext.create("mjpeg", "w")
        self._context.width, self._context.height = width, height
        self._context.pix_fmt = "yuvj420p"
        self._context.time_base = Fraction(1, 1000)
        self._context.flags |= av.codec.context.Flags.qscale
        self._context.options = {"global_quality": str(118 * QUALITY_SCALE)}
        self._count = 0

    def encode(self, picture: Uint8Image) -> bytes:
        """picture: uint8 (H, W, 3) RGB."""
        return self._encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))

    def encode_raw(self, data: bytes, fourcc: bytes) -> bytes:
        """data: a picture as the camera packs it, of exactly `raw_bytes` bytes; width and height are even."""
        name, _, _ = RAW_FORMATS[fourcc]
        rows, depth = (self._height * 3 // 2, 1) if fourcc == b"NV12" else (self._height, 2 if fourcc == b"YUY2" else 4)
        shape = (rows, self._width) if depth == 1 else (rows, self._width, depth)
        return self._encode(av.VideoFrame.from_ndarray(np.frombuffer(data, np.uint8).reshape(shape), format=name))

    def _encode(self, frame: av.VideoFrame) -> bytes:
        frame = frame.reformat(format="yuvj420p")
        frame.pts = self._count
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))
