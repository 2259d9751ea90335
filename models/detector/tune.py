"""The network's scores on validation nights made into one `TriggerRule`. Test patients have no part in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.detector.lessons import Lesson
from models.detector.network import DetectorNet
from models.detector.train import as_features
from models.evaluation.choosing import Outcome, choose, grid, outcome_of
from models.evaluation.judge import Judged, judge
from models.evaluation.recording import Sort
from models.evaluation.simulated import Case, recording_of
from models.evaluation.watch import EventList
from shared.clock import NS_PER_S
from shared.detector_input import STEP_FPS
from shared.score import MOTOR_TYPES, Score, motor_shares
from shared.trigger import TriggerRule
from shared.ward import Night


@dataclass(frozen=True)
class Scored:
    """One night and all its scores in time order."""

    night: Night
    scores: Sequence[Score]


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


def judged(scored: Scored, sort: Sort, rule: TriggerRule) -> Judged:
    """What the rule makes of one night's scores."""
    events = EventList(rule)
    for score in scored.scores:
        events.feed(score)
    return judge(recording_of(Case(scored.night, sort)), events.end())


def tune(
    seizures: Sequence[Scored], ordinary: Sequence[Scored], stress: Sequence[Scored]
) -> tuple[TriggerRule, Outcome]:
    """The rule with the best worth on a plateau of the grid, and its own outcome."""
    sorts: dict[Sort, Sequence[Scored]] = {"seizures": seizures, "ordinary": ordinary, "stress": stress}
    return choose(
        [outcome_of([judged(each, sort, rule) for sort, some in sorts.items() for each in some]) for rule in grid()]
    )
