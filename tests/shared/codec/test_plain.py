"""The predictors in NumPy give exactly what the compiled ones give, for every weight, rate and split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codec import kernels, plain
from shared.codec.packing import ESCAPE, MAX_RATE, MAX_WEIGHT, SPLITS
from shared.frame import Uint8Image, Uint16Image
from tests.shared.codec.images import KINDS, make_image

SIDE = st.integers(1, 64)


def lows_for(lows: Uint8Image, split: int) -> Uint8Image:
    return lows if split else np.zeros_like(lows)


@settings(deadline=None)
@given(SIDE, SIDE, st.sampled_from(KINDS), st.sampled_from(SPLITS), st.integers(0, 99))
def test_med_backwards(height: int, width: int, kind: str, split: int, seed: int) -> None:
    image = make_image(kind, height, width, seed)
    symbols, lows = np.empty((height, width), np.uint8), np.empty((height, width), np.uint8)
    kernels.med_symbols(image, split, symbols, lows)
    for predictors in (kernels, plain):
        found = np.empty_like(image)
        predictors.med_image(symbols, lows_for(lows, split), image[symbols == ESCAPE], split, found)
        assert np.array_equal(found, image)


@settings(deadline=None)
@given(
    SIDE, SIDE, st.sampled_from(KINDS), st.sampled_from(KINDS), st.sampled_from(SPLITS),
    st.integers(0, MAX_WEIGHT), st.integers(1, MAX_RATE),
)  # fmt: skip
def test_background_backwards(
    height: int, width: int, first: str, second: str, split: int, weight: int, rate: int
) -> None:
    key, images = make_image(first, height, width, 0), [make_image(second, height, width, seed) for seed in (1, 2)]
    means = [key.astype(np.int32) << 4 for _ in range(3)]
    symbols, lows = np.empty((height, width), np.uint8), np.empty((height, width), np.uint8)
    for image in images:
        kernels.background_symbols(image, means[0], weight, rate, split, symbols, lows)
        for predictors, mean in ((kernels, means[1]), (plain, means[2])):
            found = np.empty_like(image)
            escapes: Uint16Image = image[symbols == ESCAPE]
            predictors.background_image(symbols, lows_for(lows, split), escapes, mean, weight, rate, split, found)
            assert np.array_equal(found, image)
            assert np.array_equal(mean, means[0])


@pytest.mark.parametrize("count", [2, 8, 250])
def test_nibbles_come_back(count: int) -> None:
    lows = np.random.default_rng(count).integers(0, 16, count).astype(np.uint8)
    packed = np.empty(count // 2, np.uint8)
    kernels.pack_nibbles(lows, packed)
    for predictors in (kernels, plain):
        found = np.empty_like(lows)
        predictors.unpack_nibbles(packed, found)
        assert np.array_equal(found, lows)
