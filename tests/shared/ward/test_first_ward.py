"""The first ward stays as it was when `detector-v0` was taught on it: its plans to the millisecond, its ideal pictures to the millimetre.

`first_ward.json` beside this file was written by `python -m tests.shared.ward.test_first_ward` from the ward as it was then.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.detector.nights import lesson, ordinary_night, seizure_night, stress_night
from shared.ward import KINECT_V2, Deed, Night, patient_of, plan_demo, plan_night
from shared.ward.camera import camera_pose_of
from shared.ward.choreography import Choreography
from shared.ward.painter import Painter

KEPT = Path(__file__).with_name("first_ward.json")
SEEDS = ((1, 1), (3, 2), (10_000, 0), (30_007, 4))
INSTANTS_S = (3.0, 41.0, 60.0, 330.0, 700.5)


def plans() -> dict[str, list[list[Any]]]:
    """Every plan of the first ward for some seeds: deed, start and length in seconds."""
    nights: dict[str, Night] = {}
    for patient, night in SEEDS:
        nights[f"demo-{patient}"] = plan_demo(patient, night)
        nights[f"night-{patient}"] = plan_night(patient, night, 3600, seizures_per_h=4, confounders_per_h=30)
        nights[f"lesson-{patient}"] = lesson(patient, night)
        nights[f"ordinary-{patient}"] = ordinary_night(patient, night)
        nights[f"stress-{patient}"] = stress_night(patient, night)
        nights[f"seizures-{patient}"] = seizure_night(patient, night, (Deed.tonic, Deed.hypermotor))
    return {
        name: [[e.deed.value, round(e.start_s, 3), round(e.duration_s, 3)] for e in night.episodes]
        for name, night in nights.items()
    }


def pictures() -> dict[str, list[float]]:
    """Ideal depth in mm on a coarse grid of pixels at some instants of two demonstrations."""
    kept = {}
    for patient_seed, night_seed in SEEDS[:2]:
        patient, night = patient_of(patient_seed), plan_demo(patient_seed, night_seed)
        painter = Painter(patient, night_seed, KINECT_V2.scaled(128, 106), camera_pose_of(patient_seed))
        for t_s in INSTANTS_S:
            canvas = painter.ideal(Choreography(night, patient).at(np.array([t_s])), 0)
            kept[f"{patient_seed}-{t_s}"] = [round(float(z), 1) for z in canvas.depth[8::13, 8::13].ravel()]
    return kept


def test_the_first_wards_plans_are_those_that_the_release_was_taught_on() -> None:
    kept, now = json.loads(KEPT.read_text())["plans"], plans()
    assert set(kept) == set(now)
    for name, episodes in kept.items():
        assert [deed for deed, *_ in episodes] == [deed for deed, *_ in now[name]], name
        assert [times for _, *times in now[name]] == [pytest.approx(times, abs=2e-3) for _, *times in episodes], name


def test_the_first_wards_pictures_are_those_that_the_release_was_taught_on() -> None:
    kept, now = json.loads(KEPT.read_text())["pictures"], pictures()
    assert set(kept) == set(now)
    for name, depths in kept.items():
        differs = np.abs(np.array(depths) - np.array(now[name])) > 1.0
        assert differs.mean() < 0.02, name


if __name__ == "__main__":
    KEPT.write_text(json.dumps({"plans": plans(), "pictures": pictures()}, indent=None) + "\n")
