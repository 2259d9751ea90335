"""Lossless coding of uint16 images: a predictor, its residuals as bytes, zstandard. Specified in docs/contracts/segment-format.md.

With numba at hand the predictors run compiled; without it everything still decodes, slower, and images are recorded under codec 1.
"""

from __future__ import annotations

from enum import IntEnum

MAX_SIDE = 8192
MAX_CHAIN = 600
"""Images between two key images at the most; a decoder refuses more."""


class Codec(IntEnum):
    """How the data of a frame record is coded. All but `background_zstd` stand alone: they are key images."""

    raw = 0
    left_planes_zstd = 1
    jpeg = 2
    med_zstd = 3
    background_zstd = 4

    @property
    def is_key(self) -> bool:
        """Whether an image of this codec is decoded without any other."""
        return self is not Codec.background_zstd
