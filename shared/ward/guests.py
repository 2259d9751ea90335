"""Who else comes to the bed: a physiotherapist, a visitor who sits and hugs, a nurse with a torch. Each bends a standing body.

What has no source in a docstring is our assumption.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.ward.deeds import Deed
from shared.ward.gait import FLOOR_MM, HIP_HEIGHT, place, walk
from shared.ward.moves import TAU, Body, Course, Wander, hump
from shared.ward.skeleton import ROOT, Joint, X, Z

Floats = NDArray[np.float64]
CHAIR_MM = 560.0
"""Height of a sitting pelvis's joint above the floor."""


def hugs(duration_s: float) -> tuple[float, float]:
    """Start and end in seconds of the hug with which a visit of this length closes; patient and visitor share it."""
    return max(6.0, duration_s - 16.0), max(10.0, duration_s - 8.0)


def clapping(course: Course) -> Floats:
    """Hand claps of chest physiotherapy (n,) in 0..1: bouts of 17 to 27 s, pauses between, at 4.3 to 6.5 Hz.

    Claps come at 5.4 ± 0.6 Hz in routine and 3.9 ± 0.9 Hz when slow (44 physiotherapists, Arch AHS 2023), at 6.2 ± 0.9 Hz in Wong et
    al. 2003; pauses after 20 to 30 s are what physiotherapists are told (bronchiectasis.com.au).

    Patient and therapist share it, so it is drawn from the span and not from either's own random numbers.
    """
    rate_hz = 4.3 + 2.2 * ((course.duration_s * 7.31) % 1.0)
    period_s = 28.0 + 10.0 * ((course.duration_s * 3.17) % 1.0)
    within = course.t - period_s * np.floor(course.t / period_s)
    bout = hump(within, 7.0, 0.9 * period_s, 0.8, 0.8) * course.hump(6.0, 6.0)
    return np.asarray(bout * np.clip(np.sin(TAU * rate_hz * course.t), 0.0, None))


def _beside(course: Course, side: float, nearest_mm: float, y_mm: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Comes from the foot end and goes again: x, y, heading and nearness 0..1, each (n,)."""
    walk_s = min(4.0, 0.2 * course.duration_s)
    near = course.hump(walk_s, walk_s)
    x = side * (1250.0 - (1250.0 - nearest_mm) * near)
    y = y_mm - (1.0 - near) * 2200.0
    heading = -side * np.pi / 2 * (1.0 - 2.0 * (1.0 - np.clip(1.6 * near - 0.6, 0.0, 1.0)))
    return np.asarray(x), np.asarray(y), np.asarray(heading), near


def _steps(body: Body, near: Floats) -> None:
    walk(body, 2200.0 * near, np.clip(4.0 * near * (1.0 - near), 0.0, 1.0))


def physiotherapist(body: Body, course: Course, side: float, stature_mm: float) -> None:
    """Stands bent over the patient and claps the chest with both hands in turn."""
    x, y, heading, near = _beside(course, side, 720.0, 1250.0)
    work = np.clip(2.0 * near - 1.0, 0.0, 1.0)
    _steps(body, near)
    body.add(Joint.SPINE_MID, X, 0.45 * work)
    body.add(Joint.SPINE_BASE, X, 0.25 * work)
    beat = clapping(course)
    for left in (True, False):
        turn = beat if left else np.roll(beat, 1) * 0.8
        body.limb("shoulder", left, (0.85, 0.1, 0.1), work)
        body.limb("elbow", left, (0.75, 0.0, 0.0), work)
        body.flex("elbow", left, -0.28 * turn)
        body.flex("wrist", left, 0.5 * turn)
        body.flex("hip", left, 0.25 * work)
    place(body, x, y, heading, stature_mm)


def visitor(body: Body, course: Course, side: float, stature_mm: float) -> None:
    """Comes, sits down beside the bed, talks with hands and head, rises and hugs before going."""
    t, rng, span = course.t, course.rng, course.duration_s
    start, end = hugs(span)
    x, y, heading, near = _beside(course, side, 860.0, 1180.0)
    sitting = hump(t, 5.0, start - 0.5, 2.0, 2.0) * (start > 10.0)
    hug = hump(t, start, end, 2.0, 2.0)
    _steps(body, near)
    body.both("hip", (1.45, 0.0, 0.1), sitting)
    body.both("knee", (1.45, 0.0, 0.0), sitting)
    body.add(Joint.SPINE_MID, X, 0.12 * sitting * (1.0 + Wander(rng, 0.03, 0.12)(t)) + 0.60 * hug)
    body.add(Joint.SPINE_BASE, X, 0.55 * hug)
    body.add(Joint.NECK, Z, 0.2 * sitting * Wander(rng, 0.1, 0.4)(t))
    for left in (True, False):
        gesture = np.clip(Wander(rng, 0.08, 0.3)(t), 0.0, 1.0) * sitting
        body.limb("elbow", left, (1.2, 0.0, 0.0), sitting)
        body.limb("shoulder", left, (0.35, 0.3, 0.1), sitting)
        body.flex("elbow", left, 0.5 * gesture * Wander(rng, 0.3, 1.2)(t))
        body.limb("shoulder", left, (1.1, 0.0, 0.5), hug)
        body.limb("elbow", left, (0.8, 0.0, 0.0), hug)
        body.flex("hip", left, 0.5 * hug)
    place(body, x - side * 120.0 * hug, y, heading, stature_mm)
    standing = FLOOR_MM + HIP_HEIGHT * stature_mm
    body.pose[:, ROOT, 2] += sitting * (FLOOR_MM + CHAIR_MM - standing)


def torch_bearer(body: Body, course: Course, side: float, stature_mm: float) -> None:
    """Steps to the bed at night, holds a torch over the patient for some seconds, goes."""
    t = course.t
    x, y, heading, near = _beside(course, side, 950.0, 900.0)
    work = np.clip(2.0 * near - 1.0, 0.0, 1.0)
    _steps(body, near)
    left = bool(course.rng.random() < 0.5)
    body.limb("shoulder", left, (1.2, 0.0, 0.1), work)
    body.limb("elbow", left, (0.3, 0.0, 0.0), work)
    body.add(Joint.SPINE_MID, X, 0.15 * work)
    body.spread("shoulder", left, 0.12 * work * Wander(course.rng, 0.1, 0.4)(t))
    place(body, x, y, heading, stature_mm)


GUESTS: dict[Deed, Callable[[Body, Course, float, float], None]] = {
    Deed.chest_physiotherapy: physiotherapist,
    Deed.visit: visitor,
    Deed.torch_check: torch_bearer,
}
