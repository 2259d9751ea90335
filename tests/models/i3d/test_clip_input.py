"""Frames of any size and rate become the same windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.i3d.clip_input import SIDE, square_means, windows_of
from shared.errors import Refused


def _clip(frames: int, height: int = 64, width: int = 80) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (frames, height, width), np.uint8)


def test_area_means_of_whole_blocks_are_plain_means() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (192, 192), np.uint8)
    assert np.allclose(square_means(frame), frame.reshape(96, 2, 96, 2).mean(axis=(1, 3)), atol=1e-3)


@given(height=st.integers(32, 300), width=st.integers(32, 300), value=st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_area_means_keep_a_flat_frame_flat_and_the_mean_of_any(height: int, width: int, value: int) -> None:
    assert np.allclose(square_means(np.full((height, width), value, np.uint8)), value, atol=1e-3)
    square = min(height, width)
    frame = np.random.default_rng(value).integers(0, 256, (square, square), np.uint8)
    assert square_means(frame).mean() == pytest.approx(frame.mean(), abs=1e-2)


def test_the_central_square_is_taken() -> None:
    frame = np.zeros((96, 160), np.uint8)
    frame[:, 32:128] = 200
    assert square_means(frame).min() == 200


def test_windows_have_the_networks_shape_and_range() -> None:
    windows = list(windows_of(_clip(150), 30.0))
    assert len(windows) == 2
    assert windows[0].shape == (3, 60, SIDE, SIDE)
    assert windows[0].dtype == np.float32
    assert -1.0 <= windows[0].min() < windows[0].max() <= 1.0
    assert np.array_equal(windows[1][0], windows[1][2])


def test_frames_pass_one_by_one_as_well_as_in_an_array() -> None:
    clip = _clip(125)
    for one, other in zip(windows_of(clip, 30.0), windows_of(iter(clip), 30.0), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("fps", "frames", "windows"),
    [(15.0, 30, 1), (25.0, 100, 2), (29.97, 120, 2), (60.0, 240, 2), (30.0, 59, 1), (30.0, 1, 1)],
)
def test_other_rates_give_a_window_every_two_seconds(fps: float, frames: int, windows: int) -> None:
    assert len(list(windows_of(_clip(frames), fps))) == windows


def test_half_the_rate_shows_each_frame_twice() -> None:
    window = next(windows_of(_clip(30), 15.0))
    assert np.array_equal(window[:, 0::2], window[:, 1::2])
    assert not np.array_equal(window[:, 0], window[:, 2])


@pytest.mark.parametrize(
    ("frames", "fps", "said"),
    [
        (np.zeros((0, 64, 64), np.uint8), 30.0, "without frames"),
        (_clip(3), float("nan"), "fps"),
        (_clip(3), 0.0, "fps"),
        (_clip(3).astype(np.float32), 30.0, "uint8"),
        (_clip(3, height=8), 30.0, "pixels a side"),
        (np.zeros((3, 64, 64, 3), np.uint8), 30.0, "axes"),
    ],
)
def test_unusable_clips_are_refused_with_the_reason(frames: np.ndarray, fps: float, said: str) -> None:
    with pytest.raises(Refused, match=said):
        list(windows_of(frames, fps))
