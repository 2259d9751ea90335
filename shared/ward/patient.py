"""A simulated patient: size, habits, bedding and epilepsy, all drawn from one seed."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Syndrome(StrEnum):
    """Where the patient's paroxysms come from; it decides which kinds he or she has."""

    frontal = "frontal"
    temporal = "temporal"
    non_epileptic = "non_epileptic"


@dataclass(frozen=True)
class Patient:
    """Traits that stay the same over all nights of one patient. Side: +1 left, -1 right."""

    seed: int
    stature_mm: float
    girth: float
    syndrome: Syndrome
    side: int
    vigour: float
    breath_hz: float
    breath_mm: float
    tremor_rad: float
    tremor_hz: float
    arms_over_blanket: bool
    has_blanket: bool
    blanket_top_mm: float
    blanket_slope: float
    pelvis_mm: tuple[float, float]
    posture_weights: tuple[float, float, float, float]
    albedo_scale: tuple[float, float, float, float]


def patient_of(seed: int) -> Patient:
    """Draw the patient of a seed: the same seed is the same person for ever. Raises ValueError for a negative seed."""
    if seed < 0:
        raise ValueError(f"patient_seed must be 0 or more, got {seed}")
    rng = np.random.default_rng((seed, 0xA7EE))
    trembling = rng.random() < 0.25
    postures = rng.dirichlet((2.2, 1.6, 1.6, 0.7))
    scale = rng.uniform(0.75, 1.25, size=4)
    return Patient(
        seed=seed,
        stature_mm=float(rng.uniform(1500, 1920)),
        girth=float(rng.uniform(0.86, 1.28)),
        syndrome=list(Syndrome)[int(rng.choice(3, p=(0.42, 0.38, 0.20)))],
        side=int(rng.choice((-1, 1))),
        vigour=float(rng.uniform(0.7, 1.25)),
        breath_hz=float(rng.uniform(0.19, 0.31)),
        breath_mm=float(rng.uniform(4.0, 10.0)),
        tremor_rad=float(rng.uniform(0.015, 0.05)) if trembling else 0.0,
        tremor_hz=float(rng.uniform(4.0, 6.5)),
        arms_over_blanket=bool(rng.random() < 0.5),
        has_blanket=bool(rng.random() < 0.85),
        blanket_top_mm=float(rng.uniform(1020, 1420)),
        blanket_slope=float(rng.uniform(0.7, 1.3)),
        pelvis_mm=(float(rng.uniform(-70, 70)), float(rng.uniform(-40, 50))),
        posture_weights=(float(postures[0]), float(postures[1]), float(postures[2]), float(postures[3])),
        albedo_scale=(float(scale[0]), float(scale[1]), float(scale[2]), float(scale[3])),
    )
