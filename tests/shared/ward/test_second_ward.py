"""The second ward: bodies with mass and joints with ends, cameras anywhere, changing light, nights with a course."""

from itertools import pairwise

import numpy as np
import pytest

from shared.ward import (
    CONFOUNDERS,
    FIRST_DEEDS,
    PAROXYSMS,
    SEIZURES,
    Deed,
    Episode,
    Night,
    Ward,
    patient_of,
    ward_previews,
)
from shared.ward.choreography import Choreography
from shared.ward.course import RATES, habits_of, plan_ordinary_night, plan_stress_night
from shared.ward.deeds import ROOM_DEEDS
from shared.ward.limits import MEMORY, RANGES, with_inertia, within_limits
from shared.ward.motion import InertMotion
from shared.ward.skeleton import JOINTS, POSE_ROWS, ROOT, Joint, settle
from shared.ward.stage import Placement, Stage, StagedNight, light_at, pose_at


def _night(
    patient_seed: int, deed: Deed, span_s: float = 40.0, placement: Placement = Placement.foot, hour: float = 1.0
) -> StagedNight:
    return StagedNight(
        patient_seed, 1, span_s + 120.0, (Episode(deed, 20.0, span_s),), Stage(placement, hour, patient_seed)
    )


def test_no_angle_leaves_its_joints_range_and_small_ones_are_untouched() -> None:
    wild = np.random.default_rng(1).normal(0, 6, (200, JOINTS, 3))
    kept = within_limits(wild)
    assert (kept >= RANGES[..., 0] - 1e-12).all()
    assert (kept <= RANGES[..., 1] + 1e-12).all()
    small = wild * 1e-3
    bent = ("SPINE_MID", "NECK", "SHOULDER_L", "SHOULDER_R", "WRIST_L", "HIP_R")
    for name in bent:
        assert np.array_equal(within_limits(small)[:, Joint[name]], small[:, Joint[name]])


def test_a_limb_follows_a_sudden_wish_late_and_without_overshoot() -> None:
    wished = np.zeros((MEMORY + 60, POSE_ROWS, 3))
    wished[MEMORY + 5 :] = 1.0
    moved = with_inertia(wished)[:, [Joint.HIP_L, Joint.WRIST_L, ROOT], 0]
    assert (np.diff(moved, axis=0) >= -1e-12).all()
    assert moved[-1] == pytest.approx(1.0)
    half = [int(np.argmax(track > 0.5)) for track in moved.T]
    assert half[0] > half[1]


def test_an_instant_of_the_second_ward_is_the_same_alone_in_order_and_in_a_batch() -> None:
    night = _night(3, Deed.hypermotor, 20.0)
    plain = Choreography(night, patient_of(3))
    times = 24.0 + np.arange(90) / 30
    batch, alone = InertMotion(plain).at(times), InertMotion(plain)
    for k in (71, 3, 44):
        assert np.array_equal(alone.at(times[k : k + 1]).patient[0], batch.patient[k])
    one, other = Ward(night, width=128, height=106), Ward(night, width=128, height=106)
    late = one.at(31.2)
    other.at(5.0)
    assert np.array_equal(other.at(31.2).depth_mm, late.depth_mm)


def test_bodies_with_mass_do_not_jerk_as_wishes_do() -> None:
    night, patient = _night(4, Deed.myoclonic_series), patient_of(4)
    times = 22.0 + np.arange(600) / 60
    plain = Choreography(night, patient)
    sharpest = [
        np.abs(np.diff(motion.at(times).patient[:, Joint.SHOULDER_L], 2, axis=0)).max()
        for motion in (plain, InertMotion(plain))
    ]
    assert sharpest[1] < 0.6 * sharpest[0]


@pytest.mark.parametrize("deed", sorted(set(Deed) - {Deed.sleep} - ROOM_DEEDS))
def test_no_joint_jumps_in_the_second_ward(deed: Deed) -> None:
    patient, times = patient_of(4), 18.0 + np.arange(0, 1200) / 30
    movement = InertMotion(Choreography(_night(4, deed, 36.0), patient)).at(times)
    joints, build = np.zeros((len(times), JOINTS, 3)), np.array([patient.stature_mm, patient.girth])
    for k, out in enumerate(joints):
        settle(movement.patient[k], build, movement.limp[k], movement.upright[k], out)
    fastest_m_per_s = np.linalg.norm(np.diff(joints, axis=0), axis=2).max() * 30 / 1000
    assert fastest_m_per_s < 10.0


