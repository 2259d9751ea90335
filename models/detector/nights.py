"""Which simulated nights the detector learns from, is tuned on and is tested on. In: a split. Out: nights of its patients.

Splits are by patient, and a patient in two splits is refused. Lessons are dense: every kind of deed from every patient, the
hard ones more often. Tests are of two sorts: nights with one paroxysm each, and ordinary sleep at a plausible pace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.evaluation.recording import Stretch
from models.metrics.matching import Truth
from shared.score import MOTOR_TYPES
from shared.ward import CONFOUNDERS, PAROXYSMS, Deed, Episode, Night
from shared.ward.night import CONFOUNDER_SHARES, SPANS_S

SPLITS: Mapping[str, range] = {
    "train": range(10_000, 10_048),
    "validation": range(20_000, 20_016),
    "test": range(30_000, 30_040),
}

MOTOR_OF: Mapping[Deed, str] = {
    Deed.sleep: "quiet",
    Deed.turning: "ordinary_motion",
    Deed.sitting_up: "ordinary_motion",
    Deed.eating: "ordinary_motion",
    Deed.phone: "ordinary_motion",
    Deed.coughing: "ordinary_motion",
    Deed.scratching: "rhythmic_other",
    Deed.tooth_brushing: "rhythmic_other",
    Deed.shivering: "rhythmic_other",
    Deed.leg_twitches: "rhythmic_other",
    Deed.sawing: "rhythmic_other",
    Deed.staff_care: "staff",
    Deed.walk_through: "staff",
    Deed.bed_making: "staff",
    Deed.focal_to_bilateral_tonic_clonic: "tonic_clonic",
    Deed.hypermotor: "hyperkinetic",
    Deed.automotor: "automotor",
    Deed.tonic: "tonic",
    Deed.psychogenic: "psychogenic",
}

# Tonic seizures are short and weak, sawing and care look most like seizures: they come more often than the rest.
LESSON_SHARES: Mapping[Deed, float] = {
    Deed.focal_to_bilateral_tonic_clonic: 1.6,
    Deed.hypermotor: 2.0,
    Deed.automotor: 1.8,
    Deed.tonic: 3.2,
    Deed.psychogenic: 0.9,
    Deed.sawing: 1.8,
    Deed.staff_care: 1.2,
    Deed.turning: 2.5,
    Deed.sitting_up: 1.2,
    Deed.eating: 0.6,
    Deed.phone: 0.8,
    Deed.scratching: 1.2,
    Deed.coughing: 1.2,
    Deed.tooth_brushing: 0.8,
    Deed.shivering: 1.0,
    Deed.leg_twitches: 0.5,
    Deed.walk_through: 0.8,
    Deed.bed_making: 0.7,
}
LONGEST_DEED_S = 75.0
"""Deeds that may last minutes are cut to this in lessons: their middle teaches nothing new."""

REST_S = 45.0
ORDINARY_PER_H = 7.0
"""Awakenings and visits in an hour of ordinary sleep: about four turns (De Koninck 1992) and three other deeds."""


def _span_s(deed: Deed, rng: np.random.Generator, longest_s: float) -> float:
    low_s, high_s = SPANS_S[deed]
    return min(float(np.exp(rng.uniform(np.log(low_s), np.log(high_s)))), longest_s)


def _draw(shares: Mapping[Deed, float], rng: np.random.Generator) -> Deed:
    weights = np.array(list(shares.values()))
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def lesson(patient: int, night: int, duration_s: float = 600.0) -> Night:
    """A dense night: deeds in random order with 8 to 25 s of sleep between, now and then some minutes."""
    rng = np.random.default_rng((patient, night, 0x1E55))
    episodes: list[Episode] = []
    start_s = float(rng.uniform(8.0, 30.0))
    while True:
        deed = _draw(LESSON_SHARES, rng)
        span_s = _span_s(deed, rng, LONGEST_DEED_S)
        if start_s + span_s + 20.0 > duration_s:
            return Night(patient, night, duration_s, tuple(episodes))
        episodes.append(Episode(deed, start_s, span_s))
        rest_s = rng.uniform(60.0, 120.0) if rng.random() < 0.05 else rng.uniform(8.0, 25.0)
        start_s += span_s + float(rest_s)


def seizure_night(patient: int, night: int, deeds: Sequence[Deed]) -> Night:
    """Sleep and one turn before each of the given paroxysms, at least 150 s of sleep between them and 100 s at the end."""
    rng = np.random.default_rng((patient, night, 0x5E12))
    episodes: list[Episode] = []
    start_s = 0.0
    for deed in deeds:
        start_s += float(rng.uniform(60.0, 90.0))
        turn = Episode(Deed.turning, start_s - 50.0, _span_s(Deed.turning, rng, 10.0))
        paroxysm = Episode(deed, start_s, _span_s(deed, rng, 120.0))
        episodes += [turn, paroxysm]
        start_s = paroxysm.end_s + 100.0
    return Night(patient, night, start_s, tuple(episodes))


def ordinary_night(patient: int, night: int, duration_s: float = 900.0, per_h: float = ORDINARY_PER_H) -> Night:
    """Sleep with turns and other ordinary deeds at `per_h` an hour in the ward's own proportions, no paroxysm."""
    return _without_paroxysm(patient, night, duration_s, per_h, 0x0D1A)


def stress_night(patient: int, night: int, duration_s: float = 900.0) -> Night:
    """Confounders close together, 50 an hour, no paroxysm: what a bad afternoon may look like, for the honest table."""
    return _without_paroxysm(patient, night, duration_s, 50.0, 0x57E5)


def confounder_night(patient: int, night: int) -> Night:
    """Every confounder once, in random order, each alone with 45 s of sleep before the next: what each of them does by itself."""
    rng = np.random.default_rng((patient, night, 0xC0F0))
    episodes: list[Episode] = []
    start_s = REST_S
    for place in rng.permutation(len(CONFOUNDER_SHARES)):
        deed = list(CONFOUNDER_SHARES)[int(place)]
        episodes.append(Episode(deed, start_s, _span_s(deed, rng, LONGEST_DEED_S)))
        start_s = episodes[-1].end_s + REST_S
    return Night(patient, night, start_s, tuple(episodes))


def _without_paroxysm(patient: int, night: int, duration_s: float, per_h: float, salt: int) -> Night:
    rng = np.random.default_rng((patient, night, salt))
    episodes: list[Episode] = []
    start_s = 5.0 + float(rng.exponential(3600.0 / per_h))
    while True:
        deed = _draw(CONFOUNDER_SHARES, rng)
        span_s = _span_s(deed, rng, 180.0)
        if start_s + span_s + 12.0 > duration_s:
            return Night(patient, night, duration_s, tuple(episodes))
        episodes.append(Episode(deed, start_s, span_s))
        start_s += span_s + 12.0 + float(rng.exponential(max(1.0, 3600.0 / per_h - 40.0)))


def truths_of(night: Night) -> tuple[Truth, ...]:
    """The true events of a night. Every paroxysm of this ward moves from its first second on: that is its first sign."""
    return tuple(Truth(MOTOR_OF[e.deed], e.start_s, e.end_s) for e in night.episodes if e.deed in PAROXYSMS)


def others_of(night: Night) -> tuple[Stretch, ...]:
    """The confounders of a night, each under its own name."""
    return tuple(Stretch(e.deed.value, e.start_s, e.end_s) for e in night.episodes if e.deed in CONFOUNDERS)


def motor_index(deed: Deed) -> int:
    """The place of a deed's motor type in the network's output."""
    return MOTOR_TYPES.index(MOTOR_OF[deed])
