"""Paroxysms as courses of movement. Each function bends a body over its span; figures are from published descriptions.

Durations and shares of signs: S3 video set (median ictal behaviour 69 s, figure-of-four 13 s, head version 18 s); tonic-clonic
phases: Theodore et al. 1994 and Kotagal et al. 2000; clonic frequency falling from about 6 to 2 Hz: Geertsema et al. 2018,
Bauer and Quigg 2019.
"""

import numpy as np

from shared.ward.moves import TAU, Body, Course, Floats, Wander, hump, jerk, rise, slowing_phase
from shared.ward.patient import Syndrome
from shared.ward.skeleton import Joint, X, Y, Z


def _turn_head(body: Body, left: bool, angle_rad: float, weight: Floats) -> None:
    sign = 1.0 if left else -1.0
    body.blend(Joint.NECK, Y, sign * angle_rad, weight)
    body.blend(Joint.NECK, Z, -sign * 0.25, weight)
    body.add(Joint.SPINE_MID, Y, sign * 0.25 * angle_rad * weight)


def _chew(body: Body, course: Course, weight: Floats) -> None:
    rate = course.rng.uniform(1.0, 1.9)
    mouth = np.sin(TAU * rate * course.t + Wander(course.rng, 0.05, 0.2)(course.t))
    body.add(Joint.HEAD, X, 0.10 * weight * np.clip(mouth, -0.3, 1.0))
    body.add(Joint.NECK, X, 0.03 * weight * mouth)


def _fumble(body: Body, course: Course, left: bool, weight: Floats) -> None:
    """Manual automatisms of one hand over the belly: picking and rubbing at 1 to 2 Hz in bouts."""
    rate = course.rng.uniform(1.0, 2.0)
    bouts = 0.35 + 0.65 * np.clip(0.5 + Wander(course.rng, 0.05, 0.16)(course.t), 0.0, 1.0)
    beat = np.sin(TAU * rate * course.t + 0.8 * Wander(course.rng, 0.1, 0.4)(course.t))
    body.limb("shoulder", left, (0.40, 0.85, 0.2), weight)
    body.limb("elbow", left, (1.15, 0.0, 0.0), weight)
    body.flex("elbow", left, 0.26 * weight * bouts * beat)
    body.flex("wrist", left, 0.55 * weight * bouts * np.sin(TAU * rate * course.t + 1.0))
    body.spread("shoulder", left, 0.14 * weight * bouts * np.cos(TAU * rate * course.t))


def _dystonic_arm(body: Body, left: bool, weight: Floats) -> None:
    """Unnatural posture of the arm: stretched, turned inwards, wrist bent; contralateral in temporal lobe seizures (Kotagal 1989)."""
    body.limb("shoulder", left, (0.5, 0.9, 0.55), weight)
    body.limb("elbow", left, (0.45, 0.0, 0.0), weight)
    body.limb("wrist", left, (1.2, 0.0, 0.0), weight)


def focal_to_bilateral_tonic_clonic(body: Body, course: Course) -> None:
    """First signs by syndrome, version, figure-of-four, tonic phase with trembling, clonic jerks that slow down, then limp stillness."""
    t, span, rng = course.t, course.duration_s, course.rng
    left = course.patient.side > 0
    begin = span * rng.uniform(0.10, 0.16)
    four = span * rng.uniform(0.20, 0.26)
    tonic = span * rng.uniform(0.34, 0.40)
    first = hump(t, 0.0, begin + 2.0, 2.0, 2.0)
    if course.patient.syndrome is Syndrome.temporal:
        _fumble(body, course, not left, first)
        _chew(body, course, first)
    else:
        body.limb("shoulder", left, (0.6, 0.0, 0.9), first)
        body.limb("elbow", left, (1.0, 0.0, 0.0), first)
    whole = course.hump_with_tail(3.5, 20.0)
    body.lie_on_back(whole * rise(t, begin * 0.6, 3.0))
    active = hump(t, begin, span, 2.5, 0.8)
    _turn_head(body, left, 1.15, active)
    version = hump(t, begin, tonic, 2.0, 2.0)
    body.limb("shoulder", left, (1.1, 0.0, 0.45), version)
    body.limb("elbow", left, (0.05, 0.0, 0.0), version)
    body.limb("shoulder", not left, (0.85, 0.9, 0.1), version)
    body.limb("elbow", not left, (1.9, 0.0, 0.0), version)
    stiff = hump(t, four, span, 2.0, 1.0)
    body.both("hip", (0.12, 0.0, 0.16), stiff)
    body.both("knee", (0.06, 0.0, 0.0), stiff)
    shake = hump(t, four + 1.0, tonic + 2.0, 2.0, 2.0) * 0.035 * np.sin(TAU * rng.uniform(8, 10) * t)
    bent = hump(t, tonic - 2.0, span, 2.0, 0.6)
    body.both("shoulder", (0.6, 0.3, 0.35), bent)
    body.both("elbow", (1.15, 0.0, 0.0), bent)
    _clonic(body, course, tonic, shake)
    limp = hump(t, span, span + course.tail_s, 0.8, min(15.0, 0.5 * course.tail_s + 0.1))
    body.both("shoulder", (0.02, 0.0, 0.4), limp)
    body.both("elbow", (0.15, 0.0, 0.0), limp)
    body.add(Joint.SPINE_MID, X, 0.035 * limp * np.sin(TAU * 0.45 * t))
    body.uncovered_mm += 420.0 * rng.uniform(0.2, 1.0) * rise(t, four, 0.4 * span)


