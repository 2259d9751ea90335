"""The articulated body: joints, their tree, capsule segments; from poses to joint positions (numba).

The first 25 joints are those of the Kinect v2 in its order. Rest pose: supine, legs straight, arms along the body. Angles in
radians turn a joint's children, about the axes x (left), y (head), z (front) in the order z·x·y. Front-wards bending: spine
and neck +x, shoulder, elbow and hip -x, knee +x. Lengths as shares of stature after Drillis and Contini (1966).
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shared.ward.compiled import compiled

Floats = NDArray[np.float64]
X, Y, Z = 0, 1, 2


class Joint(IntEnum):
    """Rows of a pose and of joint positions. The last seven carry flesh only and are not reported."""

    SPINE_BASE = 0
    SPINE_MID = 1
    NECK = 2
    HEAD = 3
    SHOULDER_L = 4
    ELBOW_L = 5
    WRIST_L = 6
    HAND_L = 7
    SHOULDER_R = 8
    ELBOW_R = 9
    WRIST_R = 10
    HAND_R = 11
    HIP_L = 12
    KNEE_L = 13
    ANKLE_L = 14
    FOOT_L = 15
    HIP_R = 16
    KNEE_R = 17
    ANKLE_R = 18
    FOOT_R = 19
    SPINE_SHOULDER = 20
    HAND_TIP_L = 21
    THUMB_L = 22
    HAND_TIP_R = 23
    THUMB_R = 24
    JAW = 25
    CROWN = 26
    RIB_L = 27
    FLANK_L = 28
    RIB_R = 29
    FLANK_R = 30
    BELLY = 31


JOINTS = len(Joint)
KINECT_JOINTS = 25
ROOT = JOINTS  # the row of a pose that holds the pelvis position in mm: x, y, and the height above where the body would rest
POSE_ROWS = JOINTS + 1


class Material(IntEnum):
    """What a surface is made of; indexes the tables of reflectance and colour."""

    NOTHING = 0
    FLOOR = 1
    WALL = 2
    SHEET = 3
    PILLOW = 4
    METAL = 5
    SKIN = 6
    HAIR = 7
    GOWN = 8
    TROUSERS = 9
    BLANKET = 10
    STAFF_COAT = 11
    STAFF_SKIN = 12
    STAFF_TROUSERS = 13


_SIDE = (  # joint, parent, offset of the left side as shares of stature
    ("SHOULDER", "SPINE_SHOULDER", (0.105, -0.012, 0.0)),
    ("ELBOW", "SHOULDER", (0.0, -0.178, 0.0)),
    ("WRIST", "ELBOW", (0.0, -0.150, 0.0)),
    ("HAND", "WRIST", (0.0, -0.045, 0.0)),
    ("HAND_TIP", "HAND", (0.0, -0.045, 0.0)),
    ("THUMB", "HAND", (-0.010, -0.015, 0.03)),
    ("HIP", "SPINE_BASE", (0.052, -0.015, 0.0)),
    ("KNEE", "HIP", (0.0, -0.242, 0.0)),
    ("ANKLE", "KNEE", (0.0, -0.238, 0.0)),
    ("FOOT", "ANKLE", (0.0, -0.05, 0.085)),
    ("RIB", "SPINE_SHOULDER", (0.058, -0.05, 0.0)),
    ("FLANK", "SPINE_MID", (0.048, -0.01, 0.0)),
)
_MIDDLE = (
    ("SPINE_MID", "SPINE_BASE", (0.0, 0.115, 0.0)),
    ("SPINE_SHOULDER", "SPINE_MID", (0.0, 0.160, 0.0)),
    ("BELLY", "SPINE_BASE", (0.0, 0.065, 0.012)),
    ("NECK", "SPINE_SHOULDER", (0.0, 0.035, 0.0)),
    ("HEAD", "NECK", (0.0, 0.080, 0.012)),
    ("JAW", "HEAD", (0.0, -0.030, 0.032)),
    ("CROWN", "HEAD", (0.0, 0.022, -0.016)),
)


def _tree() -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    order, parents, offsets = [int(Joint.SPINE_BASE)], np.zeros(JOINTS, np.int64), np.zeros((JOINTS, 3))
    rows = [(name, parent, offset, 1.0) for name, parent, offset in _MIDDLE]
    for letter, sign in (("L", 1.0), ("R", -1.0)):
        for name, parent, offset in _SIDE:
            is_middle = parent.startswith("SPINE")
            rows.append((f"{name}_{letter}", parent if is_middle else f"{parent}_{letter}", offset, sign))
    for name, parent, (x, y, z), sign in rows:
        order.append(int(Joint[name]))
        parents[Joint[name]] = Joint[parent]
        offsets[Joint[name]] = (sign * x, y, z)
    return np.array(order), parents, offsets


ORDER, PARENTS, OFFSETS = _tree()

_LIMBS = (  # from, to, radius as a share of stature, material, 1 where it belongs to an arm
    ("SHOULDER", "ELBOW", 0.0275, Material.GOWN, 1),
    ("ELBOW", "WRIST", 0.0215, Material.SKIN, 1),
    ("WRIST", "HAND_TIP", 0.0185, Material.SKIN, 1),
    ("HAND", "THUMB", 0.0105, Material.SKIN, 1),
    ("HIP", "KNEE", 0.0430, Material.TROUSERS, 0),
    ("KNEE", "ANKLE", 0.0300, Material.TROUSERS, 0),
    ("ANKLE", "FOOT", 0.0230, Material.SKIN, 0),
)
_TRUNK = (
    ("HIP_L", "HIP_R", 0.0560, Material.TROUSERS),
    ("SPINE_BASE", "BELLY", 0.0640, Material.GOWN),
    ("BELLY", "SPINE_MID", 0.0640, Material.GOWN),
    ("SPINE_MID", "SPINE_SHOULDER", 0.0600, Material.GOWN),
    ("RIB_L", "FLANK_L", 0.0530, Material.GOWN),
    ("RIB_R", "FLANK_R", 0.0530, Material.GOWN),
    ("SHOULDER_L", "SHOULDER_R", 0.0360, Material.GOWN),
    ("NECK", "HEAD", 0.0320, Material.SKIN),
    ("HEAD", "HEAD", 0.0480, Material.SKIN),
    ("HEAD", "JAW", 0.0330, Material.SKIN),
    ("CROWN", "CROWN", 0.0520, Material.HAIR),
)


def _capsules() -> tuple[NDArray[np.int64], Floats]:
    ends = [(Joint[a], Joint[b], material, 0) for a, b, _, material in _TRUNK]
    radii = [radius for _, _, radius, _ in _TRUNK]
    for letter in "LR":
        ends += [(Joint[f"{a}_{letter}"], Joint[f"{b}_{letter}"], material, arm) for a, b, _, material, arm in _LIMBS]
        radii += [radius for _, _, radius, _, _ in _LIMBS]
    return np.array(ends, np.int64), np.array(radii)


CAPSULES, CAPSULE_RADII = _capsules()  # (S, 4): joint, joint, material, is an arm; (S,) shares of stature
CHEST_CAPSULES = 7  # the first seven breathe and grow with girth
_RESTING = np.array([[Joint.SPINE_BASE, 0.064], [Joint.SPINE_MID, 0.060], [Joint.SPINE_SHOULDER, 0.056], [Joint.SHOULDER_L, 0.036],
                     [Joint.SHOULDER_R, 0.036], [Joint.HIP_L, 0.056], [Joint.HIP_R, 0.056]])  # fmt: skip
ARM_JOINTS = np.array(
    [int(Joint[f"{name}_{letter}"]) for letter in "LR" for name in ("ELBOW", "WRIST", "HAND", "HAND_TIP", "THUMB")]
)
PILLOW_MM = (1640.0, 2010.0, 270.0, 75.0)  # from y, to y, half width, height that a head rests at
BED_HALF_WIDTH_MM = 450.0


@compiled
def _turn(base: Floats, angles: Floats, out: Floats) -> None:
    """out = base · Rz · Rx · Ry, all (3, 3)."""
    sx, cx = np.sin(angles[0]), np.cos(angles[0])
    sy, cy = np.sin(angles[1]), np.cos(angles[1])
    sz, cz = np.sin(angles[2]), np.cos(angles[2])
    m00, m01, m02 = cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy
    m10, m11, m12 = sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy
    m20, m21, m22 = -cx * sy, sx, cx * cy
    for i in range(3):
        b0, b1, b2 = base[i, 0], base[i, 1], base[i, 2]
        out[i, 0] = b0 * m00 + b1 * m10 + b2 * m20
        out[i, 1] = b0 * m01 + b1 * m11 + b2 * m21
        out[i, 2] = b0 * m02 + b1 * m12 + b2 * m22


@compiled
def joints_of(pose: Floats, stature_mm: float, out: Floats) -> None:
    """One pose (POSE_ROWS, 3) to joint positions (JOINTS, 3) in mm, the pelvis at the pose's root."""
    rotations = np.empty((JOINTS, 3, 3))
    _turn(np.eye(3), pose[0], rotations[0])
    out[0] = pose[ROOT]
    for k in range(1, JOINTS):
        j = ORDER[k]
        p = PARENTS[j]
        _turn(rotations[p], pose[j], rotations[j])
        for i in range(3):
            step = 0.0
            for m in range(3):
                step += rotations[p, i, m] * OFFSETS[j, m]
            out[j, i] = out[p, i] + stature_mm * step


