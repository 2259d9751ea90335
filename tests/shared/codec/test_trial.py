"""The trial tells a still scene from a moving one, and noise that neighbours share from noise of each pixel's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from shared.codec import kernels
from shared.codec.trial import EVERY_IMAGES, Trial, rate_after
from shared.frame import Uint16Image
from tests.shared.codec.images import make_image

HEIGHT, WIDTH = 96, 128


def tried(scene: Callable[[int], Uint16Image], images: int = 17) -> Trial:
    trial = Trial(HEIGHT, WIDTH, kernels)
    for number in range(images):
        trial.see(scene(number), number)
    return trial


def own_noise(number: int) -> Uint16Image:
    return make_image("quiet", HEIGHT, WIDTH, number)


def shared_noise(number: int) -> Uint16Image:
    rng = np.random.default_rng(number)
    blocks = np.kron(rng.normal(0, 12, (HEIGHT // 8, WIDTH // 8)), np.ones((8, 8)))
    return (make_image("ramp", HEIGHT, WIDTH, 0) + np.round(blocks)).astype(np.uint16)


def moving(number: int) -> Uint16Image:
    return np.ascontiguousarray(np.roll(make_image("ramp", HEIGHT, WIDTH, 0), 11 * number, axis=1))


def test_a_still_scene_is_left_to_its_background() -> None:
    trial = tried(own_noise)
    assert trial.background
    assert trial.weight == 0


def test_noise_that_neighbours_share_gives_them_weight() -> None:
    assert tried(shared_noise).weight == 6


def test_a_moving_scene_is_left_to_its_neighbours() -> None:
    assert not tried(moving).background


def test_what_begins_to_move_is_found_out_within_a_few_images() -> None:
    trial = tried(lambda number: own_noise(number) if number < 16 else moving(number), 16 + 3 * EVERY_IMAGES)
    assert not trial.background


@pytest.mark.parametrize(("kind", "split"), [("quiet", 0), ("loud", 4), ("holes", 0)])
def test_wide_noise_is_split_from_the_first_image_on(kind: str, split: int) -> None:
    assert tried(lambda number: make_image(kind, HEIGHT, WIDTH, number), 1).split == split


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (17, 3)])
def test_small_images_are_tried_too(shape: tuple[int, int]) -> None:
    trial = Trial(*shape, kernels)
    for number in range(9):
        trial.see(make_image("noise", *shape, number), number)


def test_the_means_learn_fast_at_first() -> None:
    assert [rate_after(step) for step in (0, 1, 2, 3, 6, 7, 100)] == [0, 1, 1, 2, 2, 3, 3]
