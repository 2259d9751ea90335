"""From a night's plan to poses at any instants: sleep between, deeds on top, staff beside, the blanket's place. Closed form in time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.ward import confounders, exertions, focal_seizures, seizures
from shared.ward.deeds import Deed
from shared.ward.moves import Body, Course, hump, rise
from shared.ward.night import Night
from shared.ward.patient import Patient
from shared.ward.postures import sleeping_pose, stir
from shared.ward.skeleton import POSE_ROWS, ROOT, Joint
from shared.ward.staff import STAFF_DEEDS, staff_poses

Floats = NDArray[np.float64]
LONGEST_TAIL_S = 45.0
COVER_BACK_S = 14.0

DEEDS: dict[Deed, Callable[[Body, Course], None]] = {
    Deed.sitting_up: confounders.sitting_up,
    Deed.eating: confounders.eating,
    Deed.phone: confounders.phone,
    Deed.scratching: confounders.scratching,
    Deed.coughing: confounders.coughing,
    Deed.tooth_brushing: confounders.tooth_brushing,
    Deed.shivering: confounders.shivering,
    Deed.leg_twitches: confounders.leg_twitches,
    Deed.sawing: confounders.sawing,
    Deed.staff_care: confounders.handled,
    Deed.bed_making: confounders.handled,
    Deed.focal_to_bilateral_tonic_clonic: seizures.focal_to_bilateral_tonic_clonic,
    Deed.hypermotor: seizures.hypermotor,
    Deed.automotor: seizures.automotor,
    Deed.tonic: seizures.tonic,
    Deed.psychogenic: seizures.psychogenic,
    Deed.versive: focal_seizures.versive,
    Deed.myoclonic_series: focal_seizures.myoclonic_series,
    Deed.hypomotor_arrest: focal_seizures.hypomotor_arrest,
    Deed.focal_clonic: focal_seizures.focal_clonic,
    Deed.rocking: exertions.rocking,
    Deed.exercises: exertions.exercises,
    Deed.chest_physiotherapy: exertions.treated,
    Deed.leaving_bed: exertions.leaving_bed,
    Deed.visit: exertions.visited,
    Deed.torch_check: exertions.looked_at,
}


@dataclass(frozen=True)
class Movement:
    """n instants: poses (n, POSE_ROWS, 3) of patient and staff; the rest (n,): stature of the staff in mm (0 = not there),

    how far the blanket is pushed down in mm, breath in mm, limpness 0..1, whether the body is off the bed 0..1, how much of
    the blanket lies aside (-1 all to the right of the supine patient .. 1 all to the left).
    """

    patient: Floats
    staff: Floats
    staff_stature_mm: Floats
    uncovered_mm: Floats
    breath_mm: Floats
    limp: Floats
    upright: Floats
    aside: Floats


class Choreography:
    """All motion of one night. Times beyond the night's end start it again."""

    def __init__(self, night: Night, patient: Patient) -> None:
        self.night, self.patient = night, patient
        self._turns = [episode for episode in night.episodes if episode.deed is Deed.turning]
        count = max(1, len(self._turns))
        self._postures = [sleeping_pose(patient, night.night_seed, index) for index in range(count)]

    def at(self, t_s: Floats) -> Movement:
        """The movement at times (n,) in seconds since the night's start."""
        t = np.mod(t_s, self.night.duration_s)
        body = Body(self._asleep(t), self.patient.side)
        stir(body, t, self.patient, self.night.night_seed)
        staff, stature = np.zeros((len(t), POSE_ROWS, 3)), np.zeros(len(t))
        limp = np.ones(len(t))
        for index, episode in enumerate(self.night.episodes):
            tail = self._tail_s(index)
            end = episode.end_s + tail
            if episode.deed is Deed.turning or end < t.min() or episode.start_s > t.max():
                continue
            chosen = np.flatnonzero((t >= episode.start_s) & (t < end))
            if len(chosen):
                self._perform(index, tail, t, chosen, body, (staff, stature))
                limp[chosen] = 1.0 - hump(t[chosen] - episode.start_s, 0.0, episode.duration_s + 2.0, 1.0, 3.0)
        breath = self.patient.breath_mm * np.sin(2 * np.pi * self.patient.breath_hz * t)
        return Movement(body.pose, staff, stature, body.uncovered_mm, breath, limp, body.upright, body.aside)

    def _tail_s(self, index: int) -> float:
        """Seconds after an episode during which its traces (a limp body, a lost blanket) may show: until the next one, but bounded."""
        episodes = self.night.episodes
        following = episodes[index + 1].start_s if index + 1 < len(episodes) else self.night.duration_s
        return float(np.clip(following - episodes[index].end_s, 0.0, LONGEST_TAIL_S))

    def _asleep(self, t: Floats) -> Floats:
        """Postures between turns (n, POSE_ROWS, 3); the last turn leads back to the first posture, so that nights can loop."""
        pose = np.repeat(self._postures[0][None], len(t), axis=0)
        for index, turn in enumerate(self._turns):
            target = self._postures[(index + 1) % len(self._postures)]
            source = self._postures[index % len(self._postures)]
            weight = rise(t, turn.start_s, turn.duration_s)[:, None, None]
            moving = t >= turn.start_s
            pose[moving] = (source + weight * (target - source))[moving]
            bump = np.sin(np.pi * np.clip((t - turn.start_s) / turn.duration_s, 0.0, 1.0)) ** 2
            pose[:, ROOT, 2] += 25.0 * bump
            pose[:, Joint.HIP_L, 0] -= 0.35 * bump
            pose[:, Joint.KNEE_R, 0] += 0.45 * bump
            pose[:, Joint.SHOULDER_L, 0] -= 0.5 * bump
            pose[:, Joint.ELBOW_L, 0] -= 0.5 * bump
        return pose

    def _perform(
        self, index: int, tail_s: float, t: Floats, chosen: NDArray[np.intp],
        body: Body, staff_out: tuple[Floats, Floats],
    ) -> None:  # fmt: skip
        episode = self.night.episodes[index]
        seed = (self.night.patient_seed, self.night.night_seed, index, 0xDEED)
        local = t[chosen] - episode.start_s
        course = Course(local, episode.duration_s, tail_s, self.patient, np.random.default_rng(seed))
        part = Body(body.pose[chosen], self.patient.side)
        if episode.deed in DEEDS:
            DEEDS[episode.deed](part, course)
        cover_back = 1.0 - rise(
            local, episode.duration_s + max(0.0, tail_s - COVER_BACK_S), min(COVER_BACK_S, tail_s + 0.5)
        )
        body.pose[chosen] = part.pose
        body.uncovered_mm[chosen] += part.uncovered_mm * cover_back
        body.aside[chosen] += part.aside * cover_back
        body.upright[chosen] = part.upright
        if episode.deed in STAFF_DEEDS:
            within = local < episode.duration_s
            guest = Course(local, episode.duration_s, 0.0, self.patient, np.random.default_rng((*seed, 1)))
            poses, stature = staff_poses(episode.deed, guest)
            staff_out[0][chosen[within]] = poses[within]
            staff_out[1][chosen[within]] = stature
