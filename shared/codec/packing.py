"""Residuals of codecs 3 and 4 as bytes: one symbol a pixel, low nibbles where the noise is wide, escapes; then zstandard.

A symbol is 0 for a hole (pixel 0), 1 + (residual >> split) up to 254, or 255: the pixel itself is among the escapes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import zstandard

from shared.codec.zstd_frame import compressor, inflate
from shared.errors import Refused
from shared.frame import Uint8Image, Uint16Image

MED_HEAD = struct.Struct("<BI")
BACKGROUND_HEAD = struct.Struct("<BBBHI")
ESCAPE = 255
SPLITS = (0, 4)
MAX_WEIGHT = 8
MAX_RATE = 7


@dataclass(frozen=True, slots=True)
class Residuals:
    """symbols and lows: uint8 (H, W), lows all 0 where split is 0; escapes: uint16, one for each symbol 255."""

    split: int
    symbols: Uint8Image
    lows: Uint8Image
    escapes: Uint16Image


class Packer:
    """Turns symbols into bytes through buffers of its own; for images of one size."""

    def __init__(self, height: int, width: int, kernels: ModuleType) -> None:
        count = height * width
        self._pack_nibbles, self._collect_escapes = kernels.pack_nibbles, kernels.collect_escapes
        self._escapes, self._found = np.empty(max(1, count // 2), np.uint16), np.zeros(1, np.int64)
        self._count = count
        self._buffer = np.empty(count + (count + 1) // 2 + 2 * (count // 2), np.uint8)
        self.symbols = self._buffer[:count].reshape(height, width)
        self.lows = np.empty((height, width), np.uint8)
        self._compressor = compressor()

    def pack(self, image: Uint16Image, split: int, head_bytes: int) -> tuple[int, bytes] | None:
        """Count of escapes and the zstandard frame of what was put into `symbols` and `lows`; None when raw is no longer.

        head_bytes: what stands before the frame.
        """
        self._collect_escapes(self.symbols.reshape(-1), image.reshape(-1), self._escapes, self._found)
        found = int(self._found[0])
        if 2 * found >= self._count:
            return None
        end = self._count
        if split:
            flat, half = self.lows.reshape(-1), self._count // 2
            self._pack_nibbles(flat, self._buffer[end : end + half])
            if self._count % 2:
                self._buffer[end + half] = flat[-1]
            end += half + self._count % 2
        self._buffer[end : end + 2 * found] = np.asarray(self._escapes[:found], "<u2").view(np.uint8)
        end += 2 * found
        data = bytes(self._compressor.compress(self._buffer[:end].data))
        return (found, data) if head_bytes + len(data) < 2 * self._count else None


def unpack(
    unpacker: zstandard.ZstdDecompressor, frame: memoryview, split: int, escapes: int, shape: tuple[int, int],
    predictors: ModuleType,
) -> Residuals:  # fmt: skip
    """Raises Refused for a split that does not exist, and for bytes that are not exactly the residuals of that many pixels."""
    count = shape[0] * shape[1]
    if split not in SPLITS:
        raise Refused(f"A coded image splits its residuals at bit {split}; there are {SPLITS}.")
    if escapes > count:
        raise Refused(f"A coded image of {count} pixels claims {escapes} escapes.")
    half = (count + 1) // 2 if split else 0
    plain = inflate(unpacker, frame, count + half + 2 * escapes, residuals=True)
    symbols = np.frombuffer(plain, np.uint8, count).reshape(shape)
    if np.count_nonzero(symbols == ESCAPE) != escapes:
        raise Refused(f"A coded image has not the {escapes} escapes that it states.")
    lows = np.zeros(2 * half if split else count, np.uint8)
    if split:
        predictors.unpack_nibbles(np.frombuffer(plain, np.uint8, half, count), lows)
    taken = np.frombuffer(plain, "<u2", escapes, count + half).astype(np.uint16)
    return Residuals(split, symbols, lows[:count].reshape(shape), taken)
