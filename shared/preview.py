"""The preview: every frame pair as two small 8-bit images by one fixed rule; what the detector sees, at the bed and in training.

Infrared goes through a fixed logarithmic tone curve; depth is linear, 16 mm a step from 400 mm, 0 where it is unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.frame import Frame, Uint8Image, Uint16Image

PREVIEW_WIDTH = 128
PREVIEW_HEIGHT = 106
PREVIEW_FPS = 15
PREVIEW_PERIOD_NS = NS_PER_S // PREVIEW_FPS
IR_KNEE = 64.0
DEPTH_NEAREST_MM = 400.0
DEPTH_STEP_MM = 16.0
MOST_TABLE_FACTOR = 8
"""Up to this block side the infrared tones are looked up in a table of at most 4 MB."""
LEAST_VALID_SHARE = 0.25
"""A block with fewer valid depth pixels than this share has no depth in the preview."""

Sums = npt.NDArray[np.unsignedinteger[Any]]
Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
_IR_SCALE = 255.0 / np.log1p(65535.0 / IR_KNEE)


@dataclass(frozen=True, slots=True)
class Preview:
    """One preview image pair: ir and depth are uint8 (106, 128); times are those of the newest frame in it."""

    index: int
    mono_ns: int
    utc_ns: int
    ir: Uint8Image
    depth: Uint8Image


def ir_to_u8(ir: npt.NDArray[np.generic] | Floats) -> Uint8Image:
    """Active infrared (any float or integer array, 0..65535) through the tone curve 255·ln(1+ir/64)/ln(1+65535/64)."""
    toned = np.log1p(np.asarray(ir, dtype=np.float32) / np.float32(IR_KNEE)) * np.float32(_IR_SCALE)
    small: Uint8Image = np.rint(toned).astype(np.uint8)
    return small


def depth_to_u8(depth_mm: Floats, valid: npt.NDArray[np.bool_]) -> Uint8Image:
    """Mean depth in mm to 1..255 (16 mm a step from 400 mm, clipped), 0 where `valid` is false."""
    steps = np.subtract(depth_mm, DEPTH_NEAREST_MM)
    steps /= DEPTH_STEP_MM
    np.rint(steps, out=steps)
    steps += 1
    np.clip(steps, 1, 255, out=steps)
    small: Uint8Image = steps.astype(np.uint8)
    small *= valid
    return small


def block_factor(width: int, height: int) -> int:
    """Pixels of a frame to one pixel of the preview, a side. Raises Refused when the frame is smaller than the preview."""
    factor = min(width // PREVIEW_WIDTH, height // PREVIEW_HEIGHT)
    if factor < 1:
        raise Refused(
            f"A frame of {width}x{height} pixels is smaller than the preview of {PREVIEW_WIDTH}x{PREVIEW_HEIGHT}.",
            width=width,
            height=height,
        )
    return factor


@cache
def _compiled() -> ModuleType | None:
    """The same rule compiled, or None where numba is not installed or does not run here."""
    try:
        from shared import preview_kernels
    except ImportError:
        return None
    return preview_kernels


def _whole(image: Uint16Image) -> Uint16Image:
    """As the kernels take it: in one piece."""
    return image if image.flags.carray and image.dtype == np.uint16 else np.require(image, np.uint16, ("C", "A"))


def _corner(image: npt.NDArray[Any], factor: int) -> tuple[int, int]:
    """Row and column where the blocks begin: what is left over is cut on both sides alike."""
    height, width = image.shape
    return (height - PREVIEW_HEIGHT * factor) // 2, (width - PREVIEW_WIDTH * factor) // 2


def _cropped(image: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    """The middle of (H, W) as whole rows of blocks, shape (106, factor, 128·factor)."""
    top, left = _corner(image, factor)
    cropped = image[top : top + PREVIEW_HEIGHT * factor, left : left + PREVIEW_WIDTH * factor]
    return cropped.reshape(PREVIEW_HEIGHT, factor, PREVIEW_WIDTH * factor)


def _block_sums(rows: npt.NDArray[Any], factor: int, dtype: type[np.unsignedinteger[Any]]) -> Sums:
    """Sums of factor × factor blocks, (106, 128) of `dtype`: whole rows are added first, which a processor does sixteen at a time."""
    tall = rows[:, 0].astype(dtype)
    for k in range(1, factor):
        tall += rows[:, k]
    columns = tall.reshape(PREVIEW_HEIGHT, PREVIEW_WIDTH, factor)
    sums: Sums = columns[..., 0].copy()
    for k in range(1, factor):
        sums += columns[..., k]
    return sums


@lru_cache(maxsize=2)
def _tones_of_sums(factor: int) -> Uint8Image:
    """The tone of each sum that a block of infrared can have, by the very rule of `ir_to_u8`."""
    sums = np.arange(65535 * factor**2 + 1)
    return ir_to_u8(sums / np.float32(factor**2))


def _ir_preview(ir: Uint16Image, compiled: ModuleType | None) -> Uint8Image:
    factor = block_factor(ir.shape[1], ir.shape[0])
    if compiled is not None and factor <= MOST_TABLE_FACTOR:
        small = np.empty((PREVIEW_HEIGHT, PREVIEW_WIDTH), np.uint8)
        compiled.infrared(_whole(ir), factor, *_corner(ir, factor), _tones_of_sums(factor), small)
        return small
    sums = _block_sums(_cropped(ir, factor), factor, np.uint32)
    if factor > MOST_TABLE_FACTOR:
        return ir_to_u8(sums.astype(np.int64) / np.float32(factor**2))
    toned: Uint8Image = _tones_of_sums(factor).take(sums)
    return toned


def _depth_preview(depth_mm: Uint16Image, compiled: ModuleType | None) -> Uint8Image:
    factor = block_factor(depth_mm.shape[1], depth_mm.shape[0])
    least = LEAST_VALID_SHARE * factor**2
    if compiled is not None:
        small = np.empty((PREVIEW_HEIGHT, PREVIEW_WIDTH), np.uint8)
        corner = _corner(depth_mm, factor)
        compiled.depth(_whole(depth_mm), factor, *corner, DEPTH_NEAREST_MM, DEPTH_STEP_MM, math.ceil(least), small)
        return small
    rows = _cropped(depth_mm, factor)
    counts = _block_sums(rows != 0, factor, np.uint8 if factor < 16 else np.uint16)
    mean_mm = _block_sums(rows, factor, np.uint32) / np.maximum(counts, 1).astype(np.float64)
    return depth_to_u8(mean_mm, counts >= least)


def preview_of(
    depth_mm: Uint16Image | None, ir: Uint16Image | None, *, compiled: bool = True
) -> tuple[Uint8Image, Uint8Image]:
    """Area means of one capture as (ir, depth), both uint8 (106, 128); a missing image gives zeros.

    depth_mm and ir are uint16 (H, W). Depth is the mean over valid (non-zero) pixels of each block. compiled: by numba where it is
    installed; the bytes are the same.
    """
    empty = np.zeros((PREVIEW_HEIGHT, PREVIEW_WIDTH), np.uint8)
    by = _compiled() if compiled else None
    return empty if ir is None else _ir_preview(ir, by), empty if depth_mm is None else _depth_preview(depth_mm, by)


class PreviewMaker:
    """Turns frames in time order into previews at 15 a second at most; slower cameras give one preview a frame.

    A preview shows the newest frame of its period: averaging two frames would smear the fast limbs that it is for.
    """

    def __init__(self) -> None:
        self._next_due_ns: int | None = None
        self._index = 0
        _compiled()  # so that no frame waits for it

    def add(self, frame: Frame) -> Preview | None:
        """The preview that this frame completes, or None while the period of 1/15 s has not passed (a quarter of slack)."""
        slack_ns = PREVIEW_PERIOD_NS // 4
        if self._next_due_ns is not None and frame.mono_ns < self._next_due_ns - slack_ns:
            return None
        due_ns = frame.mono_ns if self._next_due_ns is None else self._next_due_ns
        behind = frame.mono_ns - due_ns > PREVIEW_PERIOD_NS
        self._next_due_ns = (frame.mono_ns if behind else due_ns) + PREVIEW_PERIOD_NS
        ir, depth = preview_of(frame.depth, frame.ir)
        preview = Preview(self._index, frame.mono_ns, frame.utc_ns, ir, depth)
        self._index += 1
        return preview
