"""Chooses the trigger's thresholds on validation patients. In: their nights as scores. Out: one `TriggerRule`.

The best rule is looked for on a plateau: each point of the grid is judged with its neighbours, so that a lucky threshold does
not win. Test patients have no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models.detector.lessons import Lesson
from models.detector.network import DetectorNet
from models.detector.nights import paroxysms_of
from models.detector.train import as_features
from models.metrics import Detection, match, median
from shared.clock import NS_PER_S
from shared.detector_input import STEP_FPS
from shared.score import MOTOR_TYPES, Score, motor_shares
from shared.trigger import Closed, Trigger, TriggerRule
from shared.ward import Night

OPEN_AT: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
LENGTHS_S: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
CLOSE_SHARE = 0.5
"""`close_at` as a share of `open_at`."""
COST_ORDINARY_PER_H, COST_STRESS_PER_H, COST_LATENCY_PER_S = 0.05, 0.004, 0.003
"""A false event an hour of ordinary sleep costs as much as 5 % of sensitivity, under stress a twelfth of that; a second of
latency 0.3 %."""


@dataclass(frozen=True)
class Scored:
    """One night and all its scores in time order."""

    night: Night
    scores: Sequence[Score]


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


def score_lesson(net: DetectorNet, night: Night, kept: Lesson) -> Scored:
    """The network's scores over a whole night, state carried from its start."""
    with torch.no_grad():
        logits, motor, _ = net(as_features(kept.features)[None], torch.zeros(1, net.state_size))
        values = torch.sigmoid(logits)[0].tolist()
        shares = torch.softmax(motor, 2)[0].tolist()
    step_ns = NS_PER_S / STEP_FPS
    return Scored(
        night,
        [
            Score(
                mono_ns=round((index + 1) * step_ns),
                utc_ns=0,
                value=value,
                motor_types=motor_shares(MOTOR_TYPES, share),
                release="in-training",
            )
            for index, (value, share) in enumerate(zip(values, shares, strict=True))
        ],
    )


def events_of(scores: Sequence[Score], rule: TriggerRule) -> list[tuple[float, float, float]]:
    """Events that the rule makes of the scores: (start, end, decided) in seconds, start and end of the active span."""
    trigger = Trigger(rule)
    decided: dict[int, float] = {}
    events: list[tuple[float, float, float]] = []
    for action in [action for score in scores for action in trigger.feed(score)] + trigger.flush():
        decided.setdefault(action.number, action.decided_ns / NS_PER_S)
        if isinstance(action, Closed):
            span = action.active
            events.append((span.start_ns / NS_PER_S, span.end_ns / NS_PER_S, decided[action.number]))
    return events


def judge(
    rule: TriggerRule, seizures: Sequence[Scored], ordinary: Sequence[Scored], stress: Sequence[Scored]
) -> Outcome:
    """How the rule does on three sorts of nights."""
    detections: list[Detection] = []
    for scored in seizures:
        detections += match(paroxysms_of(scored.night), events_of(scored.scores, rule))[0]
    latencies_s = [detection.latency_s for detection in detections if detection.latency_s is not None]
    return Outcome(len(detections), len(latencies_s), median(latencies_s), _per_h(rule, ordinary), _per_h(rule, stress))


def _per_h(rule: TriggerRule, nights: Sequence[Scored]) -> float:
    hours = sum(scored.night.duration_s for scored in nights) / 3600
    return sum(len(events_of(scored.scores, rule)) for scored in nights) / hours if hours else 0.0


def rule_at(open_at: float, min_length_s: float) -> TriggerRule:
    """A rule of the grid."""
    return TriggerRule(open_at=open_at, close_at=round(CLOSE_SHARE * open_at, 3), min_length_s=min_length_s)


def tune(
    seizures: Sequence[Scored], ordinary: Sequence[Scored], stress: Sequence[Scored]
) -> tuple[TriggerRule, Outcome]:
    """The rule with the best worth, averaged with its neighbours on the grid, and its own outcome."""
    outcomes = [[judge(rule_at(o, s), seizures, ordinary, stress) for s in LENGTHS_S] for o in OPEN_AT]
    worth = np.array([[outcome.worth for outcome in row] for row in outcomes])
    row, column = np.unravel_index(int(np.argmax(_plateau(worth))), worth.shape)
    return rule_at(OPEN_AT[row], LENGTHS_S[column]), outcomes[row][column]


def _plateau(worth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of each point with its neighbours; the edge counts as its own neighbour."""
    wide = np.pad(worth, 1, mode="edge")
    around = [wide[i : i + worth.shape[0], j : j + worth.shape[1]] for i in range(3) for j in range(3)]
    mean: npt.NDArray[np.float64] = np.mean(around, axis=0)
    return mean
