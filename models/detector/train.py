"""Trains the detector from nothing: lessons of the simulated ward, epochs, and a trigger tuned on other patients.

In: a `Recipe` and a folder for what is kept between runs. Out: the trained network and its trigger rule.
Every epoch ends with a checkpoint; the same command goes on where it stopped. One seed fixes all draws.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.detector.lessons import OFFSET, SCALE, Lesson, load_lesson
from models.detector.network import DetectorNet
from shared.detector_input import BAND_HZ, STEP_FPS
from shared.score import MOTOR_TYPES
from shared.ward import Night

Tell = Callable[[str], None]
Bytes = npt.NDArray[np.uint8]
BANDS = 2 * len(BAND_HZ)


@dataclass(frozen=True)
class Recipe:
    """All that decides a training run; a checkpoint of another recipe is not continued.

    lessons: the fingerprint of those it learns from.
    """

    seed: int = 7
    nights_a_patient: int = 1
    epochs: int = 16
    beds: int = 12
    chunk_steps: int = 150
    peak_rate: float = 4e-3
    weight_decay: float = 0.02
    motor_weight: float = 0.6
    lessons: str = ""


@dataclass(frozen=True)
class Disguise:
    """How one bed looks in one epoch, so that the network cannot learn its patients by heart.

    gain, lift: float32 (16, 1, 1), feature * gain + lift. Bands get a gain only: what does not move stays still.
    """

    mirrored: bool
    down: int
    right: int
    gain: Tensor
    lift: Tensor

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Disguise:
        """A mirror image in half of the cases, a shift by up to two cells, ir and depth a little stronger or weaker."""
        gain, lift = np.ones(BANDS + 4, np.float32), np.zeros(BANDS + 4, np.float32)
        gain[: BANDS // 2] = rng.normal(1.0, 0.06)
        gain[BANDS // 2 : BANDS] = rng.normal(0.98, 0.06)
        lift[BANDS : BANDS + 2] = rng.normal(0, 0.25, 2)
        gain[BANDS + 2 :] = rng.normal(1.0, 0.1, 2)
        moves = rng.integers(-2, 3, 2)
        columns = [torch.from_numpy(one)[:, None, None] for one in (gain, lift)]
        return cls(bool(rng.random() < 0.5), int(moves[0]), int(moves[1]), columns[0], columns[1])

    def worn(self, kept: Bytes) -> Tensor:
        """Bytes of a lesson (T, 16, 26, 32) as float32 features of this bed."""
        maps = torch.from_numpy(kept)
        if self.mirrored:
            maps = maps.flip(3)
        if self.down or self.right:
            maps = torch.roll(maps, (self.down, self.right), (2, 3))
        return maps.float().mul_(self.gain / SCALE).add_(self.lift - OFFSET * self.gain)


def as_features(kept: Bytes) -> Tensor:
    """Bytes of a lesson back to float32 features."""
    return torch.from_numpy(kept).float() / SCALE - OFFSET


def gather(nights: list[Night], kept: Path, made_by: str, tell: Tell, workers: int = 2) -> list[Lesson]:
    """The lessons of all nights, rendered on `workers` processes where they are not kept yet."""
    lessons: list[Lesson] = []
    with ProcessPoolExecutor(workers) as pool:
        for lesson_of_night in pool.map(partial(load_lesson, folder=kept, made_by=made_by), nights):
            lessons.append(lesson_of_night)
            if len(lessons) % 12 == 0 or len(lessons) == len(nights):
                hours = sum(len(one.motor) for one in lessons) / STEP_FPS / 3600
                tell(f"lessons {len(lessons)}/{len(nights)}: {hours:.1f} simulated hours ready")
    return lessons


def motor_weights(lessons: list[Lesson]) -> Tensor:
    """Weight of each motor type (K,): rare ones count more, by the square root of their rarity, mean 1."""
    counts = np.bincount(np.concatenate([kept.motor for kept in lessons]), minlength=len(MOTOR_TYPES))
    weights = 1 / np.sqrt(np.maximum(counts, 1) / counts.sum())
    return torch.from_numpy((weights / weights.mean()).astype(np.float32))


Batch = tuple[Tensor, Tensor, Tensor, Tensor]


def batches(lessons: list[Lesson], recipe: Recipe, epoch: int) -> Iterator[tuple[bool, Batch]]:
    """Chunks of `beds` nights side by side in time order; True marks the first chunk of a group (states start at zero)."""
    rng = np.random.default_rng((recipe.seed, epoch))
    order = rng.permutation(len(lessons))
    for first in range(0, len(order) - recipe.beds + 1, recipe.beds):
        group = [lessons[index] for index in order[first : first + recipe.beds]]
        worn = [Disguise.draw(rng) for _ in group]
        steps = min(len(kept.motor) for kept in group)
        offset = int(rng.integers(0, recipe.chunk_steps))
        for start in range(offset, steps - recipe.chunk_steps + 1, recipe.chunk_steps):
            here = slice(start, start + recipe.chunk_steps)
            features = torch.stack([d.worn(k.features[here]) for d, k in zip(worn, group, strict=True)])
            yield (
                start == offset,
                (
                    features,
                    torch.from_numpy(np.stack([kept.motor[here] for kept in group])),
                    torch.from_numpy(np.stack([kept.paroxysm[here] for kept in group])),
                    torch.from_numpy(np.stack([kept.sure[here] for kept in group])),
                ),
            )


class Losses:
    """Paroxysm: cross-entropy over sure steps. Motor type: weighted cross-entropy over all."""

    def __init__(self, weights: Tensor, motor_weight: float) -> None:
        self._motor = nn.CrossEntropyLoss(weight=weights)
        self._motor_weight = motor_weight

    def __call__(self, logits: Tensor, motor: Tensor, truth: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        kind, paroxysm, sure = truth
        each = nn.functional.binary_cross_entropy_with_logits(logits, paroxysm, reduction="none")
        loss: Tensor = (each * sure).sum() / sure.sum().clamp(min=1)
        kinds: Tensor = self._motor(motor.flatten(0, 1), kind.flatten())
        return loss + self._motor_weight * kinds


def _follow(mean: DetectorNet, net: DetectorNet) -> None:
    """Moves the running mean of the weights a two-hundredth of the way to the newest."""
    with torch.no_grad():
        for slow, quick in zip(mean.parameters(), net.parameters(), strict=True):
            slow.lerp_(quick, 0.005)


def _checkpoint(path: Path, recipe: Recipe, parts: dict[str, Any], epoch: int) -> None:
    part = path.with_suffix(".part")
    states = {name: thing.state_dict() for name, thing in parts.items()}
    torch.save({"recipe": asdict(recipe), "epoch": epoch, **states}, part)
    part.replace(path)


def _resume(path: Path, recipe: Recipe, parts: dict[str, Any], tell: Tell) -> int:
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    if kept["recipe"] != asdict(recipe):
        tell("the checkpoint is of another recipe: starting from nothing")
        return 0
    for name, thing in parts.items():
        thing.load_state_dict(kept[name])
    tell(f"going on after epoch {kept['epoch']}")
    return int(kept["epoch"])


def fit(lessons: list[Lesson], recipe: Recipe, checkpoint: Path, tell: Tell, threads: int = 2) -> DetectorNet:
    """Trains on the lessons and returns the running mean of the weights, the steadier network."""
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    net = DetectorNet()
    mean = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.peak_rate, weight_decay=recipe.weight_decay)
    chunks = len(lessons) // recipe.beds * (max(len(kept.motor) for kept in lessons) // recipe.chunk_steps)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.peak_rate, total_steps=chunks * recipe.epochs + 2)
    parts = {"net": net, "mean": mean, "optimiser": optimiser, "schedule": schedule}
    losses = Losses(motor_weights(lessons), recipe.motor_weight)
    for epoch in range(_resume(checkpoint, recipe, parts, tell), recipe.epochs):
        torch.manual_seed(recipe.seed * 1_000 + epoch)
        state, total, count = torch.zeros(recipe.beds, net.state_size), 0.0, 0
        for fresh, (features, *truth) in batches(lessons, recipe, epoch):
            state = torch.zeros_like(state) if fresh else state
            logits, motor, state = net(features, state)
            loss = losses(logits, motor, (truth[0], truth[1], truth[2]))
            optimiser.zero_grad()
            torch.autograd.backward([loss])
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            _follow(mean, net)
            state = state.detach()
            total, count = total + float(loss.detach()), count + 1
        tell(f"epoch {epoch + 1}/{recipe.epochs}: loss {total / max(1, count):.3f}")
        _checkpoint(checkpoint, recipe, parts, epoch + 1)
    return mean.eval()
