"""How a body stands and walks in the room: shared by staff, visitors and a patient out of bed."""

import numpy as np
from numpy.typing import NDArray

from shared.ward.moves import TAU, Body
from shared.ward.skeleton import ROOT, Joint, X, Z

Floats = NDArray[np.float64]
HIP_HEIGHT = 0.525  # of a standing body, as a share of stature
FLOOR_MM = -600.0


def walk(body: Body, along: Floats, gait: Floats) -> None:
    """Swing legs and arms by path length: a cycle each 1.3 m."""
    phase = TAU * along / 1300.0
    for left in (True, False):
        swing = np.sin(phase + (0.0 if left else np.pi))
        body.flex("hip", left, 0.42 * gait * swing)
        body.flex("knee", left, 0.30 * gait * np.clip(np.cos(phase + (0.0 if left else np.pi)), 0, None))
        body.flex("shoulder", left, -0.32 * gait * swing)
        body.flex("elbow", left, 0.35 * gait)


def place(body: Body, x: Floats, y: Floats, heading: Floats, stature_mm: float) -> None:
    """Stand a body up in the room, facing the foot of the bed turned by `heading` radians; x, y (n,) in mm in the bed frame."""
    body.pose[:, Joint.SPINE_BASE, X] += np.pi / 2
    body.pose[:, Joint.SPINE_BASE, Z] += heading
    body.pose[:, ROOT] = np.stack([x, y, np.full_like(x, FLOOR_MM + HIP_HEIGHT * stature_mm)], -1)
