"""What people do in bed that is no seizure: each function bends a body over its span. Rhythms are meant to be mistaken."""

import numpy as np

from shared.ward.moves import TAU, Body, Course, Wander, hump, jerk, rise
from shared.ward.skeleton import Joint, X, Y, Z


def sitting_up(body: Body, course: Course) -> None:
    """Rise on the arms, sit, look about, lie down."""
    on = course.hump(3.5, 4.0)
    body.sit_up(course.rng.uniform(0.9, 1.25), on)
    body.both("shoulder", (0.1, 0.0, 0.25), on)
    body.both("elbow", (0.2, 0.0, 0.0), on)
    body.add(Joint.NECK, Y, 0.7 * on * Wander(course.rng, 0.05, 0.3)(course.t))
    body.add(Joint.SPINE_MID, Z, 0.12 * on * Wander(course.rng, 0.05, 0.25)(course.t))
    body.uncovered_mm += 420.0 * on


def eating(body: Body, course: Course) -> None:
    """Half sitting, one hand to the mouth and back every three to five seconds, chewing between."""
    t, rng, left = course.t, course.rng, course.patient.side < 0
    on = course.hump(4.0, 4.0)
    body.sit_up(0.85, on)
    rate = rng.uniform(0.2, 0.33)
    lift = 0.5 - 0.5 * np.cos(TAU * rate * t + 0.7 * Wander(rng, 0.03, 0.1)(t))
    body.both("shoulder", (0.5, 0.3, 0.1), on)
    body.both("elbow", (1.2, 0.0, 0.0), on)
    body.flex("elbow", left, 0.95 * on * lift)
    body.flex("shoulder", left, 0.5 * on * lift)
    body.add(Joint.HEAD, X, 0.06 * on * (1 - lift) * np.sin(TAU * rng.uniform(1.1, 1.6) * t))
    body.uncovered_mm += 350.0 * on


def phone(body: Body, course: Course) -> None:
    """Both hands hold a phone before the face; thumbs and wrists move a little."""
    t, rng = course.t, course.rng
    on = course.hump(2.5, 2.5)
    body.lie_on_back(0.7 * on)
    body.sit_up(0.3, on)
    body.both("shoulder", (0.55, 0.4, 0.1), on)
    body.both("elbow", (1.45, 0.0, 0.0), on)
    tapping = np.clip(Wander(rng, 0.1, 0.3)(t), 0, 1)
    for left in (True, False):
        body.flex("wrist", left, 0.25 * on * tapping * np.sin(TAU * rng.uniform(1.5, 3.5) * t))
        body.flex("shoulder", left, 0.05 * on * Wander(rng, 0.05, 0.3)(t))


def scratching(body: Body, course: Course) -> None:
    """One hand scratches head, chest or belly in bursts at 3 to 5 Hz."""
    t, rng, left = course.t, course.rng, bool(course.rng.random() < 0.5)
    on = course.hump(1.2, 1.2)
    bursts = np.clip(0.3 + 1.5 * Wander(rng, 0.15, 0.5)(t), 0.0, 1.0)
    place = rng.choice(3)
    shoulder = ((1.4, 0.5, 0.6), (0.7, 0.8, 0.1), (0.4, 0.7, 0.2))[place]
    body.limb("shoulder", left, shoulder, on)
    body.limb("elbow", left, ((2.2, 1.9, 1.3)[place], 0.0, 0.0), on)
    beat = on * bursts * np.sin(TAU * rng.uniform(3.0, 5.0) * t)
    body.flex("elbow", left, 0.14 * beat)
    body.flex("wrist", left, 0.35 * beat)


def coughing(body: Body, course: Course) -> None:
    """Bouts of coughs: trunk and head jerk forwards together, two to four in a row, then a pause."""
    t, rng = course.t, course.rng
    on = course.hump(0.6, 0.6)
    period = rng.uniform(3.5, 6.0)
    within = t - period * np.floor(t / period)
    bout = hump(within, 0.0, rng.uniform(1.4, 2.4), 0.1, 0.5) * on
    beat = bout * jerk(rng.uniform(1.6, 2.6) * within)
    body.add(Joint.SPINE_MID, X, 0.28 * beat)
    body.add(Joint.SPINE_BASE, X, 0.18 * beat)
    body.add(Joint.NECK, X, 0.30 * beat)
    left = course.patient.side > 0
    body.limb("shoulder", left, (0.8, 0.7, 0.1), on)
    body.limb("elbow", left, (2.0, 0.0, 0.0), on)
    for side in (True, False):
        body.flex("hip", side, 0.12 * beat)
        body.flex("knee", side, 0.18 * beat)


