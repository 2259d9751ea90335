"""The whole curve of a contender: sensitivity against false events an hour, and whether one contender beats another along it.

Each point is a run of the whole trigger at another opening threshold: merging and cool-down are part of the detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.evaluation.watch import at_threshold
from models.metrics.intervals import Share
from shared.trigger import TriggerRule

THRESHOLDS: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold: sensitivity over all true events, false events an hour of ordinary and of stress nights."""

    open_at: float
    sensitivity: Share
    ordinary_per_h: float
    stress_per_h: float


def curve_rules(rule: TriggerRule) -> tuple[TriggerRule, ...]:
    """The rules of the curve: the given one at each threshold."""
    return tuple(at_threshold(rule, open_at) for open_at in THRESHOLDS)


def beaten_by(mine: Sequence[Point], theirs: Sequence[Point], *, stress: bool = False) -> list[Point]:
    """The points of `theirs` to which none of `mine` is at least equal in both sensitivity and false events.

    Empty means that mine is better, or as good, along the whole curve.
    """

    def false(point: Point) -> float:
        return point.stress_per_h if stress else point.ordinary_per_h

    return [
        their
        for their in theirs
        if their.sensitivity.hits > 0
        and not any(
            my.sensitivity.value >= their.sensitivity.value and false(my) <= false(their) for my in mine
        )
    ]  # fmt: skip
