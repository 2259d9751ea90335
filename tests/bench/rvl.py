"""RVL, the depth coding of Wilson (2017, "Fast Lossless Depth Image Compression"), as a peer: runs, zigzag, nibbles. Compiled."""

from __future__ import annotations

from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt

from shared.frame import Uint16Image

_jit: Any = numba.njit(nogil=True, error_model="numpy")


@_jit
def _put(out: npt.NDArray[np.uint8], place: int, value: int) -> int:
    """The value as nibbles of three bits and a flag that says whether more follow; returns the next nibble's place."""
    while True:
        nibble = value & 7
        value >>= 3
        if value:
            nibble |= 8
        if place & 1:
            out[place >> 1] |= nibble << 4
        else:
            out[place >> 1] = nibble
        place += 1
        if not value:
            return place


@_jit
def _encode(pixels: Uint16Image, out: npt.NDArray[np.uint8]) -> int:
    count, place, at, last = pixels.size, 0, 0, 0
    while at < count:
        start = at
        while at < count and pixels[at] == 0:
            at += 1
        place = _put(out, place, at - start)
        start = at
        while at < count and pixels[at] != 0:
            at += 1
        place = _put(out, place, at - start)
        for k in range(start, at):
            delta = int(pixels[k]) - last
            place = _put(out, place, (delta << 1) ^ (delta >> 63))
            last = int(pixels[k])
    return (place + 1) >> 1


@_jit
def _get(data: npt.NDArray[np.uint8], place: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        nibble = (data[place >> 1] >> (4 * (place & 1))) & 15
        place += 1
        value |= (nibble & 7) << shift
        shift += 3
        if nibble < 8:
            return value, place


@_jit
def _decode(data: npt.NDArray[np.uint8], pixels: Uint16Image) -> None:
    count, place, at, last = pixels.size, 0, 0, 0
    while at < count:
        run, place = _get(data, place)
        pixels[at : at + run] = 0
        at += run
        run, place = _get(data, place)
        for _ in range(run):
            folded, place = _get(data, place)
            last += (folded >> 1) ^ -(folded & 1)
            pixels[at] = last
            at += 1


def encode(image: Uint16Image) -> bytes:
    """image: uint16 (H, W), contiguous."""
    out = np.empty(4 * image.size + 16, np.uint8)
    return out[: cast("int", _encode(image.reshape(-1), out))].tobytes()


def decode(data: bytes, height: int, width: int) -> Uint16Image:
    """The image (H, W). For bytes of `encode` alone: nothing is checked."""
    pixels = np.empty(height * width, np.uint16)
    _decode(np.frombuffer(data, np.uint8), pixels)
    return pixels.reshape(height, width)
