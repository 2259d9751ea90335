"""Joint files of people: every Kinect set, CSV and NPZ, read or refused in a sentence, and the same body put to bed."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.errors import Refused
from shared.ward import Deed, Episode, Night, patient_of
from shared.ward.choreography import Choreography
from shared.ward.joint_tracks import AZURE, SETS, V1, V2, JointTrack, checked_track, read_joint_track
from shared.ward.skeleton import KINECT_JOINTS, Joint, joints_of
from shared.ward.skeleton_playback import PlayedBed, bed_joints_of, stature_of
from shared.ward.stage import Placement, Stage

Floats = NDArray[np.float64]
STAGE = Stage(Placement.foot, 1.0, 3)


def _moving_joints(frames: int = 60) -> Floats:
    """A supine patient's own joints (frames, 25, 3) in mm of the bed, one arm thrashing, not yet resting on anything."""
    patient = patient_of(3)
    night = Night(3, 1, 100.0, (Episode(Deed.psychogenic, 10.0, 60.0),))
    movement = Choreography(night, patient).at(30.0 + np.arange(frames) / 30)
    out = np.zeros((frames, len(Joint), 3))
    for pose, joints in zip(movement.patient, out, strict=True):
        joints_of(pose, patient.stature_mm, joints)
    return out[:, :KINECT_JOINTS]


def _standing(joints_mm: Floats) -> Floats:
    """The same movement as a camera before a standing person gives it, in metres: x left of the camera, y up, z away."""
    x, y, z = joints_mm[..., 0], joints_mm[..., 1], joints_mm[..., 2]
    return np.asarray(np.stack([-x, y - 900.0, 2500.0 - z], -1) / 1000.0)


def _of_set(joints_m: Floats, names: tuple[str, ...]) -> Floats:
    """Kinect v2 joints as another set gives them; what v2 lacks is put at the nearest joint it has."""
    nearest = {"chest": "spine_mid", "clavicle_l": "spine_shoulder", "clavicle_r": "spine_shoulder"}
    return np.stack(
        [joints_m[:, V2.index(nearest.get(name, name if name in V2 else "head"))] for name in names], axis=1
    )


def _write_csv(path: Path, times_s: Floats, joints: Floats, header: list[str]) -> Path:
    rows = np.concatenate([times_s[:, None], joints.reshape(len(times_s), -1)], axis=1)
    path.write_text(",".join(header) + "\n" + "\n".join(",".join(f"{v:.7f}" for v in row) for row in rows) + "\n")
    return path


@pytest.mark.parametrize("names", [V1, V2, AZURE])
def test_each_joint_set_is_read_from_csv_and_npz_alike(names: tuple[str, ...], tmp_path: Path) -> None:
    joints, times = _of_set(_standing(_moving_joints()), names), 5.0 + np.arange(60) / 30
    header = ["time_s", *(f"{name}_{axis}" for name in names for axis in "xyz")]
    plain = read_joint_track(_write_csv(tmp_path / "a.csv", times, joints, header))
    np.savez(tmp_path / "b.npz", times_s=times, joints_m=joints)
    packed = read_joint_track(tmp_path / "b.npz")
    assert np.allclose(plain.joints_m, packed.joints_m, atol=1e-6)
    assert plain.times_s[0] == packed.times_s[0] == 0
    shared = [V2.index(name) for name in names if name in V2]
    assert np.allclose(packed.joints_m[:, shared], joints[:, [names.index(V2[k]) for k in shared]])


def test_columns_may_come_in_any_order_or_without_names(tmp_path: Path) -> None:
    joints, times = _standing(_moving_joints(4)), np.arange(4) / 30
    header = [f"{name}_{axis}" for name in V2 for axis in "xyz"]
    order = np.random.default_rng(1).permutation(75)
    flat = joints.reshape(4, 75)
    mixed = read_joint_track(
        _write_csv(tmp_path / "m.csv", times, flat[:, order], ["time_s", *(header[k] for k in order)])
    )
    nameless = read_joint_track(_write_csv(tmp_path / "n.csv", times, flat, ["time_s", *(f"c{k}" for k in range(75))]))
    assert np.allclose(mixed.joints_m, joints, atol=1e-6)
    assert np.allclose(nameless.joints_m, joints, atol=1e-6)


