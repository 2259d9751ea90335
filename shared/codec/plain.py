"""The predictors backwards in NumPy alone, for machines without compiled kernels: the same arithmetic, along anti-diagonals.

A pixel needs its left, upper and upper left neighbours, so all pixels of one anti-diagonal are found at once. Slow: some 40 ms an image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.codec.packing import ESCAPE
from shared.frame import Uint8Image, Uint16Image

Means = npt.NDArray[np.int32]


def _diagonals(height: int, width: int) -> Iterator[slice]:
    """Slices over the flat image with a border of one row above and one column left, one for each anti-diagonal."""
    line = width + 1
    for diagonal in range(height + width - 1):
        first, last = max(0, diagonal - width + 1), min(diagonal, height - 1)
        start = (first + 1) * line + (diagonal - first + 1)
        yield slice(start, start + (last - first) * width + 1, width)


def _bordered(values: npt.NDArray[Any], kind: type[np.generic]) -> npt.NDArray[Any]:
    height, width = values.shape
    found = np.zeros((height + 1, width + 1), kind)
    found[1:, 1:] = values
    return found.reshape(-1)


def _residuals(symbols: Uint8Image, lows: Uint8Image, split: int) -> npt.NDArray[np.int32]:
    folded = ((symbols.astype(np.int32) - 1) << split) | lows
    return (folded >> 1) ^ -(folded & 1)


def _with_escapes(symbols: Uint8Image, escapes: Uint16Image) -> Uint16Image:
    known = np.zeros(symbols.shape, np.uint16)
    known[symbols == ESCAPE] = escapes
    return known


def _back(slices: slice, by: int) -> slice:
    return slice(slices.start - by, slices.stop - by, slices.step)


def med_image(symbols: Uint8Image, lows: Uint8Image, escapes: Uint16Image, split: int, image: Uint16Image) -> None:
    """As `kernels.med_image`."""
    height, width = image.shape
    line = width + 1
    pixels = _bordered(_with_escapes(symbols, escapes), np.int32)
    residuals = _bordered(_residuals(symbols, lows, split), np.int32)
    coded = _bordered((symbols != 0) & (symbols != ESCAPE), np.bool_)
    for here in _diagonals(height, width):
        left, up, corner = pixels[_back(here, 1)], pixels[_back(here, line)], pixels[_back(here, line + 1)]
        left = np.where(left != 0, left, np.where(up != 0, up, corner))
        up = np.where(up != 0, up, left)
        corner = np.where(corner != 0, corner, up)
        low, high = np.minimum(left, up), np.maximum(left, up)
        guess = np.where(corner >= high, low, np.where(corner <= low, high, left + up - corner))
        pixels[here] = np.where(coded[here], (guess + residuals[here]) & 0xFFFF, pixels[here])
    image[:] = pixels.reshape(height + 1, line)[1:, 1:]


def background_image(
    symbols: Uint8Image, lows: Uint8Image, escapes: Uint16Image, means: Means, weight: int, rate: int, split: int,
    image: Uint16Image,
) -> None:  # fmt: skip
    """As `kernels.background_image`."""
    height, width = image.shape
    levels = (means + 8) >> 4
    coded = (symbols != 0) & (symbols != ESCAPE)
    guess = levels + _residuals(symbols, lows, split)
    if weight == 0:
        image[:] = np.where(coded, guess & 0xFFFF, _with_escapes(symbols, escapes))
    else:
        line = width + 1
        pixels = _bordered(_with_escapes(symbols, escapes), np.int32)
        flat = [_bordered(part, np.int32) for part in (guess, levels, means)]
        differences, choose = np.zeros((height + 1) * line, np.int32), _bordered(coded, np.bool_)
        for here in _diagonals(height, width):
            near = differences[_back(here, 1)] + differences[_back(here, line)]
            found = (flat[0][here] + ((weight * near + 8) >> 4)) & 0xFFFF
            pixels[here] = np.where(choose[here], found, pixels[here])
            known = (pixels[here] != 0) & (flat[2][here] != 0)
            differences[here] = np.where(known, pixels[here] - flat[1][here], 0)
        image[:] = pixels.reshape(height + 1, line)[1:, 1:]
    learn(image, means, rate)


def learn(image: Uint16Image, means: Means, rate: int) -> None:
    """As `kernels.learn`."""
    wanted = image.astype(np.int32) << 4
    moved = np.where(means != 0, means + ((wanted - means) >> rate), wanted)
    means[:] = np.where(image != 0, moved, means)


def unpack_nibbles(packed: Uint8Image, lows: Uint8Image) -> None:
    """As `kernels.unpack_nibbles`."""
    lows[0::2] = packed & 15
    lows[1::2] = packed >> 4
