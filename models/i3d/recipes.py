"""Input recipes: how infrared, depth or colour become the network's three channels, each by a name that stands in the release's card. Pure.

In: frames of a clip by stream. Out: windows (3, 60, S, S) float32 in -1..1; six channels for two networks side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.i3d.clip_input import SIDE, Means, Window, square_means, windowed
from models.i3d.crop import Square
from shared.errors import Refused
from shared.preview import ir_to_u8

NEAREST_MM, FARTHEST_MM = 500.0, 4500.0
"""The span in which a Kinect v2 measures; near is bright, unknown is black."""
CHANGE_GAIN = 4.0

Image = NDArray[np.uint8] | NDArray[np.uint16]
Frames = Mapping[str, Image]
Planes = Mapping[str, Means]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Streams that it needs, and its channels (3, T, S, S), or (6, T, S, S) of two streams, in 0..255 from their area means (T, S, S)."""

    name: str
    streams: tuple[str, ...]
    says: str
    channels: Callable[[Planes], Means]


def _thrice(*streams: str) -> Callable[[Planes], Means]:
    return lambda planes: np.stack([planes[stream] for stream in streams for _ in range(3)])


def _colour(planes: Planes) -> Means:
    return np.stack([planes["red"], planes["green"], planes["blue"]])


def _with_change(planes: Planes) -> Means:
    """Infrared, depth, and how the infrared changed since the frame before around middle grey."""
    ir = planes["ir"]
    change = np.clip(np.diff(ir, axis=0, prepend=ir[:1]) * np.float32(CHANGE_GAIN) + np.float32(127.5), 0.0, 255.0)
    return np.stack([ir, planes["depth"], change])


_LIST = (
    Recipe("ir", ("ir",), "infrared by shared.preview.ir_to_u8, three times", _thrice("ir")),
    Recipe("depth", ("depth",), "depth from 500 mm (white) to 4500 mm (black), unknown black, three times", _thrice("depth")),
    Recipe("colour", ("colour",), "red, green and blue", _colour),
    Recipe("ir+depth", ("ir", "depth"), "two streams: infrared three times, then depth three times", _thrice("ir", "depth")),
    Recipe("ir-depth", ("ir", "depth"), "infrared; depth; four times the infrared's change around middle grey", _with_change),
)  # fmt: skip
RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in _LIST}


def recipe_of(name: str) -> Recipe:
    """The recipe of this name. Raises Refused that names those there are."""
    if name not in RECIPES:
        raise Refused(f"There is no input recipe {name[:40]!r}; there are {', '.join(RECIPES)}.")
    return RECIPES[name]


def depth_to_grey(depth_mm: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Depth in mm (H, W) to 1..255, near is bright; 0 where it is unknown."""
    share = (FARTHEST_MM - depth_mm.astype(np.float32)) / np.float32(FARTHEST_MM - NEAREST_MM)
    grey: NDArray[np.uint8] = np.clip(np.rint(share * 254.0) + 1.0, 1.0, 255.0).astype(np.uint8)
    grey[depth_mm == 0] = 0
    return grey


def recipe_windows(
    frames: Iterable[Frames], fps: float, recipe: Recipe, side: int = SIDE, square: Square | None = None
) -> Iterator[Window]:
    """Yield the 2-second windows of a clip by a recipe, as `clip_input.windows_of` does for infrared.

    frames: ir uint8 (tone-mapped) or uint16 (raw), depth uint16 mm, colour uint8 (H, W, 3). square: the patient's part of every
    image, which all streams must then share; None: the central square. Raises Refused for a stream that lacks.
    """

    def reduce(frame: Frames) -> Planes:
        for stream in recipe.streams:
            if stream not in frame:
                raise Refused(f"The input recipe {recipe.name} needs the stream {stream}, which this clip lacks.")
        return {
            name: square_means(plane if square is None else square.of(plane), side)
            for stream in recipe.streams
            for name, plane in _planes(stream, frame[stream]).items()
        }

    for taken in windowed(frames, fps, reduce):
        planes = {name: np.stack([one[name] for one in taken]) for name in taken[0]}
        yield np.asarray(recipe.channels(planes) / np.float32(127.5) - np.float32(1.0), np.float32)


def _planes(stream: str, image: Image) -> dict[str, NDArray[np.generic]]:
    if stream == "colour":
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise Refused(f"A colour frame must be uint8 (H, W, 3), got {image.dtype} with {image.ndim} axes.")
        return {"red": image[..., 0], "green": image[..., 1], "blue": image[..., 2]}
    if stream == "depth":
        if image.dtype != np.uint16:
            raise Refused(f"A depth frame must be uint16 mm, got {image.dtype}.")
        return {"depth": depth_to_grey(image.astype(np.uint16, copy=False))}
    return {"ir": ir_to_u8(image) if image.dtype == np.uint16 else image}