def test_a_standing_persons_movement_lies_in_the_bed_with_the_same_distances() -> None:
    own = _moving_joints()
    track = checked_track(np.arange(60) / 30, _standing(own), "own")
    played = bed_joints_of(track)[:, :KINECT_JOINTS]
    for a, b in ((Joint.SHOULDER_L, Joint.WRIST_L), (Joint.HEAD, Joint.FOOT_R), (Joint.HAND_L, Joint.HAND_R)):
        expected, got = (np.linalg.norm(x[:, a] - x[:, b], axis=1) for x in (own, played))
        assert np.allclose(expected, got, atol=1e-6)
    assert (played[:, Joint.HEAD, 1] > played[:, Joint.FOOT_L, 1]).all()
    assert (played[:, Joint.SHOULDER_L, 0] > played[:, Joint.SHOULDER_R, 0]).all()
    assert stature_of(track) == pytest.approx(patient_of(3).stature_mm, rel=0.03)


def test_a_played_bed_shows_the_movement_with_true_joints_and_starts_again() -> None:
    bed = PlayedBed(
        checked_track(np.arange(60) / 30, _standing(_moving_joints()), "own"), 3, STAGE, width=128, height=106
    )
    first, later, again = bed.at(0.2), bed.at(1.1), bed.at(0.2 + bed.track.duration_s)
    assert first.joints_mm.shape == (25, 3)
    assert np.abs(first.joints_mm - later.joints_mm).max() > 20
    assert np.allclose(first.joints_mm, again.joints_mm, atol=1e-3)
    assert np.array_equal(first.depth_mm, bed.at(0.2).depth_mm)
    head = first.joints_mm[Joint.HEAD]
    camera = bed._view.painter.camera
    u, v = round(camera.fx * head[0] / head[2] + camera.cx), round(camera.fy * head[1] / head[2] + camera.cy)
    patch = first.depth_mm[v - 1 : v + 2, u - 1 : u + 2]
    assert -40 < head[2] - np.median(patch[patch > 0]) < 200


GOOD = _standing(_moving_joints(6))
TIMES = np.arange(6) / 30


@pytest.mark.parametrize(
    ("times", "joints", "word"),
    [
        (TIMES, GOOD[:, :24], "20 or 25 or 32"),
        (TIMES[:5], GOOD, "times of shape"),
        (TIMES[:1], GOOD[:1], "frames"),
        (TIMES, GOOD * np.nan, "finite"),
        (TIMES[::-1], GOOD, "rise"),
        (TIMES * 60, GOOD, "rise by at most"),
        (TIMES, GOOD * 1000, "in metres"),
        (TIMES, GOOD * 0.1, "in metres"),
    ],
)
def test_what_cannot_be_a_persons_movement_is_refused_in_a_sentence(times: Floats, joints: Floats, word: str) -> None:
    with pytest.raises(Refused, match=word):
        checked_track(times, joints, "the file")


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.csv", b"x,y\n1,2\n", "time_s"),
        ("a.csv", b"time_s,a\n0,1\n", "2 columns"),
        ("a.csv", b"", "time_s"),
        ("a.csv", b"\xff\xfe\x00", "UTF-8"),
        ("a.csv", ("time_s," + ",".join(f"c{k}" for k in range(60)) + "\n0,1\n").encode(), "Line 2"),
        (
            "a.csv",
            ("time_s," + ",".join(f"c{k}" for k in range(60)) + "\n" + ",".join(["x"] * 61) + "\n").encode(),
            "no number",
        ),
        ("a.npz", b"not a zip", "NPZ"),
        ("a.txt", b"", ".csv or .npz"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(name: str, content: bytes, word: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused, match=word):
        read_joint_track(tmp_path / name)


def test_a_missing_file_and_an_archive_without_joints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        read_joint_track(tmp_path / "none.csv")
    np.savez(tmp_path / "a.npz", times_s=TIMES)
    with pytest.raises(Refused, match="joints_m"):
        read_joint_track(tmp_path / "a.npz")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["csv", "npz"]))
def test_any_bytes_are_read_or_refused(content: bytes, suffix: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"any.{suffix}"
        path.write_bytes(content)
        try:
            assert isinstance(read_joint_track(path), JointTrack)
        except Refused as refusal:
            assert str(refusal).endswith((".", "?"))


def test_the_sets_have_the_joints_they_are_named_for() -> None:
    assert all(len(names) == len(set(names)) == count for count, names in SETS.items())
