"""The preview's two images in one pass each (numba): whole rows are added first, which vector registers do sixteen at a time.

Integer sums and the same double-precision steps as in shared/preview.py: the bytes are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from shared.compiled import kernel
from shared.frame import Uint8Image, Uint16Image

u16, u32 = np.uint16, np.uint32
_pixels = types.Array(types.uint16, 2, "C", readonly=True)
_tones = types.Array(types.uint8, 1, "C", readonly=True)
_small, _whole = types.uint8[:, ::1], types.int64


@kernel()
def _add(row: Any, sums: Any) -> None:
    for c in range(row.shape[0]):
        sums[c] = u32(sums[c] + u32(row[c]))


@kernel()
def _count(row: Any, counts: Any) -> None:
    for c in range(row.shape[0]):
        counts[c] = u16(counts[c] + u16(row[c] != u16(0)))


@kernel()
def _across(tall: Any, factor: Any, sums: Any) -> None:
    for c in range(sums.shape[0]):
        total = u32(0)
        for k in range(factor):
            total = u32(total + u32(tall[c * factor + k]))
        sums[c] = total


@kernel()
def _steps(sums: Any, counts: Any, nearest_mm: Any, step_mm: Any, least: Any, small: Any) -> None:
    for c in range(small.shape[0]):
        count = counts[c]
        mean_mm = np.float64(sums[c]) / np.float64(max(count, u32(1)))
        steps = np.rint((mean_mm - nearest_mm) / step_mm) + 1.0
        small[c] = np.uint8(min(max(steps, 1.0), 255.0)) if count >= least else np.uint8(0)


@kernel(_pixels, _whole, _whole, _whole, _tones, _small)
def infrared(image: Uint16Image, factor: int, top: int, left: int, tones: Uint8Image, small: Uint8Image) -> None:
    """small (H, W): the tone of the sum of each block of factor × factor pixels; the first block begins at row top, column left."""
    height, width = small.shape
    tall, sums = np.empty(width * factor, np.uint32), np.empty(width, np.uint32)
    for r in range(height):
        tall[:] = u32(0)
        for k in range(factor):
            _add(image[top + r * factor + k, left : left + width * factor], tall)
        _across(tall, factor, sums)
        for c in range(width):
            small[r, c] = tones[sums[c]]


@kernel(_pixels, _whole, _whole, _whole, types.float64, types.float64, types.uint32, _small)
def depth(
    image: Uint16Image, factor: int, top: int, left: int, nearest_mm: float, step_mm: float, least: int, small: Uint8Image
) -> None:  # fmt: skip
    """small (H, W): steps of each block's mean over its valid pixels, 0 where those are fewer than `least`."""
    height, width = small.shape
    tall, seen = np.empty(width * factor, np.uint32), np.empty(width * factor, np.uint16)
    sums, counts = np.empty(width, np.uint32), np.empty(width, np.uint32)
    for r in range(height):
        tall[:], seen[:] = u32(0), u16(0)
        for k in range(factor):
            row = image[top + r * factor + k, left : left + width * factor]
            _add(row, tall)
            _count(row, seen)
        _across(tall, factor, sums)
        _across(seen, factor, counts)
        _steps(sums, counts, nearest_mm, step_mm, least, small[r])