def test_a_clonic_seizure_of_one_side_moves_that_side_most() -> None:
    patient, times = patient_of(4), 45.0 + np.arange(0, 300) / 30
    movement = InertMotion(Choreography(_night(4, Deed.focal_clonic), patient)).at(times)
    swing = {side: movement.patient[:, Joint[f"ELBOW_{side}"], 0].std() for side in "LR"}
    own, other = ("L", "R") if patient.side > 0 else ("R", "L")
    assert swing[own] > 5 * swing[other]


def test_an_arrest_is_stiller_than_what_else_is_done() -> None:
    still, moved = (
        np.abs(
            np.diff(
                InertMotion(Choreography(_night(4, deed), patient_of(4))).at(50 + np.arange(90) / 30).patient, axis=0
            )
        ).mean()
        for deed in (Deed.hypomotor_arrest, Deed.automotor)
    )
    assert still < 0.2 * moved


@pytest.mark.parametrize("placement", list(Placement))
def test_every_camera_sees_the_whole_patient_at_kinect_distances(placement: Placement) -> None:
    for patient_seed in range(6):
        night = _night(patient_seed, Deed.phone, placement=placement)
        ward = Ward(night, width=128, height=106)
        scene = ward.at(10.0)
        camera = ward._painter.camera
        u = scene.joints_mm[:, 0] / scene.joints_mm[:, 2] * camera.fx + camera.cx
        v = scene.joints_mm[:, 1] / scene.joints_mm[:, 2] * camera.fy + camera.cy
        assert ((u > -0.05 * 128) & (u < 1.05 * 128) & (v > -0.05 * 106) & (v < 1.05 * 106)).mean() > 0.85
        assert 500 < scene.joints_mm[:, 2].min() < scene.joints_mm[:, 2].max() < 4500


def test_a_patient_who_left_is_not_in_the_bed_and_comes_back() -> None:
    night = _night(3, Deed.leaving_bed, 120.0)
    ward = Ward(night, width=128, height=106)
    asleep, away, back = (
        ward.pose.rotation.T @ ward.at(t).joints_mm[0] + ward.pose.position_mm for t in (10.0, 80.0, 170.0)
    )
    assert away[1] < -2000
    assert np.linalg.norm(back - asleep) < 150


def test_a_knock_swings_the_camera_and_leaves_it_askew() -> None:
    night = _night(3, Deed.camera_knock, 2.0)
    before, swinging, after, later = (pose_at(night, t) for t in (19.0, 20.1, 25.0, 60.0))
    assert before[1] == (0, 0.0)
    assert not np.allclose(before[0].rotation, swinging[0].rotation)
    assert np.array_equal(after[0].rotation, later[0].rotation)
    assert after[1] == later[1]
    assert 0 < np.linalg.norm(after[0].rotation - before[0].rotation) < 0.1
    ward, pictures = Ward(night, width=128, height=106), []
    for t in (19.0, 30.0):
        pictures.append(ward.at(t).depth_mm.astype(float))
    assert np.abs(pictures[0] - pictures[1]).max() > 200


def test_light_comes_with_the_day_with_lamps_and_with_a_torch() -> None:
    dark, noon = (light_at(_night(3, Deed.phone, hour=hour), 5.0) for hour in (1.0, 13.0))
    assert noon.sun > 0 == dark.sun
    assert noon.level > 3 * dark.level
    lamp, torch = (light_at(_night(3, deed), 40.0) for deed in (Deed.lights_on, Deed.torch_check))
    assert lamp.level > 5 * dark.level
    assert torch.torch == 1.0
    pictures = [
        Ward(_night(3, deed)).colour(40.0, 160, 90).mean() for deed in (Deed.phone, Deed.torch_check, Deed.lights_on)
    ]
    assert pictures[0] < pictures[1] < pictures[2]


