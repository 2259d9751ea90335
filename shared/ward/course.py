"""The course of a day and a night on the second ward: what comes how often at which hour, each rate with where it comes from.

A rate is of Poisson arrivals an hour. `plan_ordinary_night` draws at these rates; `plan_stress_night` draws confounders densely.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from shared.ward.deeds import PAROXYSMS, Deed, Episode
from shared.ward.night import CLEAR_AFTER_PAROXYSM_S, CLEAR_S, SPANS_S
from shared.ward.patient import Syndrome, patient_of
from shared.ward.stage import Placement, Stage, StagedNight

OURS = "our assumption"


class Phase(StrEnum):
    """A part of the day: day 7 to 19 h, evening 19 to 22 h, night 22 to 6 h, morning 6 to 7 h."""

    day = "day"
    evening = "evening"
    night = "night"
    morning = "morning"


@dataclass(frozen=True)
class Rate:
    """How often a deed comes an hour in each phase, and the source of the figure."""

    day: float
    evening: float
    night: float
    morning: float
    source: str

    def at(self, phase: Phase) -> float:
        """The rate of a phase."""
        return {Phase.day: self.day, Phase.evening: self.evening, Phase.night: self.night, Phase.morning: self.morning}[
            phase
        ]


RATES: dict[Deed, Rate] = {
    Deed.turning: Rate(3.0, 3.0, 1.6, 3.0, "1.6 ± 0.7 position shifts an hour asleep (Skarpsno 2017); awake: " + OURS),
    Deed.torch_check: Rate(
        0.0,
        0.0,
        0.6,
        0.0,
        "7.8 entries into a patient's room from 22 to 6 h (McDaniel 2022, children), most with a torch",
    ),
    Deed.staff_care: Rate(0.8, 0.7, 0.25, 1.2, "the rest of those entries at night; by day: " + OURS),
    Deed.walk_through: Rate(1.0, 0.6, 0.15, 0.8, "the rest of those entries at night; by day: " + OURS),
    Deed.leg_twitches: Rate(
        0.0,
        0.1,
        0.8,
        0.0,
        "18 of 100 healthy sleepers twitch more than 15 times an hour (Frauscher 2014); a series has about six",
    ),
    Deed.sitting_up: Rate(1.0, 1.0, 0.15, 1.0, OURS),
    Deed.eating: Rate(0.30, 0.35, 0.0, 0.3, OURS + ": three meals and a snack"),
    Deed.phone: Rate(1.2, 1.5, 0.1, 0.5, OURS),
    Deed.scratching: Rate(1.0, 1.0, 0.5, 1.0, OURS),
    Deed.coughing: Rate(0.6, 0.6, 0.3, 0.6, OURS),
    Deed.tooth_brushing: Rate(0.05, 0.25, 0.0, 0.5, OURS + ": twice a day"),
    Deed.shivering: Rate(0.03, 0.05, 0.05, 0.05, OURS),
    Deed.sawing: Rate(0.15, 0.10, 0.01, 0.05, OURS),
    Deed.rocking: Rate(0.15, 0.10, 0.02, 0.05, OURS),
    Deed.exercises: Rate(0.10, 0.03, 0.0, 0.1, OURS),
    Deed.chest_physiotherapy: Rate(0.08, 0.02, 0.0, 0.0, OURS + ": once a day in some"),
    Deed.bed_making: Rate(0.08, 0.02, 0.02, 0.4, OURS + ": once a day"),
    Deed.leaving_bed: Rate(0.45, 0.5, 0.12, 0.8, OURS + ": about one visit to the toilet a night"),
    Deed.visit: Rate(0.25, 0.15, 0.0, 0.0, OURS),
    Deed.lights_on: Rate(0.1, 0.3, 0.1, 0.3, OURS),
    Deed.camera_knock: Rate(0.01, 0.005, 0.002, 0.01, OURS + ": about once in five days"),
}
# Kinds of paroxysm by syndrome, shares: S3 (figure-of-four, tonic and clonic signs in 18 to 47 % of epileptic events), else ours.
PAROXYSM_KINDS: dict[Syndrome, dict[Deed, float]] = {
    Syndrome.frontal: {
        Deed.hypermotor: 0.26, Deed.tonic: 0.22, Deed.focal_to_bilateral_tonic_clonic: 0.16, Deed.versive: 0.14,
        Deed.focal_clonic: 0.13, Deed.myoclonic_series: 0.09,
    },
    Syndrome.temporal: {
        Deed.automotor: 0.50, Deed.focal_to_bilateral_tonic_clonic: 0.22, Deed.hypomotor_arrest: 0.20, Deed.versive: 0.08,
    },
    Syndrome.non_epileptic: {Deed.psychogenic: 1.0},
}  # fmt: skip
# What people do more or less than others: each patient has a factor of his own for each, 1 on average (our assumption).
HABITS = (
    Deed.phone, Deed.eating, Deed.scratching, Deed.coughing, Deed.leg_twitches, Deed.sawing, Deed.rocking, Deed.exercises,
    Deed.chest_physiotherapy, Deed.leaving_bed, Deed.visit, Deed.sitting_up,
)  # fmt: skip
HABIT_SPREAD = 0.6
STRESS_PER_H = 45.0
LONGEST_VISIT_S = 120.0
"""On stress nights nothing that is long lasts longer, so that many things happen."""


def phase_at(hour: float) -> Phase:
    """The phase of an hour of the day (any real number, taken modulo 24)."""
    h = hour % 24.0
    if 7.0 <= h < 19.0:
        return Phase.day
    if 19.0 <= h < 22.0:
        return Phase.evening
    return Phase.morning if 6.0 <= h < 7.0 else Phase.night


def habits_of(patient_seed: int) -> dict[Deed, float]:
    """How many times as often as others a patient does each of `HABITS`: lognormal with mean 1, the same on all nights."""
    rng = np.random.default_rng((patient_seed, 0x4AB175))
    factors = np.exp(rng.normal(-0.5 * HABIT_SPREAD**2, HABIT_SPREAD, len(HABITS)))
    return dict(zip(HABITS, factors.tolist(), strict=True))


def _span_s(deed: Deed, rng: np.random.Generator, longest_s: float) -> float:
    low_s, high_s = SPANS_S[deed]
    return min(float(np.exp(rng.uniform(np.log(low_s), np.log(high_s)))), longest_s)


def _pick(shares: dict[Deed, float], rng: np.random.Generator) -> Deed:
    weights = np.array(list(shares.values()))
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _stage(patient_seed: int, starts_at_h: float, placement: Placement | None) -> Stage:
    """The bed's stage: its placement is drawn by the patient's seed (foot 4, corner 3, side 2, ceiling 1 of 10) unless it is given."""
    rng = np.random.default_rng((patient_seed, 0xB0A7D))
    kinds = (Placement.foot, Placement.corner, Placement.side, Placement.ceiling)
    drawn = kinds[int(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1)))]
    return Stage(placement or drawn, starts_at_h, patient_seed)


def _arrivals(
    rates: dict[Phase, dict[Deed, float]], starts_at_h: float, duration_s: float, rng: np.random.Generator
) -> list[tuple[float, Deed]]:
    """Times and kinds of Poisson arrivals whose rates follow the phases, by thinning of the busiest phase's rate."""
    busiest = max(sum(shares.values()) for shares in rates.values())
    arrivals = []
    t = 0.0
    while busiest > 0:
        t += float(rng.exponential(3600.0 / busiest))
        if t >= duration_s:
            break
        shares = rates[phase_at(starts_at_h + t / 3600.0)]
        if rng.random() < sum(shares.values()) / busiest:
            arrivals.append((t, _pick(shares, rng)))
    return arrivals


