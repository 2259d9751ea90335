"""How far joints bend and how fast limbs can follow: anatomical ranges, kept smoothly, and inertia as a second-order lag.

The lag of a limb with inertia and muscle stiffness at critical damping has the impulse response t/τ² · exp(-t/τ). It is cut off
after `MEMORY` steps of a fixed grid of instants, so it is a weighted mean of the wished-for poses of the last half second: any
instant can be made alone, from its own half second, and comes out the same to the last bit.
"""

import numpy as np
from numpy.typing import NDArray

from shared.ward.compiled import compiled
from shared.ward.skeleton import JOINTS, POSE_ROWS, Joint, Y, Z

Floats = NDArray[np.float64]
GRID_HZ = 60
MEMORY = 30
SOFT_RAD = 0.12
"""The last radians before a joint's end, in which it gives way."""

FREE = (-100.0, 100.0)
# Radians about x, y, z of each joint (left side; the right one is mirrored). Ends after the usual textbook ranges in degrees
# (AccessPhysiotherapy, "Range of Motion for Diarthrodial Joints"): shoulder flexion 180, extension 60, abduction 180, rotation 90;
# elbow 150, forearm 90; wrist 90 and 85; hip flexion 125, extension 30, abduction 45, adduction 30, rotation 45; knee 145;
# ankle 50 down and 20 up; neck and trunk: our assumptions.
_RANGES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "SPINE_MID": ((-0.60, 1.25), (-0.95, 0.95), (-0.65, 0.65)),
    "NECK": ((-1.00, 1.00), (-1.50, 1.50), (-0.80, 0.80)),
    "HEAD": ((-0.50, 0.50), (-0.40, 0.40), (-0.30, 0.30)),
    "SHOULDER": ((-3.14, 1.05), (-1.70, 1.70), (-1.20, 3.14)),
    "ELBOW": ((-2.65, 0.12), (-1.60, 1.60), (-0.20, 0.20)),
    "WRIST": ((-1.60, 1.50), (-0.30, 0.30), (-0.60, 0.45)),
    "HIP": ((-2.25, 0.55), (-0.80, 0.80), (-0.55, 0.85)),
    "KNEE": ((-0.14, 2.55), (-0.20, 0.20), (-0.15, 0.15)),
    "ANKLE": ((-0.45, 0.95), (-0.25, 0.25), (-0.40, 0.60)),
}
# Seconds τ of the lag by joint: heavy trunk and thigh follow slowly, the hand almost at once. A second-order lag with two equal time
# constants fits the forearm's muscles (Zahalak and Heyman 1979: 50 ms from their electrical drive to force). Deeds tell movements as
# they are seen, not as they are driven, so the lags are shorter here: our assumption.
_LAGS_S = {"SPINE_BASE": 0.045, "SPINE_MID": 0.040, "NECK": 0.030, "HEAD": 0.022, "HIP": 0.035, "KNEE": 0.027, "ANKLE": 0.018,
           "SHOULDER": 0.025, "ELBOW": 0.018, "WRIST": 0.012, "HAND": 0.010}  # fmt: skip
ROOT_LAG_S = 0.045


def _ranges() -> Floats:
    """(JOINTS, 3, 2): least and greatest angle of each joint's axes."""
    table = np.full((JOINTS, 3, 2), FREE)
    for name, axes in _RANGES.items():
        if name in Joint.__members__:
            table[Joint[name]] = axes
            continue
        table[Joint[f"{name}_L"]] = axes
        mirrored = np.array(axes)
        mirrored[Y], mirrored[Z] = -mirrored[Y][::-1], -mirrored[Z][::-1]
        table[Joint[f"{name}_R"]] = mirrored
    return table


def _kernels() -> Floats:
    """(POSE_ROWS, MEMORY): weights of this instant and the ones before, each row with sum 1."""
    lags = np.full(POSE_ROWS, 0.010)
    for joint in Joint:
        lags[joint] = _LAGS_S.get(joint.name.removesuffix("_L").removesuffix("_R"), 0.010)
    lags[JOINTS] = ROOT_LAG_S
    ago = (np.arange(MEMORY) + 0.5) / GRID_HZ
    weights = ago / lags[:, None] ** 2 * np.exp(-ago / lags[:, None])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


RANGES = _ranges()
KERNELS = _kernels()


def within_limits(angles: Floats) -> Floats:
    """Angles (n, JOINTS, 3) kept inside their ranges: untouched until SOFT_RAD before an end, then ever slower, never beyond."""
    low, high = RANGES[..., 0] + SOFT_RAD, RANGES[..., 1] - SOFT_RAD
    above, below = np.maximum(angles - high, 0.0), np.maximum(low - angles, 0.0)
    inner = np.clip(angles, low, high)
    return np.asarray(
        inner + SOFT_RAD * (1.0 - np.exp(-above / SOFT_RAD)) - SOFT_RAD * (1.0 - np.exp(-below / SOFT_RAD))
    )


@compiled
def _lag(wished: Floats, kernels: Floats, out: Floats) -> None:
    """wished (n + MEMORY - 1, POSE_ROWS * 3), kernels (MEMORY, POSE_ROWS * 3), out (n, POSE_ROWS * 3)."""
    memory = kernels.shape[0]
    for n in range(out.shape[0]):
        out[n] = 0.0
        for k in range(memory):
            for i in range(out.shape[1]):
                out[n, i] += kernels[k, i] * wished[n + memory - 1 - k, i]


def with_inertia(wished: Floats) -> Floats:
    """Poses (n + MEMORY - 1, POSE_ROWS, 3) on the grid of GRID_HZ to those (n, POSE_ROWS, 3) that a body with inertia takes."""
    count = len(wished) - MEMORY + 1
    out = np.empty((count, POSE_ROWS * 3))
    _lag(
        np.ascontiguousarray(wished.reshape(len(wished), -1)),
        np.ascontiguousarray(np.repeat(KERNELS, 3, axis=0).T),
        out,
    )
    return out.reshape(count, POSE_ROWS, 3)