def _clonic(body: Body, course: Course, start_s: float, shake: Floats) -> None:
    """Jerks of all limbs together, faster and smaller first, slower and larger later, then thinning out."""
    t, rng = course.t, course.rng
    length = course.duration_s - start_s
    from_hz, to_hz = rng.uniform(5.0, 6.5), rng.uniform(1.7, 2.4)
    phase = slowing_phase(t - start_s, from_hz, to_hz, length)
    grow = hump(t, start_s, course.duration_s, 4.0, 3.0) * (0.30 + 0.70 * rise(t, start_s, 0.6 * length))
    beat = grow * (jerk(phase) - 0.35) * course.patient.vigour
    for left in (True, False):
        body.flex("shoulder", left, 0.24 * beat + shake)
        body.flex("elbow", left, 0.48 * beat + 2 * shake)
        body.flex("hip", left, 0.22 * beat + shake)
        body.flex("knee", left, 0.35 * beat + shake)
    body.add(Joint.SPINE_MID, X, 0.12 * beat + 0.4 * shake)
    body.add(Joint.NECK, X, 0.22 * beat + shake)
    body.shift(0.0, 14.0 * beat, 16.0 * np.clip(beat, 0, None))


def hypermotor(body: Body, course: Course) -> None:
    """Frontal: sudden, large, fast thrashing of the proximal limbs and trunk, kicking and rocking (Tinuper et al. 2016; 5 to 40 s)."""
    t, rng, vigour = course.t, course.rng, course.patient.vigour
    on = course.hump(0.9, 2.0)
    body.lie_on_back(0.7 * course.hump_with_tail(2.0, 10.0))
    rock = Wander(rng, 0.5, 1.4)(t)
    pedal_hz = rng.uniform(0.9, 1.6)
    body.add(Joint.SPINE_BASE, Y, 0.55 * vigour * on * rock)
    body.add(Joint.SPINE_BASE, X, 0.28 * on * np.clip(Wander(rng, 0.3, 0.9)(t), 0, None))
    for left in (True, False):
        offset = 0.0 if left else np.pi
        kick = np.sin(TAU * pedal_hz * t + offset + 1.2 * Wander(rng, 0.1, 0.5)(t))
        body.limb("hip", left, (0.65, 0.0, 0.25), on)
        body.limb("knee", left, (1.0, 0.0, 0.0), on)
        body.flex("hip", left, 0.55 * vigour * on * kick)
        body.flex("knee", left, 0.70 * vigour * on * np.sin(TAU * pedal_hz * t + offset - 0.9))
        body.limb("shoulder", left, (0.9, 0.0, 0.8), on)
        body.limb("elbow", left, (0.8, 0.0, 0.0), on)
        body.flex("shoulder", left, 0.70 * vigour * on * Wander(rng, 0.6, 1.8)(t))
        body.spread("shoulder", left, 0.50 * vigour * on * Wander(rng, 0.6, 1.8)(t))
        body.flex("elbow", left, 0.60 * vigour * on * Wander(rng, 0.8, 2.2)(t))
    body.add(Joint.NECK, Y, 0.55 * on * Wander(rng, 0.5, 1.8)(t))
    body.shift(70.0 * on * Wander(rng, 0.3, 1.0)(t), 45.0 * on * Wander(rng, 0.3, 1.2)(t), 30.0 * on * np.abs(rock))
    body.uncovered_mm += 950.0 * rng.uniform(0.5, 1.0) * rise(t, 1.0, 5.0)
    if vigour > 0.9:
        body.aside += 0.75 * course.patient.side * rise(t, 2.0, 4.0)


