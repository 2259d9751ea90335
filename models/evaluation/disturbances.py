"""What may go wrong with a picture, done to the previews of any recording: lost frames, noise, weak light, a moved camera.

Each takes previews in time order and a seed, and gives previews. What needs another ward (a blanket, another pose or distance, a
second person) is a night of its own and not a disturbance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from shared.frame import Uint8Image
from shared.preview import Preview

Disturb = Callable[[Iterator[Preview], int], Iterator[Preview]]
LOST_SHARE = 0.10
IR_NOISE, DEPTH_NOISE = 0.8, 0.6
"""About what the simulated sensor's noise leaves in a preview, standard deviation in steps. Three times its variance is added."""
DIM = 20
MOVED_DOWN, MOVED_RIGHT = 6, 8


def lost_frames(previews: Iterator[Preview], seed: int) -> Iterator[Preview]:
    """One preview in ten is lost, at random."""
    rng = np.random.default_rng((seed, 0x105))
    return (preview for preview in previews if rng.random() >= LOST_SHARE)


def noise(previews: Iterator[Preview], seed: int) -> Iterator[Preview]:
    """The sensor's noise doubled; pixels without depth stay without."""
    rng = np.random.default_rng((seed, 0x201))
    for preview in previews:
        ir = _noisy(preview.ir, IR_NOISE, rng)
        depth = np.where(preview.depth == 0, 0, np.maximum(_noisy(preview.depth, DEPTH_NOISE, rng), 1))
        yield replace(preview, ir=ir, depth=depth.astype(np.uint8))


def dim(previews: Iterator[Preview], seed: int) -> Iterator[Preview]:  # noqa: ARG001 - one shape for all disturbances
    """About half the infrared: 20 steps of the logarithmic tone less, as from 1.4 times the distance."""
    for preview in previews:
        yield replace(preview, ir=np.maximum(preview.ir, DIM) - np.uint8(DIM))


def moved(previews: Iterator[Preview], seed: int) -> Iterator[Preview]:  # noqa: ARG001 - one shape for all disturbances
    """The camera looks elsewhere by 6 pixels down and 8 to the side, from the first preview on."""
    for preview in previews:
        yield replace(preview, ir=_shifted(preview.ir), depth=_shifted(preview.depth))


def _noisy(image: Uint8Image, deviation: float, rng: np.random.Generator) -> Uint8Image:
    added = rng.normal(0.0, np.sqrt(3.0) * deviation, image.shape)
    noisy: Uint8Image = np.clip(np.rint(image + added), 0, 255).astype(np.uint8)
    return noisy


def _shifted(image: Uint8Image) -> Uint8Image:
    wide = np.pad(image, ((MOVED_DOWN, 0), (MOVED_RIGHT, 0)), mode="edge")
    return np.ascontiguousarray(wide[: image.shape[0], : image.shape[1]])


DISTURBANCES: Mapping[str, Disturb] = {
    "lost_frames_10_percent": lost_frames,
    "noise_x2": noise,
    "infrared_halved": dim,
    "camera_moved": moved,
}
