"""Colour pictures to JPEG bytes, as a camera would give them (PyAV's mjpeg encoder)."""

from __future__ import annotations

from fractions import Fraction

import av

from shared.frame import Uint8Image

QUALITY_SCALE = 5
"""FFmpeg's quantiser scale, 2 (best) to 31; 5 gives about 0.15 bytes a pixel on ward pictures."""


class JpegEncoder:
    """Encodes pictures of one size; each JPEG stands alone."""

    def __init__(self, width: int, height: int) -> None:
        self._context = av.VideoCodecContext.create("mjpeg", "w")
        self._context.width, self._context.height = width, height
        self._context.pix_fmt = "yuvj420p"
        self._context.time_base = Fraction(1, 1000)
        self._context.flags |= av.codec.context.Flags.qscale
        self._context.options = {"global_quality": str(118 * QUALITY_SCALE)}
        self._count = 0

    def encode(self, picture: Uint8Image) -> bytes:
        """picture: uint8 (H, W, 3) RGB."""
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
        frame.pts = self._count
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))
