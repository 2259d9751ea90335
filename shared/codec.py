"""Lossless coding of one uint16 image: difference to the left, zigzag, byte planes, zstandard. NumPy alone, no compiled kernel.

The coding is specified in docs/contracts/segment-format.md ("Codec 1"). Measured on simulated Kinect v2 noise this keeps
about half of the raw bytes; a stronger predictor can be added under a new codec number.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import zstandard

from shared.errors import Refused
from shared.frame import Uint16Image

MAX_SIDE = 8192


class Codec(IntEnum):
    """How the data of a frame record is coded."""

    raw = 0
    left_planes_zstd = 1
    jpeg = 2


def _zigzag_of_left(image: Uint16Image) -> Uint16Image:
    residual = image.copy()
    np.subtract(image[:, 1:], image[:, :-1], out=residual[:, 1:])
    np.subtract(image[1:, 0], image[:-1, 0], out=residual[1:, 0])
    signed = residual.view(np.int16)
    return ((signed << 1) ^ (signed >> 15)).view(np.uint16)


class ImageCoder:
    """Encodes and decodes images; keeps its zstandard contexts, so use one in each thread."""

    def __init__(self, level: int = 1) -> None:
        self._compressor = zstandard.ZstdCompressor(level=level)
        self._decompressor = zstandard.ZstdDecompressor()

    def encode(self, image: Uint16Image) -> bytes:
        """image: uint16 (H, W), each side at most 8192. Returns the coded bytes."""
        zigzag = np.ascontiguousarray(_zigzag_of_left(np.ascontiguousarray(image)))
        pairs = zigzag.view(np.uint8).reshape(-1, 2)
        planes = np.empty((2, pairs.shape[0]), np.uint8)
        planes[0] = pairs[:, 0]
        planes[1] = pairs[:, 1]
        return bytes(self._compressor.compress(planes.data))

    def decode(self, data: bytes | memoryview, width: int, height: int) -> Uint16Image:
        """Returns uint16 (height, width). Raises Refused when the bytes are not one whole image of that size."""
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
            raise Refused(f"An image of {width}x{height} is outside 1..{MAX_SIDE} pixels a side.")
        size = 2 * width * height
        try:
            if zstandard.frame_content_size(data) != size:
                raise Refused(f"A coded image does not state the {size} bytes that {width}x{height} pixels need.")
            plain = self._decompressor.decompress(data, max_output_size=size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise Refused(f"A coded image is damaged: {error}.") from error
        planes = np.frombuffer(plain, np.uint8).reshape(2, -1)
        zigzag = planes[0].astype(np.uint16) | planes[1].astype(np.uint16) << np.uint16(8)
        residual = ((zigzag >> 1) ^ (np.uint16(0) - (zigzag & 1))).reshape(height, width)
        first_column = np.cumsum(residual[:, 0], dtype=np.uint16)
        residual[:, 0] = first_column
        return np.cumsum(residual, axis=1, dtype=np.uint16)
