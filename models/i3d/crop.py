"""The patient's square in a clip, found by depth: what stands before the planes of floor and walls is the bed and who lies in it. Pure.

In: depth images of one clip, uint16 mm, 0 where unknown. Out: a square, or the central one with the reason why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import Refused

Depth = NDArray[np.uint16]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FRAMES = 8
GRID = 96
"""Points along the longer side at which planes and patient are looked for."""
PLANES = 3
TRIES = 160
NEAR_SHARE = 0.015
"""A point lies on a plane when its inverse depth is this share of it away: 45 mm at 3 m."""
BEFORE_SHARE = 0.09
"""So much nearer than floor and walls, 0.27 m at 3 m, a bed is; a mattress stands half a metre above the floor."""
LEAST_VALID, LEAST_RAISED = 0.30, 0.03
KEPT_SHARE = 0.004
"""Rows and columns at the rim with less than this share of the raised points do not widen the square: rails, a drip stand."""
MARGIN = 0.08


@dataclass(frozen=True, slots=True)
class Square:
    """Part of an image: top, left and side in pixels. `fallback` says why it is the central square; None: it was found."""

    top: int
    left: int
    side: int
    fallback: str | None = None

    def of(self, image: NDArray[np.generic]) -> NDArray[np.generic]:
        """The part of an image (H, W) or (H, W, C)."""
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


def central_square(height: int, width: int, why: str | None = None) -> Square:
    """The largest square in the middle."""
    side = min(height, width)
    return Square((height - side) // 2, (width - side) // 2, side, why)


def patient_square(depths: Sequence[Depth]) -> Square:
    """The square that holds bed and patient through the clip, from eight images spread over it.

    Falls back to the central square, and says why, where depth is too sparse, nothing stands out, or it fills the picture.
    Raises Refused for no image, another dtype, or images of several sizes.
    """
    if not depths or len({image.shape for image in depths}) != 1 or depths[0].dtype != np.uint16 or depths[0].ndim != 2:
        raise Refused("A patient's square needs uint16 depth images (H, W) of one size, at least one.")
    height, width = depths[0].shape
    chosen = [depths[i] for i in np.unique(np.linspace(0, len(depths) - 1, FRAMES).round().astype(int))]
    step = max(1, max(height, width) // GRID)
    stack = np.stack([image[step // 2 :: step, step // 2 :: step] for image in chosen]).astype(np.float64)
    if (stack > 0).mean() < LEAST_VALID:
        return central_square(height, width, "too few pixels have a depth")
    inverse = np.divide(1.0, stack, out=np.zeros_like(stack), where=stack > 0)
    room = _room(inverse)
    if room is None:
        return central_square(height, width, "no floor or wall was found")
    bed = _often(inverse > room * (1 + BEFORE_SHARE))
    if bed.mean() < LEAST_RAISED:
        return central_square(height, width, "nothing stands before floor and walls")
    return _around(bed, step, height, width)


def _often(masks: Mask) -> Mask:
    """Points that are set in a quarter of the images."""
    return np.asarray(masks.sum(axis=0) >= max(1, len(masks) // 4))


def _room(inverse: Floats) -> Floats | None:
    """Inverse depth of floor and walls at each point: the planes behind which nothing lies, the nearest of them.

    A plane's inverse depth is linear in the pixel's place, whatever the lens, so that no calibration is needed.
    """
    known = inverse > 0
    far = np.where(known.any(axis=0), np.where(known, inverse, np.inf).min(axis=0), np.nan)
    rows, columns = np.indices(far.shape)
    at = np.stack([columns.ravel(), rows.ravel(), np.ones(far.size)], axis=1).astype(np.float64)
    points, values = at[~np.isnan(far.ravel())], far.ravel()[~np.isnan(far.ravel())]
    rng = np.random.default_rng(0)
    free = np.ones(len(values), bool)
    fitted: list[Floats] = []
    for _ in range(PLANES):
        found = _plane(points, values, free, rng)
        if found is None:
            break
        fitted.append(at @ found)
        free &= np.abs(points @ found - values) > 2 * NEAR_SHARE * values
    return np.max(fitted, axis=0).reshape(far.shape) if fitted else None


def _plane(points: Floats, values: Floats, free: Mask, rng: np.random.Generator) -> Floats | None:
    """The plane through most free points with least behind it, refined once; None where no plane has a twentieth of them."""
    rows = np.flatnonzero(free)
    if len(rows) < len(values) // 20:
        return None
    best, best_score = None, len(values) / 20
    for _ in range(TRIES):
        three = rng.choice(rows, 3, replace=False)
        if abs(np.linalg.det(points[three])) < 50.0:
            continue
        plane = np.linalg.solve(points[three], values[three])
        away = points @ plane - values
        on, behind = np.abs(away) < NEAR_SHARE * values, away > 2 * NEAR_SHARE * values
        score = float((on & free).sum()) - 4.0 * float(behind.sum())
        if score > best_score:
            best, best_score = plane, score
    if best is None:
        return None
    on = (np.abs(points @ best - values) < NEAR_SHARE * values) & free
    return np.asarray(np.linalg.lstsq(points[on], values[on], rcond=None)[0])


def _around(raised: Mask, step: int, height: int, width: int) -> Square:
    top, bottom = _span(raised.sum(axis=1))
    left, right = _span(raised.sum(axis=0))
    side = round(max(bottom - top, right - left) * step * (1 + 2 * MARGIN))
    if side >= min(height, width):
        centre = (left + right) * step // 2
        whole = min(height, width)
        start = int(np.clip(centre - whole // 2, 0, width - whole))
        return Square((height - whole) // 2, start, whole, "the bed fills the picture")
    row, column = (top + bottom) * step // 2 - side // 2, (left + right) * step // 2 - side // 2
    return Square(int(np.clip(row, 0, height - side)), int(np.clip(column, 0, width - side)), side)


def _span(counts: NDArray[np.int_]) -> tuple[int, int]:
    shares = np.cumsum(counts) / counts.sum()
    first = int(np.searchsorted(shares, KEPT_SHARE))
    last = int(np.searchsorted(shares, 1 - KEPT_SHARE))
    return first, last + 1
