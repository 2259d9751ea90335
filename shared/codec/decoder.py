"""Images back from their bytes: key images alone, the others over the background that the images before them left."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import numpy.typing as npt
import zstandard

from shared.codec import MAX_CHAIN, MAX_SIDE, Codec, left, plain
from shared.codec.packing import BACKGROUND_HEAD, MAX_RATE, MAX_WEIGHT, MED_HEAD, unpack
from shared.codec.presence import kernels
from shared.codec.zstd_frame import decompressor
from shared.errors import Refused
from shared.frame import Uint16Image


def check_size(width: int, height: int) -> None:
    """Raises Refused for an image that is empty or too large."""
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise Refused(f"An image of {width}x{height} is outside 1..{MAX_SIDE} pixels a side.")


class ImageDecoder:
    """Decodes key images; keeps its zstandard context, so use one in each thread. predictors: for tests, `plain`.

    The compiled kernels come in with the first image that needs them: who reads previews alone never loads them.
    """

    def __init__(self, predictors: ModuleType | None = None) -> None:
        self._predictors = predictors
        self.unpacker: zstandard.ZstdDecompressor = decompressor()

    @property
    def predictors(self) -> ModuleType:
        """The compiled kernels, or `plain` where there are none."""
        if self._predictors is None:
            self._predictors = kernels() or plain
        return self._predictors

    def decode(self, codec: Codec, data: bytes, width: int, height: int) -> Uint16Image:
        """uint16 (height, width). Raises Refused when the bytes are not one whole key image of that size."""
        check_size(width, height)
        if codec is Codec.left_planes_zstd:
            return left.decode_left(data, width, height, self.unpacker)
        if codec is Codec.raw:
            if len(data) != 2 * width * height:
                raise Refused(f"A raw image of {width}x{height} pixels has {len(data)} bytes.")
            return np.frombuffer(data, "<u2").reshape(height, width).astype(np.uint16)
        if codec is not Codec.med_zstd:
            raise Refused(f"An image of codec {codec.name} is not decoded alone.")
        if len(data) < MED_HEAD.size:
            raise Refused("A coded image is shorter than its head.")
        split, escapes = MED_HEAD.unpack_from(data)
        found = unpack(
            self.unpacker, memoryview(data)[MED_HEAD.size :], split, escapes, (height, width), self.predictors
        )
        image = np.empty((height, width), np.uint16)
        self.predictors.med_image(found.symbols, found.lows, found.escapes, split, image)
        return image


class Background:
    """What a decoder knows of a stream after an image: the running mean of each pixel, and how many images since the key."""

    def __init__(self, decoder: ImageDecoder) -> None:
        self._decoder = decoder
        self._means: npt.NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self._step = 0

    def start(self, key: Uint16Image) -> None:
        """Begins anew from a key image."""
        self._means = key.astype(np.int32) << 4
        self._step = 0

    def decode(self, data: bytes, width: int, height: int) -> Uint16Image:
        """The next image of the chain, uint16 (height, width). Raises Refused; the state is of no use then until the next start."""
        if len(data) < BACKGROUND_HEAD.size:
            raise Refused("A coded image is shorter than its head.")
        split, weight, rate, step, escapes = BACKGROUND_HEAD.unpack_from(data)
        if weight > MAX_WEIGHT or not 1 <= rate <= MAX_RATE:
            raise Refused(
                f"A coded image names weight {weight} and rate {rate}, over {MAX_WEIGHT} or outside 1..{MAX_RATE}."
            )
        if step != self._step + 1 or step > MAX_CHAIN or self._means.shape != (height, width):
            raise Refused(
                f"A coded image is number {step} of {width}x{height} after its key; that does not follow here."
            )
        frame = memoryview(data)[BACKGROUND_HEAD.size :]
        found = unpack(self._decoder.unpacker, frame, split, escapes, (height, width), self._decoder.predictors)
        image = np.empty((height, width), np.uint16)
        self._decoder.predictors.background_image(
            found.symbols, found.lows, found.escapes, self._means, weight, rate, split, image
        )  # fmt: skip
        self._step = step
        return image