@compiled
def rest_on_bed(joints: Floats, hover_mm: float, limp: float, stature_mm: float, girth: float) -> None:
    """Lay the body down in place: the trunk's lowest point touches the mattress (plus hover), no joint sinks into it or the pillow.

    limp 0..1: how far raised arms give way to gravity.
    """
    lift = -1e9
    for k in range(_RESTING.shape[0]):
        lift = max(lift, _RESTING[k, 1] * stature_mm * girth - joints[int(_RESTING[k, 0]), 2])
    for j in range(JOINTS):
        joints[j, 2] += lift + hover_mm
        beyond = max(abs(joints[j, 0]) - BED_HALF_WIDTH_MM, -joints[j, 1])
        lowest = 0.022 * stature_mm - max(0.0, min(2.0 * beyond, 400.0))
        if j == Joint.HEAD or j == Joint.CROWN or j == Joint.JAW:
            x_share = 1.0 - abs(joints[j, 0]) / (PILLOW_MM[2] + 100.0)
            y_share = min(1.0, max(0.0, (joints[j, 1] - PILLOW_MM[0] + 150.0) / 200.0))
            lowest = 0.045 * stature_mm + PILLOW_MM[3] * max(0.0, min(1.0, 3.0 * x_share)) * y_share
        joints[j, 2] = max(joints[j, 2], lowest)
    for k in range(ARM_JOINTS.shape[0]):
        j = ARM_JOINTS[k]
        joints[j, 2] -= 0.75 * limp * max(0.0, joints[j, 2] - 0.15 * stature_mm)


@compiled
def settle(pose: Floats, build: Floats, limp: float, upright: float, joints: Floats) -> None:
    """One pose to joints (JOINTS, 3) in mm: lying, or on its own feet by `upright` 0..1. build: stature in mm, girth."""
    joints_of(pose, build[0], joints)
    if upright >= 1.0:
        return
    free = joints.copy()
    rest_on_bed(joints, pose[ROOT, 2], limp, build[0], build[1])
    if upright > 0.0:
        for j in range(JOINTS):
            for i in range(3):
                joints[j, i] += upright * (free[j, i] - joints[j, i])