def tooth_brushing(body: Body, course: Course) -> None:
    """Half sitting, one hand at the mouth moving at 2.5 to 4.5 Hz with short pauses."""
    t, rng, left = course.t, course.rng, course.patient.side < 0
    on = course.hump(4.0, 4.0)
    body.sit_up(0.8, on)
    body.limb("shoulder", left, (0.8, 0.5, 0.55), on)
    body.limb("elbow", left, (1.95, 0.0, 0.0), on)
    going = rise(np.asarray(0.6 + Wander(rng, 0.08, 0.25)(t)), 0.0, 0.3)
    beat = on * going * np.sin(TAU * rng.uniform(2.5, 4.5) * t)
    body.flex("elbow", left, 0.16 * beat)
    body.spread("shoulder", left, 0.10 * beat)
    body.uncovered_mm += 350.0 * on


def shivering(body: Body, course: Course) -> None:
    """Curled up, all of the body trembling finely at 7 to 10 Hz in waves; no stiffening, no jerks."""
    t, rng = course.t, course.rng
    on = course.hump(4.0, 4.0)
    waves = on * np.clip(0.6 + 0.7 * Wander(rng, 0.1, 0.35)(t), 0.1, 1.0)
    beat = 0.022 * waves * np.sin(TAU * rng.uniform(7.0, 10.0) * t)
    for left in (True, False):
        body.flex("elbow", left, 1.5 * beat)
        body.flex("shoulder", left, beat)
        body.flex("knee", left, beat)
    body.add(Joint.SPINE_MID, X, 0.6 * beat)
    body.add(Joint.NECK, X, beat)


def leg_twitches(body: Body, course: Course) -> None:
    """Periodic limb movements of sleep: one foot and knee bend for 0.5 to 4 s every 15 to 30 s (AASM scoring manual)."""
    t, rng, left = course.t, course.rng, bool(course.rng.random() < 0.5)
    period, length = rng.uniform(15.0, 30.0), rng.uniform(0.6, 2.5)
    within = t - period * np.floor(t / period) - 3.0
    pull = course.hump(0.2, 0.2) * hump(within, 0.0, length, 0.3 * length, 0.6 * length)
    body.flex("hip", left, 0.35 * pull)
    body.flex("knee", left, 0.55 * pull)
    body.flex("ankle", left, -0.5 * pull)


def sawing(body: Body, course: Course) -> None:
    """Voluntary rhythm at a steady 2 to 5 Hz: one or both arms to and fro, the trunk going along (like the SAWING of the UEA set)."""
    t, rng = course.t, course.rng
    on = course.hump(2.5, 2.0)
    body.sit_up(float(rng.choice((0.0, 0.5, 0.9))), on)
    beat = on * course.patient.vigour * np.sin(TAU * rng.uniform(2.0, 5.0) * t)
    both = rng.random() < 0.35
    for left in (True, False):
        if both or left == (course.patient.side > 0):
            body.limb("shoulder", left, (0.7, 0.1, 0.2), on)
            body.limb("elbow", left, (1.2, 0.0, 0.0), on)
            body.flex("shoulder", left, 0.26 * beat)
            body.flex("elbow", left, -0.42 * beat)
    body.add(Joint.SPINE_MID, X, 0.04 * beat)
    body.add(Joint.SPINE_MID, Y, 0.05 * beat)
    body.uncovered_mm += 250.0 * on


def handled(body: Body, course: Course) -> None:
    """The patient while staff cares for him: moved a little, mostly passive."""
    t, rng = course.t, course.rng
    on = course.hump(4.0, 4.0)
    body.add(Joint.SPINE_BASE, Y, 0.30 * on * Wander(rng, 0.05, 0.25)(t))
    body.flex("shoulder", course.patient.side > 0, 0.35 * on * (0.5 + Wander(rng, 0.1, 0.4)(t)))
    body.add(Joint.NECK, Y, 0.3 * on * Wander(rng, 0.05, 0.3)(t))
    body.shift(12.0 * on * Wander(rng, 0.1, 0.5)(t), 6.0 * on * Wander(rng, 0.1, 0.5)(t), 0.0)
    body.add(Joint.SPINE_MID, Z, 0.05 * on * Wander(rng, 0.1, 0.5)(t))
    body.uncovered_mm += 500.0 * hump(t, 5.0, course.duration_s - 2.0, 5.0, 6.0)
