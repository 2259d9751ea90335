"""Training: it learns, goes on where it stopped, and never mixes two recipes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.detector.lessons import Lesson
from models.detector.network import DetectorNet
from models.detector.train import Disguise, Recipe, fit, motor_weights

RECIPE = Recipe(epochs=2, beds=2, chunk_steps=20)


def lessons(count: int = 4, steps: int = 90) -> list[Lesson]:
    """Bright maps in the second third are a tonic seizure, all else is sleep."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        features = rng.integers(95, 105, (steps, 16, 26, 32)).astype(np.uint8)
        features[steps // 3 : 2 * steps // 3, :12] += 60
        paroxysm = np.zeros(steps, np.float32)
        paroxysm[steps // 3 : 2 * steps // 3] = 1
        made.append(Lesson(features, (7 * paroxysm).astype(np.int64), paroxysm, np.ones(steps, np.float32)))
    return made


def same(first: DetectorNet, second: DetectorNet) -> bool:
    theirs = second.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in first.state_dict().items())


def test_the_loss_falls(tmp_path: Path) -> None:
    told: list[str] = []
    fit(lessons(), Recipe(epochs=6, beds=2, chunk_steps=20), tmp_path / "c.pt", told.append, threads=1)
    losses = [float(line.rpartition(" ")[2]) for line in told if "loss" in line]
    assert losses[-1] < 0.7 * losses[0]


def test_a_run_stopped_after_an_epoch_ends_where_an_unbroken_one_ends(tmp_path: Path) -> None:
    unbroken = fit(lessons(), RECIPE, tmp_path / "unbroken.pt", lambda _: None, threads=1)

    def stop(line: str) -> None:
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    path = tmp_path / "broken.pt"
    try:
        fit(lessons(), RECIPE, path, stop, threads=1)
    except KeyboardInterrupt:
        told: list[str] = []
        resumed = fit(lessons(), RECIPE, path, told.append, threads=1)
    assert told[0] == "going on after epoch 1"
    assert same(resumed, unbroken)


def test_a_checkpoint_of_another_recipe_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    fit(lessons(), RECIPE, path, lambda _: None, threads=1)
    told: list[str] = []
    fit(lessons(), Recipe(seed=8, epochs=1, beds=2, chunk_steps=20), path, told.append, threads=1)
    assert "another recipe" in told[0]


def test_a_disguise_mirrors_and_moves_but_adds_no_movement_to_still_places() -> None:
    kept = np.full((3, 16, 26, 32), 100, np.uint8)
    kept[:, 0, 10, 4] = 150
    disguise = Disguise(True, 2, 1, torch.full((16, 1, 1), 1.2), torch.zeros(16, 1, 1))
    worn = disguise.worn(kept)
    assert float(worn[:, 1:12].abs().max()) < 1e-5
    assert torch.nonzero(worn[0, 0] > 1).tolist() == [[12, 28]]
    assert float(worn[0, 0, 12, 28]) == pytest.approx(2.4, abs=1e-5)


def test_rare_kinds_of_movement_weigh_more() -> None:
    weights = motor_weights(lessons())
    assert weights[7] > weights[0]
    assert abs(float(weights.mean()) - 1) < 1e-6
