"""The image codec is lossless for every image and refuses every damage."""

from __future__ import annotations

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shared.codec import ImageCoder
from shared.errors import Refused
from shared.frame import Uint16Image

CODER = ImageCoder()


@given(arrays.arrays(np.uint16, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_every_image_comes_back_bit_by_bit(image: Uint16Image) -> None:
    coded = CODER.encode(image)
    decoded = CODER.decode(coded, image.shape[1], image.shape[0])
    assert decoded.dtype == np.uint16
    assert np.array_equal(decoded, image)


def test_a_view_that_is_not_contiguous_is_coded_like_its_copy() -> None:
    wide = np.arange(24 * 30, dtype=np.uint16).reshape(24, 30) * 91
    view = wide[::2, 3:17]
    assert CODER.encode(view) == CODER.encode(view.copy())


def test_a_smooth_image_shrinks_to_a_fraction() -> None:
    ramp = np.add.outer(np.arange(200), np.arange(300)).astype(np.uint16)
    assert len(CODER.encode(ramp)) < ramp.nbytes / 20


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        CODER.decode(data, 16, 16)


@given(st.data())
def test_cut_data_is_refused(data: st.DataObject) -> None:
    coded = CODER.encode(np.arange(400, dtype=np.uint16).reshape(20, 20) * 37)
    cut = data.draw(st.integers(0, len(coded) - 1))
    with pytest.raises(Refused):
        CODER.decode(coded[:cut], 20, 20)


def test_data_of_another_size_is_refused_before_it_is_unpacked() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(64 * 1024 * 1024))
    with pytest.raises(Refused, match="does not state"):
        CODER.decode(bomb, 20, 20)


def test_data_behind_the_image_is_refused() -> None:
    coded = CODER.encode(np.zeros((4, 4), np.uint16))
    with pytest.raises(Refused):
        CODER.decode(coded + coded, 4, 4)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (8193, 5), (5, 8193)])
def test_a_side_outside_of_the_limits_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(Refused, match="outside"):
        CODER.decode(b"", *size)
