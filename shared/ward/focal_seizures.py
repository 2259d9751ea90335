"""Seizures of one sign: version, myoclonic jerks, arrest, clonic jerks of one side. Each function bends a body over its span.

Where a figure has no source in the docstring it is our assumption.
"""

import numpy as np

from shared.ward.moves import TAU, Body, Course, Floats, Wander, hump, rise
from shared.ward.skeleton import Joint, X, Y, Z

MOST_JERKS = 120


def versive(body: Body, course: Course) -> None:
    """Forced turn of the head to one side, slow and unnatural, held, the trunk following, one arm slightly raised.

    Speed of the turn 15.5 ± 12.1 degrees a second and its length 6.4 ± 4.1 s: O'Dwyer 2007 (38 seizures). Head turning lasts 18 s in
    the median of the S3 set. Small jerks of the head at 2 to 3 a second late in the version are our assumption.
    """
    t, rng = course.t, course.rng
    left = course.patient.side > 0
    sign = 1.0 if left else -1.0
    angle = rng.uniform(0.95, 1.3)
    speed = np.radians(np.clip(rng.normal(15.5, 12.1), 8.0, 45.0))
    turn_s = min(angle / speed, 0.6 * course.duration_s)
    start = min(rng.uniform(1.0, 3.0), 0.1 * course.duration_s)
    turned = rise(t, start, turn_s) * (1.0 - rise(t, course.duration_s - 2.0, 3.0))
    body.lie_on_back(0.8 * course.hump(3.0, 3.0))
    body.blend(Joint.NECK, Y, sign * angle, turned)
    body.blend(Joint.NECK, Z, -sign * 0.25, turned)
    body.add(Joint.NECK, X, -0.15 * turned)
    body.add(Joint.SPINE_MID, Y, sign * 0.30 * turned)
    body.limb("shoulder", left, (0.7, 0.0, 0.6), 0.8 * turned)
    body.limb("elbow", left, (0.5, 0.0, 0.0), turned)
    late = hump(t, start + turn_s, course.duration_s - 1.0, 2.0, 1.0)
    beat = late * np.clip(np.sin(TAU * rng.uniform(2.0, 3.0) * t), -0.2, 1.0)
    body.add(Joint.NECK, Y, sign * 0.09 * beat)
    body.flex("elbow", left, 0.08 * beat)


def _jerks(course: Course) -> Floats:
    """Irregular jerks (n,) of strength up to 1: 50 ms up, 130 ms back, 0.25 to 3.5 s apart."""
    t, rng = course.t, course.rng
    gaps = np.exp(rng.uniform(np.log(0.25), np.log(3.5), MOST_JERKS))
    strengths = rng.uniform(0.35, 1.0, MOST_JERKS)
    starts = 0.3 + np.cumsum(gaps)
    alive = starts < course.duration_s - 0.4
    since = t[:, None] - starts[alive]
    up = np.clip(since / 0.05, 0.0, 1.0)
    back = np.clip((since - 0.05) / 0.13, 0.0, 1.0)
    return np.asarray((up * up * (3 - 2 * up) * (1.0 - back * back * (3 - 2 * back))) @ strengths[alive])


def myoclonic_series(body: Body, course: Course) -> None:
    """Single quick jerks of both arms, neck and trunk, without rhythm, calm between them.

    A myoclonic jerk lasts under 100 ms in the muscle (MedLink, "Myoclonic seizures", 2023); the movement that it leaves is drawn as 180 ms.
    """
    beat = _jerks(course) * course.patient.vigour
    favoured = course.patient.side > 0
    for left in (True, False):
        share = 1.0 if left == favoured else 0.75
        body.flex("shoulder", left, 0.42 * share * beat)
        body.spread("shoulder", left, 0.30 * share * beat)
        body.flex("elbow", left, 0.50 * share * beat)
        body.flex("hip", left, 0.10 * beat)
    body.add(Joint.NECK, X, 0.25 * beat)
    body.add(Joint.SPINE_MID, X, 0.12 * beat)


def hypomotor_arrest(body: Body, course: Course) -> None:
    """A movement begins and freezes: an arm half raised sinks slowly, the head stays, nothing else stirs (hypomotor, Lüders 1998).

    The hardest kind for a camera: there is less movement than before, not more.
    """
    t, rng = course.t, course.rng
    left = course.patient.side > 0
    on = course.hump(1.5, 3.0)
    sinking = 1.0 - 0.7 * rise(t, 3.0, max(5.0, 0.8 * course.duration_s))
    body.limb("shoulder", left, (0.75, 0.3, 0.2), on * sinking)
    body.limb("elbow", left, (1.3, 0.0, 0.0), on * sinking)
    body.blend(Joint.NECK, X, rng.uniform(0.1, 0.35), 0.8 * on)
    body.blend(Joint.NECK, Y, rng.uniform(-0.3, 0.3), 0.8 * on)
    body.add(Joint.HEAD, X, 0.03 * on * np.clip(Wander(rng, 0.1, 0.4)(t), 0.0, 1.0))


def focal_clonic(body: Body, course: Course) -> None:
    """Rhythmic jerks of one side at 2 to 3 a second (HED-SCORE), from the hand up the arm and into the leg, slower at the end.

    Clonic seizures jerk at 0.2 to 5 Hz and spread from the distal hand to the proximal arm in most (review of 48 seizures, 39 patients,
    2016 to 2022). A clonic sign lasts 36 s in the median of the S3 set. The march over 10 to 30 s is our assumption.
    """
    t, rng, span = course.t, course.rng, course.duration_s
    left = course.patient.side > 0
    from_hz, to_hz = rng.uniform(2.4, 3.2), rng.uniform(1.4, 2.0)
    cycles = from_hz * t - (from_hz - to_hz) * t * t / (2.0 * span)
    x = cycles - np.floor(cycles)
    beat = np.where(x < 0.3, 0.5 - 0.5 * np.cos(np.pi * x / 0.3), 0.5 + 0.5 * np.cos(np.pi * (x - 0.3) / 0.7)) - 0.3
    beat = beat * course.patient.vigour * (0.8 + 0.2 * Wander(rng, 0.1, 0.5)(t))
    march = rng.uniform(10.0, 30.0)
    hand, arm = hump(t, 0.0, span, 2.0, 2.5), hump(t, 0.2 * march, span, 0.4 * march, 2.5)
    shoulder, leg = hump(t, 0.5 * march, span, 0.5 * march, 2.0), hump(t, 0.8 * march, span, 0.6 * march, 2.0)
    body.limb("elbow", left, (1.0, 0.0, 0.0), 0.8 * hand)
    body.limb("shoulder", left, (0.45, 0.2, 0.25), 0.8 * hand)
    body.flex("wrist", left, 0.90 * hand * beat)
    body.flex("elbow", left, 0.70 * arm * beat)
    body.flex("shoulder", left, 0.38 * shoulder * beat)
    body.flex("hip", left, 0.26 * leg * beat)
    body.flex("knee", left, 0.42 * leg * beat)
    body.add(Joint.NECK, Y, (0.16 if left else -0.16) * shoulder * beat)
