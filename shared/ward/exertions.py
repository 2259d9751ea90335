"""More of what is no seizure: rocking, exercises, being treated, being visited, and leaving the bed. Each bends a body over its span.

Paces, angles and lengths are our assumptions; none is measured.
"""

import numpy as np

from shared.ward.gait import FLOOR_MM, HIP_HEIGHT, walk
from shared.ward.guests import clapping, hugs
from shared.ward.moves import TAU, Body, Course, Wander, hump, rise
from shared.ward.skeleton import ROOT, Joint, X, Y, Z

AWAY_Y_MM = -6000.0
EDGE_X_MM, STANDING_X_MM = 400.0, 800.0
SITTING_PELVIS = 0.064  # height of the pelvis's joint above the mattress, as a share of stature
UP_S, TURN_S, STAND_S, WALK_S = 3.0, 3.0, 2.5, 7.0
OUT_OF_BED_S = UP_S + TURN_S + STAND_S + WALK_S


def rocking(body: Body, course: Course) -> None:
    """Sits and rocks the trunk to and fro at 0.5 to 1.3 Hz, as restless or unhappy people do."""
    t, rng = course.t, course.rng
    on = course.hump(3.5, 3.5)
    body.sit_up(0.95, on)
    sway = np.sin(TAU * rng.uniform(0.5, 1.3) * t + 0.5 * Wander(rng, 0.03, 0.1)(t))
    body.add(Joint.SPINE_BASE, X, 0.20 * on * sway)
    body.add(Joint.SPINE_MID, X, 0.12 * on * sway)
    body.both("shoulder", (0.4, 0.5, 0.2), on)
    body.both("elbow", (1.2, 0.0, 0.0), on)
    body.uncovered_mm += 350.0 * on


def exercises(body: Body, course: Course) -> None:
    """Exercises in bed, a set after another: leg raises, heel slides, arm raises at 0.25 to 0.6 Hz, ankle pumps at 0.8 to 1.3 Hz."""
    t, rng = course.t, course.rng
    on = course.hump(3.0, 3.0)
    body.lie_on_back(0.9 * on)
    rate = TAU * rng.uniform(0.25, 0.6)
    pump = np.sin(TAU * rng.uniform(0.8, 1.3) * t)
    set_s = rng.uniform(12.0, 20.0)
    for left in (True, False):
        lift = 0.5 - 0.5 * np.cos(rate * t + (0.0 if left else np.pi))
        for number, kind in enumerate(rng.permutation(4)):
            now = on * np.where((np.floor(t / set_s).astype(int) % 4) == number, 1.0, 0.0)
            within = t - set_s * np.floor(t / set_s)
            now = now * hump(within, 0.0, set_s, 1.5, 1.5)
            if kind == 0:
                body.flex("hip", left, 0.65 * now * lift)
            elif kind == 1:
                body.flex("hip", left, 0.75 * now * lift)
                body.flex("knee", left, 1.4 * now * lift)
            elif kind == 2:
                body.flex("shoulder", left, 2.2 * now * lift)
            else:
                body.flex("ankle", left, 0.4 * now * pump)
    body.uncovered_mm += 600.0 * on


def treated(body: Body, course: Course) -> None:
    """The patient under chest physiotherapy: turned a little to the side, the trunk shaken by each clap."""
    on = course.hump(5.0, 5.0)
    beat = clapping(course)
    body.blend(Joint.SPINE_BASE, Y, 0.6 * course.patient.side, 0.8 * on)
    body.add(Joint.SPINE_MID, X, 0.035 * beat)
    body.add(Joint.NECK, X, 0.05 * beat)
    body.shift(0.0, 0.0, -8.0 * beat)
    body.both("shoulder", (0.5, 0.2, 0.1), 0.6 * on)
    body.uncovered_mm += 400.0 * on


def visited(body: Body, course: Course) -> None:
    """Half sitting, looking at the visitor, talking with one hand, hugging at the end."""
    t, rng = course.t, course.rng
    on = course.hump(4.0, 4.0)
    hug = hump(t, *hugs(course.duration_s), 2.0, 2.0) * on
    body.sit_up(0.6, on)
    body.add(Joint.NECK, Y, 0.4 * on * (1.0 + 0.4 * Wander(rng, 0.05, 0.3)(t)) * course.patient.side)
    left = course.patient.side > 0
    gesture = np.clip(Wander(rng, 0.05, 0.2)(t), 0.0, 1.0) * on * (1.0 - hug)
    body.limb("elbow", left, (1.1, 0.0, 0.0), on)
    body.flex("elbow", left, 0.5 * gesture * Wander(rng, 0.3, 1.0)(t))
    body.flex("shoulder", left, 0.4 * gesture)
    body.both("shoulder", (1.3, 0.0, 0.4), hug)
    body.both("elbow", (0.7, 0.0, 0.0), hug)
    body.uncovered_mm += 250.0 * on


def looked_at(body: Body, course: Course) -> None:
    """Sleeps on under the torch; turns the head away a little."""
    on = course.hump(3.0, 3.0)
    body.add(Joint.NECK, Y, -0.25 * course.patient.side * on)


def leaving_bed(body: Body, course: Course) -> None:
    """Sits up, turns to the edge, stands, walks off past the foot end; the bed is empty; the same backwards."""
    s, stature = np.minimum(course.t, course.duration_s - course.t), course.patient.stature_mm
    pace = min(1.0, course.duration_s / (2.0 * OUT_OF_BED_S + 4.0))
    up = rise(s, 0.0, UP_S * pace)
    turned = rise(s, 0.8 * UP_S * pace, TURN_S * pace)
    stood = rise(s, (UP_S + TURN_S) * pace, STAND_S * pace)
    gone = rise(s, (UP_S + TURN_S + 0.6 * STAND_S) * pace, WALK_S * pace)
    side = float(course.patient.side)
    body.sit_up(1.35, up)
    body.blend(Joint.SPINE_BASE, Z, side * np.pi / 2 * (1.0 - stood), turned)
    body.blend(Joint.SPINE_BASE, X, np.pi / 2, np.maximum(stood, 0.0))
    body.both("hip", (1.4, 0.0, 0.08), turned)
    body.both("knee", (1.35, 0.0, 0.0), rise(turned, 0.35, 0.65))
    body.both("hip", (0.0, 0.0, 0.0), stood)
    body.both("knee", (0.0, 0.0, 0.0), stood)
    for name in ("shoulder", "elbow"):
        body.both(name, (0.15, 0.0, 0.1), up)
    body.blend(Joint.NECK, X, 0.0, stood)
    path = (1100.0 - AWAY_Y_MM) * gone
    walk(body, path, np.clip(6.0 * gone * (1.0 - gone), 0.0, 1.0))
    standing = FLOOR_MM + HIP_HEIGHT * stature
    body.upright = np.maximum(body.upright, rise(turned, 0.5, 0.5))
    target_x = side * (EDGE_X_MM + (STANDING_X_MM - EDGE_X_MM) * stood)
    body.blend(Joint(0), Y, 0.0, turned)
    body.pose[:, ROOT, X] += turned * (target_x - body.pose[:, ROOT, X])
    body.pose[:, ROOT, Y] += turned * (1100.0 - body.pose[:, ROOT, Y]) - path
    height = SITTING_PELVIS * stature * (1.0 - stood) + standing * stood
    body.pose[:, ROOT, Z] += body.upright * (height - body.pose[:, ROOT, Z])
    body.uncovered_mm += 800.0 * up
    body.aside += 0.7 * side * turned