def automotor(body: Body, course: Course) -> None:
    """Temporal: arrest and stare, oral and one-handed automatisms at 1 to 2 Hz, dystonic posture of the other arm, late head turn."""
    t, rng = course.t, course.rng
    left = course.patient.side > 0
    on = course.hump(4.0, 4.0)
    body.lie_on_back(0.8 * on)
    body.sit_up(float(rng.choice((0.0, 0.35, 0.7))), 0.9 * hump(t, 2.0, course.duration_s, 4.0, 5.0))
    _chew(body, course, hump(t, 3.0, course.duration_s, 3.0, 3.0))
    _fumble(body, course, not left, hump(t, 5.0, course.duration_s, 3.0, 3.0))
    _dystonic_arm(body, left, hump(t, rng.uniform(0.15, 0.4) * course.duration_s, course.duration_s, 4.0, 4.0))
    late = rng.uniform(0.5, 0.75) * course.duration_s
    _turn_head(body, left, 0.8, hump(t, late, course.duration_s, 3.0, 4.0))
    body.add(Joint.SPINE_MID, Z, 0.06 * on * Wander(rng, 0.1, 0.4)(t))
    body.uncovered_mm += 200.0 * rng.uniform(0.0, 1.0) * rise(t, 4.0, 6.0)


def tonic(body: Body, course: Course) -> None:
    """Frontal: both sides stiffen within 2 s, one arm raised and stretched (asymmetric), fine trembling at 8 to 10 Hz; 8 to 30 s."""
    t, rng = course.t, course.rng
    left = course.patient.side > 0
    onset = rng.uniform(0.8, 1.8)
    on = course.hump(onset, 2.0)
    body.lie_on_back(0.85 * on)
    body.limb("shoulder", left, (1.35, 0.0, rng.uniform(0.5, 1.0)), on)
    body.limb("elbow", left, (0.1, 0.0, 0.0), on)
    body.limb("shoulder", not left, (0.7, 0.3, rng.uniform(0.5, 1.1)), on)
    body.limb("elbow", not left, (rng.uniform(0.8, 1.7), 0.0, 0.0), on)
    _turn_head(body, left, rng.uniform(0.4, 1.0), on)
    body.add(Joint.NECK, X, -0.2 * on)
    body.add(Joint.SPINE_MID, X, -0.12 * on)
    flexed = rng.uniform(0.1, 0.6)
    body.both("hip", (flexed, 0.0, 0.2), on)
    body.both("knee", (0.5 * flexed, 0.0, 0.0), on)
    tremor = (0.02 + 0.035 * rng.random()) * on * rise(t, onset, 2.0) * np.sin(TAU * rng.uniform(7.5, 10.0) * t)
    for side in (True, False):
        body.flex("shoulder", side, tremor)
        body.flex("elbow", side, 1.5 * tremor)
        body.flex("hip", side, 0.7 * tremor)
    body.add(Joint.NECK, X, 0.7 * tremor)
    body.uncovered_mm += 300.0 * rng.uniform(0.0, 1.0) * rise(t, 0.5, 3.0)


def psychogenic(body: Body, course: Course) -> None:
    """Non-epileptic: long, waxing and waning, limbs out of step with each other, side-to-side head, pelvic thrusts (Avbersek 2010)."""
    t, rng, vigour = course.t, course.rng, course.patient.vigour
    on = course.hump(3.0, 3.0)
    body.lie_on_back(0.8 * course.hump_with_tail(4.0, 10.0))
    waxing = on * np.clip(0.55 + 0.9 * Wander(rng, 0.03, 0.11)(t), 0.06, 1.0)
    for left in (True, False):
        arm_hz, leg_hz = rng.uniform(2.2, 4.2), rng.uniform(2.0, 4.0)
        drift = 1.6 * Wander(rng, 0.05, 0.3)(t)
        body.limb("shoulder", left, (0.5, 0.3, 0.4), on)
        body.limb("elbow", left, (1.0, 0.0, 0.0), on)
        body.limb("hip", left, (0.45, 0.0, 0.15), on)
        body.limb("knee", left, (0.9, 0.0, 0.0), on)
        arm = vigour * waxing * np.clip(0.6 + 0.8 * Wander(rng, 0.05, 0.2)(t), 0.0, 1.0)
        body.flex("elbow", left, 0.32 * arm * np.sin(TAU * arm_hz * t + drift))
        body.flex("shoulder", left, 0.15 * arm * np.sin(TAU * arm_hz * t + drift + 0.5))
        body.flex("hip", left, 0.14 * vigour * waxing * np.sin(TAU * leg_hz * t - drift))
        body.flex("knee", left, 0.22 * vigour * waxing * np.sin(TAU * leg_hz * t - drift))
    body.add(Joint.NECK, Y, 0.6 * waxing * np.sin(TAU * rng.uniform(0.7, 1.5) * t))
    thrust_hz = rng.uniform(1.2, 2.4)
    bouts = np.clip(Wander(rng, 0.03, 0.1)(t) * 1.4, 0.0, 1.0) * waxing
    thrust = bouts * np.clip(np.sin(TAU * thrust_hz * t), 0.0, None)
    body.shift(0.0, 20.0 * thrust, 85.0 * thrust)
    body.add(Joint.SPINE_MID, X, -0.32 * thrust)
    body.add(Joint.SPINE_BASE, X, 0.10 * thrust)
    body.uncovered_mm += 500.0 * rng.uniform(0.0, 1.0) * rise(t, 5.0, 20.0)