def test_sun_makes_range_noisy_and_leaves_true_joints_alone() -> None:
    night_scene, day_scene = (Ward(_night(3, Deed.phone, hour=hour)).at(5.0) for hour in (1.0, 13.0))
    both = (night_scene.depth_mm > 0) & (day_scene.depth_mm > 0)
    quiet, noisy = (
        np.abs(np.diff(scene.depth_mm.astype(float), axis=1))[both[:, 1:]] for scene in (night_scene, day_scene)
    )
    assert np.median(noisy) > 1.1 * np.median(quiet)
    assert np.array_equal(night_scene.joints_mm, day_scene.joints_mm)


def test_a_vigorous_hypermotor_seizure_throws_the_blanket_aside() -> None:
    seed = next(s for s in range(100) if patient_of(s).vigour > 0.9 and patient_of(s).has_blanket)
    movement = Choreography(_night(seed, Deed.hypermotor), patient_of(seed)).at(np.array([10.0, 50.0]))
    assert movement.aside[0] == 0
    assert abs(movement.aside[1]) > 0.5


def test_a_night_of_the_second_ward_is_the_same_for_the_same_seeds_and_keeps_to_the_rates() -> None:
    assert plan_ordinary_night(3, 1, 7200) == plan_ordinary_night(3, 1, 7200)
    assert plan_ordinary_night(3, 1, 7200) != plan_ordinary_night(3, 2, 7200)
    nights = [plan_ordinary_night(3, seed, 7 * 3600, starts_at_h=22.5) for seed in range(120)]
    for deed in (Deed.turning, Deed.torch_check):
        per_h = sum(e.deed is deed for night in nights for e in night.episodes) / (7 * len(nights))
        assert per_h == pytest.approx(RATES[deed].night, rel=0.12)
    assert not any(e.deed in {Deed.visit, Deed.eating} for night in nights for e in night.episodes)


def test_patients_have_habits_of_their_own_and_are_average_together() -> None:
    factors = np.array([list(habits_of(seed).values()) for seed in range(400)])
    assert habits_of(7) == habits_of(7)
    assert factors.mean() == pytest.approx(1.0, abs=0.05)
    assert factors.std() > 0.4


def test_every_confounder_has_a_rate_with_a_source_and_comes_on_stress_nights() -> None:
    assert set(RATES) == CONFOUNDERS
    assert all(rate.source for rate in RATES.values())
    seen = {e.deed for seed in range(20) for e in plan_stress_night(seed, 1, 7200).episodes}
    assert seen == CONFOUNDERS


def test_seizures_of_every_kind_come_apart_from_what_follows() -> None:
    nights = [plan_ordinary_night(seed, 1, 4 * 3600, seizures_per_h=6) for seed in range(40)]
    assert {e.deed for night in nights for e in night.episodes} >= PAROXYSMS
    for night in nights:
        for episode, following in pairwise(night.episodes):
            assert episode.end_s <= following.start_s - (60 if episode.deed in PAROXYSMS else 12) + 1e-6


def test_nonsense_is_refused_by_name_in_the_second_ward() -> None:
    with pytest.raises(ValueError, match="starts_at_h"):
        plan_ordinary_night(0, 0, 600, starts_at_h=24.0)
    with pytest.raises(ValueError, match="seizures_per_h"):
        plan_stress_night(0, 0, 600, seizures_per_h=61)
    with pytest.raises(ValueError, match="duration_s"):
        plan_ordinary_night(0, 0, 0)


def test_the_first_wards_plans_know_only_the_first_wards_deeds() -> None:
    assert {Deed.hypermotor, Deed.sawing} <= FIRST_DEEDS
    assert {Deed.versive, Deed.myoclonic_series, Deed.hypomotor_arrest, Deed.focal_clonic} == SEIZURES - FIRST_DEEDS
    assert type(_night(1, Deed.phone)) is not Night


def test_previews_of_the_second_ward_are_previews_of_its_frames() -> None:
    frames = list(ward_previews(_night(3, Deed.phone, 10.0), fps=1))
    assert len(frames) == 130
    assert frames[0][0].shape == frames[0][1].shape == (106, 128)