def _lay_out(
    arrivals: list[tuple[float, Deed]], duration_s: float, rng: np.random.Generator, longest_s: float
) -> list[Episode]:
    """Arrivals one after another: one that comes while another lasts waits until that is over; what the night has no room for is left out."""
    episodes: list[Episode] = []
    free = 5.0
    for t, deed in sorted(arrivals):
        start, span = max(t, free), _span_s(deed, rng, longest_s)
        clear = CLEAR_AFTER_PAROXYSM_S if deed in PAROXYSMS else CLEAR_S
        if start - t > 600.0 or start + span + clear > duration_s:
            continue
        episodes.append(Episode(deed, start, span))
        free = start + span + clear
    return episodes


def plan_ordinary_night(
    patient_seed: int, night_seed: int, duration_s: float, *, starts_at_h: float = 21.0, seizures_per_h: float = 0.0,
    placement: Placement | None = None,
) -> StagedNight:  # fmt: skip
    """A night of the second ward at the rates of `RATES` by the hour, with paroxysms of the patient's syndrome at a rate of their own.

    Raises ValueError for an hour outside 0 to 24, a seizure rate outside 0 to 60 or a length outside a night's.
    """
    habits = habits_of(patient_seed)
    rates = {
        phase: {d: r.at(phase) * habits.get(d, 1.0) for d, r in RATES.items() if r.at(phase) > 0} for phase in Phase
    }
    return _plan(rates, patient_seed,
                 night_seed, duration_s, starts_at_h, seizures_per_h, placement, 600.0)  # fmt: skip


def plan_stress_night(
    patient_seed: int, night_seed: int, duration_s: float, *, starts_at_h: float = 16.0, seizures_per_h: float = 0.0,
    placement: Placement | None = None,
) -> StagedNight:  # fmt: skip
    """Confounders of every kind, 45 an hour, all equally likely: what a bad afternoon may look like, not how often it comes.

    Raises ValueError as `plan_ordinary_night`.
    """
    each = {deed: STRESS_PER_H / len(RATES) for deed in RATES}
    return _plan(dict.fromkeys(Phase, each), patient_seed, night_seed, duration_s, starts_at_h, seizures_per_h, placement,
                 LONGEST_VISIT_S)  # fmt: skip


def _plan(
    rates: dict[Phase, dict[Deed, float]], patient_seed: int, night_seed: int, duration_s: float, starts_at_h: float,
    seizures_per_h: float, placement: Placement | None, longest_s: float,
) -> StagedNight:  # fmt: skip
    if not 0 <= seizures_per_h <= 60:
        raise ValueError(f"seizures_per_h must be from 0 to 60, got {seizures_per_h}")
    stage = _stage(patient_seed, starts_at_h, placement)
    rng = np.random.default_rng((patient_seed, night_seed, 0xC0FFE))
    kinds = PAROXYSM_KINDS[patient_of(patient_seed).syndrome]
    seizures = [
        (float(rng.uniform(0, duration_s)), _pick(kinds, rng))
        for _ in range(rng.poisson(seizures_per_h * max(duration_s, 0) / 3600))
    ]
    episodes = _lay_out(_arrivals(rates, starts_at_h, duration_s, rng) + seizures, duration_s, rng, longest_s)
    return StagedNight(patient_seed, night_seed, duration_s, tuple(episodes), stage)
