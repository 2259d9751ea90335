"""Depth and infrared as people see them: near is bright, steps are even, nothing is lost at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.clips.colours import depth_painter, depth_palette, ir_painter


def luma_of(depth_mm: int) -> int:
    return int(depth_painter().paint(np.full((2, 2), depth_mm, np.uint16))[0, 0])


def test_the_palette_grows_brighter_by_even_steps() -> None:
    grey = depth_palette() @ np.array([0.299, 0.587, 0.114])
    steps = np.diff(grey)
    assert steps.min() > -0.5
    assert np.diff(grey[::8]).min() > 2
    assert np.diff(grey[::8]).max() < 12


def test_near_is_bright_far_is_dark_and_no_reading_is_black() -> None:
    lumas = [luma_of(depth_mm) for depth_mm in (0, 4500, 3000, 1500, 400)]
    assert lumas == sorted(lumas)
    assert lumas[0] == 16
    assert lumas[1] > 25
    assert (luma_of(65_535), luma_of(1)) == (luma_of(4500), luma_of(400))


def test_infrared_is_grey_and_keeps_its_order() -> None:
    ramp = np.linspace(0, 65_535, 64).astype(np.uint16).reshape(8, 8)
    painted = ir_painter().paint(ramp)
    assert np.all(painted[8:] == 128)
    assert painted[0, 0] == 16
    assert painted[7, 7] == 235
    assert np.all(np.diff(painted[:8].ravel().astype(int)) >= 0)


@pytest.mark.parametrize(("height", "width"), [(4, 6), (3, 5), (213, 257)])
def test_any_size_becomes_even_by_repeating_the_edge(height: int, width: int) -> None:
    image = np.arange(height * width, dtype=np.uint16).reshape(height, width) * 7
    painted = ir_painter().paint(image)
    even_height, even_width = height + height % 2, width + width % 2
    assert painted.shape == (even_height * 3 // 2, even_width)
    assert painted[even_height - 1, even_width - 1] == painted[height - 1, width - 1]
