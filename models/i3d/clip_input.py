"""From the infrared frames of a clip to the windows that the network reads; the same in training and in the cloud. Pure.

In: uint8 frames (H, W) of any size and rate, tone-mapped by `shared.preview.ir_to_u8`. Out: float32 (3, 60, S, S) in -1..1.
Frames pass one by one: no more than one window is in memory.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.errors import Refused

Frame = NDArray[np.uint8]
Means = NDArray[np.float32]
Window = NDArray[np.float32]
Raw = TypeVar("Raw")
Kept = TypeVar("Kept")

WINDOW_FRAMES = 60
WINDOW_FPS = 30.0
WINDOW_S = WINDOW_FRAMES / WINDOW_FPS
SIDE = 96
CHANNELS = 3
SMALLEST_SIDE, LARGEST_SIDE = 32, 4096
MOST_WINDOWS = 2_000


def _means_down(image: NDArray[np.generic], side: int) -> Means:
    """(H, W) to (side, W): exact area means along the first axis: sums of whole pixels, corrected by the shares at the edges.

    No matrix product: its threads would spin beside the other work of a small machine.
    """
    if image.shape[0] < side:
        image = np.repeat(image, -(-side // image.shape[0]), axis=0)
    length = image.shape[0]
    edges = np.linspace(0.0, length, side + 1)
    whole = np.minimum(edges.astype(int), length - 1)
    sums = np.add.reduceat(image, whole[:-1], axis=0, dtype=np.float32)
    at_edges = image[whole[:-1]] * (edges - whole)[:-1, None].astype(np.float32)
    sums -= at_edges
    sums[:-1] += at_edges[1:]
    return np.asarray(sums * np.float32(side / length), np.float32)


def square_means(frame: NDArray[np.generic], side: int = SIDE) -> Means:
    """The central square of a frame as area means (side, side), 0..255.

    Raises Refused for another dtype or shape, or for a size outside 32 to 4096 pixels.
    """
    if frame.ndim != 2 or frame.dtype != np.uint8:
        raise Refused(f"An infrared frame must be uint8 (H, W), got {frame.dtype} with {frame.ndim} axes.")
    height, width = frame.shape
    square = min(height, width)
    if square < SMALLEST_SIDE or max(height, width) > LARGEST_SIDE:
        raise Refused(
            f"An infrared frame must be {SMALLEST_SIDE} to {LARGEST_SIDE} pixels a side, got {width}x{height}."
        )
    top, left = (height - square) // 2, (width - square) // 2
    cut = frame[top : top + square, left : left + square]
    return _means_down(np.ascontiguousarray(_means_down(cut, side).T), side).T


def as_input(means: Means) -> Window:
    """Area means (60, S, S) in 0..255 to one window (3, 60, S, S) in -1..1, the infrared repeated for the three channels."""
    scaled = means / np.float32(127.5) - np.float32(1.0)
    return np.repeat(scaled[None], CHANNELS, axis=0)


def _rows_of(window: int, fps: float) -> list[int]:
    """Which frames of the clip make a window: the newest one at each instant of the 30-fps grid."""
    return [int((window * WINDOW_S + step / WINDOW_FPS) * fps + 1e-6) for step in range(WINDOW_FRAMES)]


def windows_of(frames: Iterable[Frame], fps: float, side: int = SIDE) -> Iterator[Window]:
    """Yield the whole 2-second windows (3, 60, side, side) of an infrared clip in order; a remainder is left out.

    A clip shorter than one window gives one, filled up with its last frame. Raises Refused when there are no frames, when
    fps is not from 1 to 240, or when the clip has more than 2,000 windows.
    """
    for taken in windowed(frames, fps, lambda frame: square_means(frame, side)):
        yield as_input(np.stack(taken))


def windowed(frames: Iterable[Raw], fps: float, reduce: Callable[[Raw], Kept]) -> Iterator[list[Kept]]:
    """Yield the 60 reduced frames of each window; only frames that a window shows are reduced. Raises as `windows_of`."""
    if not (math.isfinite(fps) and 1.0 <= fps <= 240.0):
        raise Refused(f"fps must be from 1 to 240, got {fps}.")
    kept: dict[int, Kept] = {}
    count, rows = 0, _rows_of(0, fps)
    for index, frame in enumerate(frames):
        if index in rows:
            kept[index] = reduce(frame)
        if index == rows[-1]:
            yield _assemble(kept, rows)
            count, rows = count + 1, _rows_of(count + 1, fps)
            kept.clear()
            if count >= MOST_WINDOWS:
                raise Refused(f"A clip may have {MOST_WINDOWS} windows of {WINDOW_S:.0f} s at most.")
    if count == 0:
        if not kept:
            raise Refused("A clip without frames cannot be classified.")
        yield _assemble(kept, rows)


def _assemble(kept: dict[int, Kept], rows: list[int]) -> list[Kept]:
    last = max(kept)
    return [kept[min(row, last)] for row in rows]
