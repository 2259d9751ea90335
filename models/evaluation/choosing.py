"""Chooses a trigger on validation patients: a grid of rules, each judged by sensitivity, false events and latency.

The best rule is looked for on a plateau: each point of the grid counts with its neighbours, so that a lucky threshold does not
win. Test patients have no part in it, and a release and a baseline are tuned by the same cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.evaluation.judge import Judged
from models.metrics.intervals import median
from shared.trigger import TriggerRule

OPEN_AT: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
LENGTHS_S: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
CLOSE_SHARE = 0.5
"""`close_at` as a share of `open_at`."""
COST_ORDINARY_PER_H, COST_STRESS_PER_H, COST_LATENCY_PER_S = 0.05, 0.004, 0.003
"""A false event an hour of ordinary sleep costs as much as 5 % of sensitivity, under stress a twelfth of that; a second of
latency 0.3 %."""


@dataclass(frozen=True)
class Outcome:
    """What a rule does: found of true paroxysms, median latency, and false events an hour."""

    true: int
    found: int
    latency_s: float
    ordinary_per_h: float
    stress_per_h: float

    @property
    def worth(self) -> float:
        """Sensitivity less the cost of the false events and of the latency."""
        false = COST_ORDINARY_PER_H * self.ordinary_per_h + COST_STRESS_PER_H * self.stress_per_h
        late = COST_LATENCY_PER_S * self.latency_s if self.found else 0.0
        return self.found / max(1, self.true) - false - late


def rule_at(open_at: float, min_length_s: float) -> TriggerRule:
    """A rule of the grid."""
    return TriggerRule(open_at=open_at, close_at=round(CLOSE_SHARE * open_at, 3), min_length_s=min_length_s)


def grid() -> tuple[TriggerRule, ...]:
    """All rules, by threshold and then by length."""
    return tuple(rule_at(open_at, length_s) for open_at in OPEN_AT for length_s in LENGTHS_S)


def outcome_of(judged: Sequence[Judged]) -> Outcome:
    """What one rule did on the validation recordings of all sorts."""
    detections = [one for each in judged for one in each.detections]
    latencies_s = [one.latency_s for one in detections if one.latency_s is not None]
    return Outcome(
        len(detections), len(latencies_s), median(latencies_s), _per_h(judged, "ordinary"), _per_h(judged, "stress")
    )


def choose(outcomes: Sequence[Outcome]) -> tuple[TriggerRule, Outcome]:
    """The rule of `grid` with the best worth, averaged with its neighbours, and its own outcome."""
    worth = np.array([outcome.worth for outcome in outcomes]).reshape(len(OPEN_AT), len(LENGTHS_S))
    best = int(np.argmax(_plateau(worth)))
    return grid()[best], outcomes[best]


def _per_h(judged: Sequence[Judged], sort: str) -> float:
    of_sort = [each for each in judged if each.recording.sort == sort]
    hours = sum(each.recording.hours for each in of_sort)
    return sum(len(each.false) for each in of_sort) / hours if hours else 0.0


def _plateau(worth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of each point with its neighbours; the edge counts as its own neighbour."""
    wide = np.pad(worth, 1, mode="edge")
    around = [wide[i : i + worth.shape[0], j : j + worth.shape[1]] for i in range(3) for j in range(3)]
    mean: npt.NDArray[np.float64] = np.mean(around, axis=0)
    return mean
