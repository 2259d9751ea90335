"""How people lie asleep: four postures with personal variations, and the small life of a sleeping body.

Home recordings of 664 adults: 54 % of the time on a side, 38 % on the back, 7 % on the front, 1.6 ± 0.7 position shifts an hour
(Skarpsno et al. 2017). The patients' shares vary around these.
"""

import numpy as np
from numpy.typing import NDArray

from shared.ward.moves import TAU, Body, Wander
from shared.ward.patient import Patient
from shared.ward.skeleton import Joint, X, Y, Z

Floats = NDArray[np.float64]


def _side_posture(body: Body, rng: np.random.Generator, left: bool) -> None:
    sign = 1.0 if left else -1.0
    body.add(Joint.SPINE_BASE, Y, sign * rng.uniform(1.1, 1.5))
    body.shift(-sign * rng.uniform(80.0, 160.0), 0.0, 0.0)
    curl = rng.uniform(0.3, 1.0)
    for near in (True, False):
        more = rng.uniform(-0.15, 0.3)
        body.limb("hip", near, (curl + more, 0.0, 0.0), 1.0)
        body.limb("knee", near, (1.2 * curl + more, 0.0, 0.0), 1.0)
        is_upper = near is not left
        body.limb("shoulder", near, (rng.uniform(0.5, 1.0), 0.0, -rng.uniform(0.5, 0.9) if is_upper else 0.1), 1.0)
        body.limb("elbow", near, (rng.uniform(0.9, 2.0), 0.0, 0.0), 1.0)
    body.add(Joint.SPINE_MID, X, 0.15 * curl)
    body.add(Joint.NECK, X, rng.uniform(0.0, 0.3))


def _back_posture(body: Body, rng: np.random.Generator) -> None:
    body.add(Joint.SPINE_BASE, Y, rng.uniform(-0.15, 0.15))
    for left in (True, False):
        bent = rng.choice((0.0, 0.0, 0.6)) * rng.uniform(0.5, 1.2)
        body.limb("hip", left, (bent, 0.0, rng.uniform(0.02, 0.22)), 1.0)
        body.limb("knee", left, (2 * bent, 0.0, 0.0), 1.0)
        kind = rng.integers(0, 3)
        if kind == 0:
            body.limb("shoulder", left, (0.05, 0.0, rng.uniform(0.08, 0.35)), 1.0)
            body.limb("elbow", left, (rng.uniform(0.0, 0.4), 0.0, 0.0), 1.0)
        elif kind == 1:
            body.limb("shoulder", left, (0.45, rng.uniform(0.8, 1.1), 0.15), 1.0)
            body.limb("elbow", left, (rng.uniform(1.2, 1.7), 0.0, 0.0), 1.0)
        else:
            body.limb("shoulder", left, (0.1, -1.45, rng.uniform(0.9, 1.5)), 1.0)
            body.limb("elbow", left, (rng.uniform(0.9, 1.7), 0.0, 0.0), 1.0)
    body.add(Joint.NECK, Y, rng.uniform(-0.7, 0.7))
    body.add(Joint.NECK, Z, rng.uniform(-0.15, 0.15))


def _front_posture(body: Body, rng: np.random.Generator) -> None:
    sign = rng.choice((-1.0, 1.0))
    body.add(Joint.SPINE_BASE, Y, sign * rng.uniform(2.7, 3.0))
    body.add(Joint.NECK, Y, sign * 0.8)
    body.limb("hip", bool(sign < 0), (rng.uniform(0.2, 0.9), 0.0, 0.5), 1.0)
    body.limb("knee", bool(sign < 0), (rng.uniform(0.3, 1.1), 0.0, 0.0), 1.0)
    body.both("shoulder", (0.2, -1.4, rng.uniform(0.5, 1.3)), 1.0)
    body.both("elbow", (rng.uniform(0.6, 1.6), 0.0, 0.0), 1.0)


def sleeping_pose(patient: Patient, night_seed: int, index: int) -> Floats:
    """The posture (POSE_ROWS, 3) that a patient takes after the index-th turn of a night."""
    rng = np.random.default_rng((patient.seed, night_seed, index, 0x51EE))
    body = Body.at_rest(1, patient.side)
    kind = int(rng.choice(4, p=np.array(patient.posture_weights) / sum(patient.posture_weights)))
    if kind == 0:
        _back_posture(body, rng)
    elif kind == 3:
        _front_posture(body, rng)
    else:
        _side_posture(body, rng, left=kind == 1)
    x, y = patient.pelvis_mm
    feet_room = max(0.0, patient.stature_mm * 0.53 - 960.0 - y)
    body.shift(x + rng.normal(0, 30), 960.0 + y + feet_room + rng.normal(0, 20), 0.0)
    body.add(Joint.SPINE_BASE, Z, rng.normal(0, 0.05))
    pose: Floats = body.pose[0]
    return pose


def stir(body: Body, t: Floats, patient: Patient, night_seed: int) -> None:
    """Add what never stops: slow drift, rest tremor of the trembling, and now and then a twitch of a limb (about 12 an hour)."""
    rng = np.random.default_rng((patient.seed, night_seed, 0x57))
    for joint in (Joint.SHOULDER_L, Joint.SHOULDER_R, Joint.NECK, Joint.HIP_L, Joint.HIP_R):
        body.add(joint, X, 0.012 * Wander(rng, 0.004, 0.03, 3)(t))
    if patient.tremor_rad:
        coming = 0.5 + 0.5 * np.sin(TAU * t / 47.0 + rng.uniform(0, TAU))
        shake = patient.tremor_rad * coming * np.sin(TAU * patient.tremor_hz * t)
        body.flex("elbow", patient.side > 0, shake)
        body.flex("wrist", patient.side > 0, 2.0 * shake)
    slot = np.floor(t / 300.0)
    for number in np.unique(slot).astype(int):
        twitches = np.random.default_rng((patient.seed, night_seed, abs(int(number)), 0x7717))
        at = number * 300.0 + twitches.uniform(5, 295)
        joint = Joint(int(twitches.choice((Joint.HIP_L, Joint.HIP_R, Joint.SHOULDER_L, Joint.ELBOW_R))))
        body.add(joint, X, -twitches.uniform(0.05, 0.3) * np.exp(-(((t - at) / 0.12) ** 2)))
