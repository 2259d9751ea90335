"""The language in which deeds are written: smooth ramps, rhythms and small noises in closed form, and a body to apply them to.

Everything is a function of time arrays (n,), so that any instant can be computed alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.ward.patient import Patient
from shared.ward.skeleton import POSE_ROWS, ROOT, Joint, X, Y, Z

Floats = NDArray[np.float64]
TAU = 2 * np.pi
PAIRS = {"shoulder": (Joint.SHOULDER_L, Joint.SHOULDER_R), "elbow": (Joint.ELBOW_L, Joint.ELBOW_R),
         "wrist": (Joint.WRIST_L, Joint.WRIST_R), "hip": (Joint.HIP_L, Joint.HIP_R), "knee": (Joint.KNEE_L, Joint.KNEE_R),
         "ankle": (Joint.ANKLE_L, Joint.ANKLE_R), "hand": (Joint.HAND_L, Joint.HAND_R)}  # fmt: skip


def smooth(x: Floats) -> Floats:
    """0 below 0, 1 above 1, a smooth step (3x² - 2x³) between."""
    y = np.clip(x, 0.0, 1.0)
    return np.asarray(y * y * (3.0 - 2.0 * y))


def rise(t: Floats, start_s: float, length_s: float) -> Floats:
    """Smooth step from 0 to 1 that begins at start_s and takes length_s."""
    return smooth((t - start_s) / max(length_s, 1e-6))


def hump(t: Floats, start_s: float, end_s: float, rise_s: float, fall_s: float) -> Floats:
    """0, up during rise_s from start_s, 1, and down again during the fall_s before end_s."""
    return rise(t, start_s, rise_s) * (1.0 - rise(t, end_s - fall_s, fall_s))


def jerk(phase: Floats) -> Floats:
    """Clonic waveform in 0..1 over phase in cycles: a fast contraction, a slower return."""
    x = phase - np.floor(phase)
    return np.asarray(np.where(x < 0.34, smooth(x / 0.34), 1.0 - smooth((x - 0.34) / 0.66)))


def slowing_phase(t: Floats, from_hz: float, to_hz: float, length_s: float) -> Floats:
    """Cycles since t = 0 of a rhythm whose frequency falls exponentially from one value to the other."""
    rate = np.log(from_hz / to_hz) / length_s
    return np.asarray(from_hz * (1.0 - np.exp(-rate * np.clip(t, 0.0, length_s))) / rate)


class Wander:
    """Irregular smooth motion within a frequency band: a sum of sines with random phases, about -1..1."""

    def __init__(self, rng: np.random.Generator, low_hz: float, high_hz: float, terms: int = 5) -> None:
        self.hz = rng.uniform(low_hz, high_hz, terms)
        self.phase = rng.uniform(0.0, TAU, terms)
        self.weight = rng.uniform(0.5, 1.0, terms) / np.sqrt(terms)

    def __call__(self, t: Floats) -> Floats:
        """Values (n,) at times (n,) in seconds."""
        return np.asarray(np.sin(TAU * t[:, None] * self.hz + self.phase) @ self.weight)


@dataclass(frozen=True)
class Course:
    """What a deed knows: seconds since its start (n,), how long it lasts, how long its after-effects may, who does it."""

    t: Floats
    duration_s: float
    tail_s: float
    patient: Patient
    rng: np.random.Generator

    def hump(self, rise_s: float = 2.0, fall_s: float = 2.0) -> Floats:
        """Weight over the whole deed, inside its span."""
        return hump(self.t, 0.0, self.duration_s, rise_s, fall_s)

    def hump_with_tail(self, rise_s: float, fall_s: float) -> Floats:
        """Weight over the deed and its after-effects."""
        return hump(self.t, 0.0, self.duration_s + self.tail_s, rise_s, min(fall_s, max(self.tail_s, 0.5)))


class Body:
    """Poses (n, POSE_ROWS, 3) of n instants that deeds bend in place, and how far the blanket is pushed down (n,) in mm.

    aside (n,): share of the blanket thrown to the patient's left (1) or right (-1); upright (n,): 0 in bed, 1 on its own feet.
    """

    def __init__(self, pose: Floats, side: int) -> None:
        self.pose = pose
        self.side = side
        self.uncovered_mm: Floats = np.zeros(len(pose))
        self.aside: Floats = np.zeros(len(pose))
        self.upright: Floats = np.zeros(len(pose))

    @classmethod
    def at_rest(cls, count: int, side: int = 1) -> "Body":
        """n bodies in the rest pose."""
        return cls(np.zeros((count, POSE_ROWS, 3)), side)

    def add(self, joint: Joint, axis: int, value: Floats | float) -> None:
        """Turn a joint further."""
        self.pose[:, joint, axis] += value

    def blend(self, joint: Joint, axis: int, target: Floats | float, weight: Floats | float) -> None:
        """Move a joint's angle towards a target by a weight 0..1."""
        self.pose[:, joint, axis] += weight * (target - self.pose[:, joint, axis])

    def limb(self, name: str, left: bool, angles: tuple[float, float, float], weight: Floats | float) -> None:
        """Move one limb joint towards (flexion, twist, abduction), positive = bent forwards, inwards, outwards."""
        flexion, twist, abduction = angles
        sign = 1.0 if left else -1.0
        forward = 1.0 if name in ("knee", "ankle") else -1.0
        joint = PAIRS[name][0 if left else 1]
        self.blend(joint, X, forward * flexion, weight)
        self.blend(joint, Y, -sign * twist, weight)
        self.blend(joint, Z, sign * abduction, weight)

    def both(self, name: str, angles: tuple[float, float, float], weight: Floats | float) -> None:
        """The same on both sides, mirrored."""
        self.limb(name, True, angles, weight)
        self.limb(name, False, angles, weight)

    def flex(self, name: str, left: bool, value: Floats | float) -> None:
        """Bend one limb joint further by a value in radians."""
        forward = 1.0 if name in ("knee", "ankle") else -1.0
        self.add(PAIRS[name][0 if left else 1], X, forward * value)

    def spread(self, name: str, left: bool, value: Floats | float) -> None:
        """Abduct one limb joint further by a value in radians."""
        self.add(PAIRS[name][0 if left else 1], Z, value if left else -value)

    def shift(self, x_mm: Floats | float, y_mm: Floats | float, z_mm: Floats | float) -> None:
        """Move the pelvis."""
        self.pose[:, ROOT, X] += x_mm
        self.pose[:, ROOT, Y] += y_mm
        self.pose[:, ROOT, Z] += z_mm

    def lie_on_back(self, weight: Floats) -> None:
        """Bring every angle towards the plain supine pose."""
        self.pose[:, :ROOT] *= (1.0 - weight)[:, None, None]

    def sit_up(self, angle_rad: float, weight: Floats) -> None:
        """Raise the trunk with the legs staying on the bed."""
        self.blend(Joint.SPINE_BASE, X, angle_rad, weight)
        self.blend(Joint.SPINE_BASE, Y, 0.0, weight)
        for name in ("hip", "knee"):
            self.both(name, (0.0, 0.0, 0.08 if name == "hip" else 0.0), weight)
        for left in (True, False):
            self.flex("hip", left, weight * angle_rad)
        self.blend(Joint.NECK, X, 0.25, weight)
