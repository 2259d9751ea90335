"""The ward as a camera: deterministic pictures of a body in a bed whose joints are known."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.preview import preview_of
from shared.ward import KINECT_V2, PAROXYSMS, Deed, Episode, Night, Ward, patient_of, ward_previews
from shared.ward.choreography import DEEDS, Choreography
from shared.ward.deeds import ROOM_DEEDS
from shared.ward.skeleton import JOINTS, settle
from shared.ward.staff import STAFF_DEEDS


def _night(patient_seed: int, deed: Deed, span_s: float = 40.0) -> Night:
    return Night(patient_seed, 1, span_s + 120.0, (Episode(deed, 20.0, span_s),))


def _motion(night: Night, start_s: float, seconds: float = 4.0) -> float:
    """Mean absolute change of depth between previews 1/15 s apart, in mm, where both are valid."""
    ward = Ward(night, width=128, height=106)
    frames = [ward.at(start_s + k / 15).depth_mm.astype(float) for k in range(int(seconds * 15))]
    changes = [np.abs(a - b)[(a > 0) & (b > 0)].mean() for a, b in pairwise(frames)]
    return float(np.mean(changes))


def test_an_instant_is_the_same_whenever_and_in_whatever_order_it_is_asked_for() -> None:
    night = _night(3, Deed.hypermotor, 20.0)
    one, other = Ward(night), Ward(night)
    late = one.at(31.2)
    early = one.at(5.0)
    assert np.array_equal(other.at(5.0).depth_mm, early.depth_mm)
    again = other.at(31.2)
    assert np.array_equal(again.depth_mm, late.depth_mm)
    assert np.array_equal(again.ir, late.ir)
    assert not np.array_equal(early.ir, one.at(5.0 + 1 / 30).ir)


def test_pictures_have_the_sensors_shape_range_and_holes() -> None:
    scene = Ward(_night(2, Deed.tonic)).at(3.0)
    assert scene.depth_mm.shape == scene.ir.shape == (424, 512)
    assert scene.depth_mm.dtype == scene.ir.dtype == np.uint16
    valid = scene.depth_mm > 0
    assert 0.80 < valid.mean() < 0.999
    assert scene.depth_mm[valid].min() > 800
    assert scene.depth_mm.max() < 6500
    assert 200 < np.median(scene.ir) < 20000


def test_visible_joints_lie_just_under_the_surface_that_the_camera_sees() -> None:
    ward = Ward(_night(5, Deed.sitting_up))
    assert not patient_of(5).has_blanket
    scene = ward.at(40.0)
    head = scene.joints_mm[3]
    u = round(KINECT_V2.fx * head[0] / head[2] + KINECT_V2.cx)
    v = round(KINECT_V2.fy * head[1] / head[2] + KINECT_V2.cy)
    patch = scene.depth_mm[v - 2 : v + 3, u - 2 : u + 3].astype(float)
    gap = head[2] - np.median(patch[patch > 0])
    assert scene.joints_mm.shape == (25, 3)
    assert 20 < gap < 160


def test_limbs_keep_their_length_while_they_thrash() -> None:
    ward = Ward(_night(5, Deed.hypermotor, 20.0), width=128, height=106)
    thighs = [float(np.linalg.norm(np.subtract(*ward.at(24 + k / 10).joints_mm[[12, 13]]))) for k in range(60)]
    assert np.mean(thighs) == pytest.approx(0.242 * ward.patient.stature_mm, rel=0.08)


@pytest.mark.parametrize("patient_seed", [4, 8])
def test_no_joint_jumps_between_frames_whatever_is_done(patient_seed: int) -> None:
    patient, times = patient_of(patient_seed), 18.0 + np.arange(0, 1100) / 30
    joints = np.zeros((len(times), JOINTS, 3))
    for deed in sorted(set(Deed) - {Deed.sleep} - ROOM_DEEDS):
        movement = Choreography(_night(patient_seed, deed, 24.0), patient).at(times)
        build = np.array([patient.stature_mm, patient.girth])
        for pose, limp, upright, out in zip(movement.patient, movement.limp, movement.upright, joints, strict=True):
            settle(pose, build, limp, upright, out)
        fastest_m_per_s = np.linalg.norm(np.diff(joints, axis=0), axis=2).max() * 30 / 1000
        assert fastest_m_per_s < (12.0 if deed in {Deed.hypermotor, Deed.myoclonic_series} else 8.0), deed


@pytest.mark.parametrize("deed", sorted(PAROXYSMS - {Deed.hypomotor_arrest, Deed.focal_clonic}))
def test_a_paroxysm_of_the_whole_body_moves_far_more_than_sleep(deed: Deed) -> None:
    for patient_seed in (3, 5):
        night = _night(patient_seed, deed)
        assert _motion(night, 40.0) > _motion(night, 5.0) * 1.03


def test_every_deed_is_performed_and_changes_the_pose() -> None:
    performed = set(DEEDS) | STAFF_DEEDS | {Deed.turning, Deed.sleep} | ROOM_DEEDS
    assert performed == set(Deed)
    for deed in sorted(set(Deed) - {Deed.sleep} - ROOM_DEEDS):
        ward, calm = Ward(_night(1, deed), width=64, height=53), Ward(Night(1, 1, 160.0, ()), width=64, height=53)
        times = (24.0, 31.3, 38.9, 43.1, 47.7, 52.2)
        changed = [np.abs(ward.at(t).depth_mm.astype(float) - calm.at(t).depth_mm).max() > 60 for t in times]
        assert any(changed) or deed is Deed.turning


def test_a_night_starts_again_past_its_end() -> None:
    night = _night(3, Deed.tonic)
    ward = Ward(night, width=128, height=106)
    first, second = ward.at(30.0), ward.at(30.0 + night.duration_s)
    assert np.allclose(first.joints_mm, second.joints_mm)
    assert not np.array_equal(first.ir, second.ir)


def test_previews_with_all_rays_equal_those_made_from_full_frames_bit_for_bit() -> None:
    ward = Ward(_night(3, Deed.automotor, 30.0))
    for k, (ir, depth) in enumerate(ward_previews(Night(3, 1, 2.0, ()), fps=2, samples=4)):
        scene = ward.at(k / 2)
        full_ir, full_depth = preview_of(scene.depth_mm, scene.ir)
        assert np.array_equal(ir, full_ir)
        assert np.array_equal(depth, full_depth)


def _flicker(frames: NDArray[np.uint8]) -> float:
    return float(np.sqrt(np.mean(np.diff(frames.astype(float), axis=0) ** 2)))


def test_previews_with_fewer_rays_flicker_like_those_made_from_full_frames() -> None:
    night = Night(3, 1, 3.0, ())
    few = np.array(list(ward_previews(night, samples=2)))
    all_rays = np.array(list(ward_previews(night, samples=4)))
    for stream in (0, 1):
        assert _flicker(few[:, stream]) == pytest.approx(_flicker(all_rays[:, stream]), rel=0.3)


def test_a_whole_night_comes_as_previews_in_order() -> None:
    frames = list(ward_previews(Night(3, 1, 2.0, ()), samples=1))
    assert len(frames) == 30
    assert frames[0][0].shape == frames[0][1].shape == (106, 128)
    with pytest.raises(ValueError, match="samples"):
        next(ward_previews(Night(3, 1, 2.0, ()), samples=3))


def test_colour_shows_the_same_moment_in_the_size_asked_for() -> None:
    ward = Ward(_night(3, Deed.sitting_up))
    picture = ward.colour(40.0, 320, 180)
    assert picture.shape == (180, 320, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 10
    assert not np.array_equal(picture, ward.colour(41.0, 320, 180))


def test_an_impossible_size_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="width"):
        Ward(_night(0, Deed.tonic), width=0)
