"""A night's plan: which deeds happen when. Pure and seeded: the same seeds give the same night."""

from dataclasses import dataclass

import numpy as np

from shared.ward.deeds import Deed, Episode
from shared.ward.patient import Patient, Syndrome, patient_of

# Shortest and longest seconds of each deed. Seizures: Theodore 1994 (tonic-clonic), Tinuper 2016 (hypermotor), S3 (the rest).
SPANS_S: dict[Deed, tuple[float, float]] = {
    Deed.turning: (3.0, 8.0),
    Deed.sitting_up: (20.0, 60.0),
    Deed.eating: (60.0, 180.0),
    Deed.phone: (40.0, 180.0),
    Deed.scratching: (6.0, 20.0),
    Deed.coughing: (6.0, 25.0),
    Deed.tooth_brushing: (40.0, 90.0),
    Deed.shivering: (20.0, 60.0),
    Deed.leg_twitches: (60.0, 200.0),
    Deed.sawing: (15.0, 45.0),
    Deed.staff_care: (40.0, 120.0),
    Deed.walk_through: (10.0, 20.0),
    Deed.bed_making: (50.0, 100.0),
    Deed.focal_to_bilateral_tonic_clonic: (60.0, 110.0),
    Deed.hypermotor: (15.0, 40.0),
    Deed.automotor: (40.0, 100.0),
    Deed.tonic: (10.0, 25.0),
    Deed.psychogenic: (60.0, 240.0),
    Deed.versive: (12.0, 35.0),
    Deed.myoclonic_series: (10.0, 60.0),
    Deed.hypomotor_arrest: (15.0, 60.0),
    Deed.focal_clonic: (20.0, 80.0),
    Deed.rocking: (20.0, 90.0),
    Deed.exercises: (60.0, 180.0),
    Deed.chest_physiotherapy: (90.0, 240.0),
    Deed.leaving_bed: (120.0, 480.0),
    Deed.visit: (120.0, 600.0),
    Deed.torch_check: (12.0, 25.0),
    Deed.lights_on: (30.0, 300.0),
    Deed.camera_knock: (1.5, 3.0),
}
CONFOUNDER_SHARES: dict[Deed, float] = {
    Deed.turning: 5.0,
    Deed.sitting_up: 1.2,
    Deed.eating: 0.8,
    Deed.phone: 1.2,
    Deed.scratching: 2.0,
    Deed.coughing: 1.6,
    Deed.tooth_brushing: 0.5,
    Deed.shivering: 0.5,
    Deed.leg_twitches: 0.8,
    Deed.sawing: 0.8,
    Deed.staff_care: 1.4,
    Deed.walk_through: 1.4,
    Deed.bed_making: 0.5,
}
PAROXYSM_SHARES: dict[Syndrome, dict[Deed, float]] = {
    Syndrome.frontal: {Deed.hypermotor: 0.45, Deed.tonic: 0.30, Deed.focal_to_bilateral_tonic_clonic: 0.25},
    Syndrome.temporal: {Deed.automotor: 0.65, Deed.focal_to_bilateral_tonic_clonic: 0.35},
    Syndrome.non_epileptic: {Deed.psychogenic: 1.0},
}
LONGEST_NIGHT_S = 7 * 24 * 3600.0
DEMO_S = 1200.0
DEMO_FIRST_S = 35.0
DEMO_FIRST_SPAN_S = 60.0
CLEAR_AFTER_PAROXYSM_S = 60.0
CLEAR_S = 12.0


@dataclass(frozen=True)
class Night:
    """What happens to one patient in one night; episodes are sorted and do not overlap, between them the patient sleeps."""

    patient_seed: int
    night_seed: int
    duration_s: float
    episodes: tuple[Episode, ...]

    def __post_init__(self) -> None:
        if not 0 < self.duration_s <= LONGEST_NIGHT_S:
            raise ValueError(f"duration_s must be above 0 and at most {LONGEST_NIGHT_S:.0f}, got {self.duration_s}")
        free = 0.0
        for episode in self.episodes:
            if episode.start_s < free or episode.duration_s <= 0 or episode.end_s > self.duration_s:
                raise ValueError(f"episodes must be sorted, apart and inside the night; {episode} is not")
            free = episode.end_s


