"""The second person in view: comes in, walks to the bed or past it, works with both hands, goes."""

import numpy as np
from numpy.typing import NDArray

from shared.ward.deeds import Deed
from shared.ward.gait import place, walk
from shared.ward.guests import GUESTS
from shared.ward.moves import TAU, Body, Course, Wander, hump, rise
from shared.ward.skeleton import Joint, X

Floats = NDArray[np.float64]
STAFF_DEEDS = frozenset({Deed.staff_care, Deed.walk_through, Deed.bed_making}) | frozenset(GUESTS)


def staff_poses(deed: Deed, course: Course) -> tuple[Floats, float]:
    """Poses (n, POSE_ROWS, 3) of the staff member during a deed of the staff, and his or her stature in mm."""
    t, rng, span = course.t, course.rng, course.duration_s
    stature, side = float(rng.uniform(1580, 1880)), float(rng.choice((-1.0, 1.0)))
    body = Body.at_rest(len(t))
    if deed in GUESTS:
        GUESTS[deed](body, course, side, stature)
        return body.pose, stature
    if deed is Deed.walk_through:
        share = np.clip(t / max(span, 1.0), 0.0, 1.0)
        x = side * (1250.0 - 250.0 * np.sin(np.pi * share) - 150.0 * share)
        y = -900.0 + 3000.0 * np.where(share < 0.5, 2 * share, 2 - 2 * share)
        heading = np.pi * (1.0 - rise(share, 0.44, 0.12)) + 0.25 * np.pi * np.cos(np.pi * share)
        walk(body, 6000.0 * share, np.ones_like(t))
        place(body, x, y, heading, stature)
        return body.pose, stature
    walk_s = min(4.0, 0.2 * span)
    near = hump(t, 0.0, span, walk_s, walk_s)
    work = hump(t, walk_s, span - walk_s, 2.0, 2.0)
    reach = 900.0 if deed is Deed.bed_making else 350.0
    y = 1150.0 + reach * Wander(rng, 0.02, 0.08)(t) * work - (1.0 - near) * 1900.0
    x = side * (1250.0 - 480.0 * near)
    walking = np.clip(hump(t, 0.0, walk_s, 0.3, 0.5) + hump(t, span - walk_s, span, 0.5, 0.3), 0.0, 1.0)
    walk(body, 2000.0 * near, walking)
    facing = -side * np.pi / 2
    heading = facing + (1.0 - rise(near, 0.6, 0.4)) * (np.pi / 2) * side
    bend = 0.35 + 0.2 * Wander(rng, 0.05, 0.2)(t)
    body.add(Joint.SPINE_MID, X, bend * work)
    body.add(Joint.SPINE_BASE, X, 0.25 * work)
    for left in (True, False):
        _reach(body, course, left, work, brisk=deed is Deed.bed_making)
        body.flex("hip", left, 0.25 * work)
    place(body, np.asarray(x), np.asarray(y), np.asarray(heading), stature)
    return body.pose, stature


def _reach(body: Body, course: Course, left: bool, work: Floats, *, brisk: bool) -> None:
    t, rng = course.t, course.rng
    top_hz = 1.6 if brisk else 0.8
    body.limb("shoulder", left, (0.95, 0.1, 0.15), work)
    body.limb("elbow", left, (0.7, 0.0, 0.0), work)
    body.flex("shoulder", left, 0.32 * work * Wander(rng, 0.2, top_hz)(t))
    body.flex("elbow", left, 0.40 * work * Wander(rng, 0.2, top_hz)(t))
    body.spread("shoulder", left, 0.22 * work * Wander(rng, 0.2, top_hz)(t))
    rub = np.clip(Wander(rng, 0.05, 0.15)(t) * 1.5, 0.0, 1.0)
    body.flex("elbow", left, 0.16 * work * rub * np.sin(TAU * rng.uniform(1.0, 2.2) * t))