def _span_of(deed: Deed, rng: np.random.Generator) -> float:
    low, high = SPANS_S[deed]
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _draw(shares: dict[Deed, float], rng: np.random.Generator) -> Deed:
    weights = np.array(list(shares.values()))
    return list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _fits(start_s: float, span_s: float, clear_s: float, taken: list[tuple[float, float]], duration_s: float) -> bool:
    if start_s < 5.0 or start_s + span_s + clear_s > duration_s:
        return False
    return all(start_s + span_s + clear_s <= low or start_s >= high for low, high in taken)


def _place(
    shares: dict[Deed, float], per_h: float, clear_s: float, duration_s: float,
    rng: np.random.Generator, taken: list[tuple[float, float]],
) -> list[Episode]:  # fmt: skip
    """Poisson many episodes at uniform times, each kept apart from what is there; an episode without room is left out."""
    placed = []
    for _ in range(int(rng.poisson(per_h * duration_s / 3600.0))):
        deed = _draw(shares, rng)
        span = _span_of(deed, rng)
        for _ in range(20):
            start = float(rng.uniform(0.0, duration_s))
            if _fits(start, span, clear_s, taken, duration_s):
                taken.append((start, start + span + clear_s))
                placed.append(Episode(deed, start, span))
                break
    return placed


def plan_night(
    patient_seed: int, night_seed: int, duration_s: float, *, seizures_per_h: float, confounders_per_h: float
) -> Night:
    """Draw a night. Rates are of Poisson arrivals (0 to 60 an hour); kinds of paroxysm follow the patient's syndrome.

    Raises ValueError for a rate or a length out of range.
    """
    for name, rate in (("seizures_per_h", seizures_per_h), ("confounders_per_h", confounders_per_h)):
        if not 0 <= rate <= 60:
            raise ValueError(f"{name} must be from 0 to 60, got {rate}")
    patient: Patient = patient_of(patient_seed)
    rng = np.random.default_rng((patient_seed, night_seed, 0x9167))
    taken: list[tuple[float, float]] = []
    episodes = _place(PAROXYSM_SHARES[patient.syndrome], seizures_per_h, CLEAR_AFTER_PAROXYSM_S, duration_s, rng, taken)
    episodes += _place(CONFOUNDER_SHARES, confounders_per_h, CLEAR_S, duration_s, rng, taken)
    return Night(patient_seed, night_seed, duration_s, tuple(sorted(episodes, key=lambda episode: episode.start_s)))


def _demo_paroxysms(patient: Patient) -> tuple[Deed, ...]:
    convulsion = Deed.focal_to_bilateral_tonic_clonic
    if patient.syndrome is Syndrome.frontal:
        return convulsion, Deed.hypermotor, Deed.tonic, Deed.hypermotor
    if patient.syndrome is Syndrome.temporal:
        return convulsion, Deed.automotor, Deed.psychogenic, Deed.automotor
    return convulsion, Deed.psychogenic, Deed.automotor, Deed.psychogenic


def plan_demo(patient_seed: int, night_seed: int) -> Night:
    """A 20-minute loop for a demonstration: a short tonic-clonic seizure at 35 s, another paroxysm each 4 to 5 minutes, ordinary life between."""
    patient = patient_of(patient_seed)
    rng = np.random.default_rng((patient_seed, night_seed, 0xDE40))
    taken: list[tuple[float, float]] = [(0.0, 20.0)]
    episodes: list[Episode] = []
    start = DEMO_FIRST_S
    for deed in _demo_paroxysms(patient):
        span = min(_span_of(deed, rng), 110.0 if episodes else DEMO_FIRST_SPAN_S)
        episodes.append(Episode(deed, start, span))
        taken.append((start - CLEAR_S, start + span + CLEAR_AFTER_PAROXYSM_S))
        start += float(rng.uniform(240.0, 300.0))
    ordinary = {deed: share for deed, share in CONFOUNDER_SHARES.items() if SPANS_S[deed][0] <= 40.0}
    episodes += _place(ordinary, 30.0, CLEAR_S, DEMO_S, rng, taken)
    return Night(patient_seed, night_seed, DEMO_S, tuple(sorted(episodes, key=lambda episode: episode.start_s)))
