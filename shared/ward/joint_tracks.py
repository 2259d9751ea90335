"""Joint trajectory files of people, read and checked: Kinect joint sets of 20, 25 or 32 joints, CSV or NPZ, metres.

CSV: a header `time_s,<joint>_x,<joint>_y,<joint>_z,...` with the joints' names in any order, or no names (`time_s` and then x, y, z of
each joint in the set's own order); one row a frame. NPZ: `times_s` (n,) seconds and `joints_m` (n, J, 3) metres, in the set's order.
The sets are those of Kinect v1 (20), Kinect v2 (25) and Azure Kinect (32), in the order of their SDKs.
"""

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import Refused
from shared.ward.skeleton import KINECT_JOINTS, Joint

Floats = NDArray[np.float64]
LARGEST_FILE_BYTES = 256 * 1024 * 1024
MOST_FRAMES = 400_000
FARTHEST_M = 20.0
LONGEST_GAP_S = 1.0
TRUNK_M = (0.15, 1.0)
"""Shortest and longest believable way from the pelvis to between the shoulders: a file in millimetres falls outside."""

V2 = tuple(joint.name.lower() for joint in list(Joint)[:KINECT_JOINTS])
V1 = ("spine_base", "spine_mid", "spine_shoulder", "head", "shoulder_l", "elbow_l", "wrist_l", "hand_l", "shoulder_r", "elbow_r",
      "wrist_r", "hand_r", "hip_l", "knee_l", "ankle_l", "foot_l", "hip_r", "knee_r", "ankle_r", "foot_r")  # fmt: skip
AZURE = ("spine_base", "spine_mid", "chest", "neck", "clavicle_l", "shoulder_l", "elbow_l", "wrist_l", "hand_l", "hand_tip_l", "thumb_l",
         "clavicle_r", "shoulder_r", "elbow_r", "wrist_r", "hand_r", "hand_tip_r", "thumb_r", "hip_l", "knee_l", "ankle_l", "foot_l",
         "hip_r", "knee_r", "ankle_r", "foot_r", "head", "nose", "eye_l", "ear_l", "eye_r", "ear_r")  # fmt: skip
SETS: dict[int, tuple[str, ...]] = {20: V1, 25: V2, 32: AZURE}


@dataclass(frozen=True)
class JointTrack:
    """times_s (n,) rising seconds from 0; joints_m (n, 25, 3) metres in the order of Kinect v2, in the file's own axes."""

    times_s: Floats
    joints_m: Floats

    @property
    def duration_s(self) -> float:
        """From the first frame to the last."""
        return float(self.times_s[-1])


def read_joint_track(path: Path) -> JointTrack:
    """Read a trajectory file. Refused, in one sentence, for a file that is not one."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Refused(f"The joint file {path.name} cannot be read: {error.strerror}.") from error
    if size > LARGEST_FILE_BYTES:
        raise Refused(f"The joint file {path.name} has {size} bytes; the limit is {LARGEST_FILE_BYTES}.")
    if path.suffix.lower() == ".npz":
        times_s, joints_m = _from_npz(path)
    elif path.suffix.lower() == ".csv":
        times_s, joints_m = _from_csv(path)
    else:
        raise Refused(f"The joint file {path.name} must end in .csv or .npz.")
    return checked_track(times_s, joints_m, path.name)


def checked_track(times_s: Floats, joints_m: Floats, name: str) -> JointTrack:
    """A track of times (n,) and joints (n, 20 | 25 | 32, 3) after all checks. Refused for what cannot be a person's movement."""
    if joints_m.ndim != 3 or joints_m.shape[1] not in SETS or joints_m.shape[2] != 3:
        raise Refused(f"The joints of {name} must be (frames, 20 or 25 or 32, 3), not {joints_m.shape}.")
    if times_s.shape != (len(joints_m),):
        raise Refused(f"{name} has {len(joints_m)} frames but times of shape {times_s.shape}.")
    if not 2 <= len(times_s) <= MOST_FRAMES:
        raise Refused(f"{name} has {len(times_s)} frames; it must have 2 to {MOST_FRAMES}.")
    if not (np.isfinite(times_s).all() and np.isfinite(joints_m).all()):
        raise Refused(f"{name} holds a value that is no finite number.")
    steps = np.diff(times_s)
    if (steps <= 0).any() or steps.max() > LONGEST_GAP_S:
        row = int(np.argmax((steps <= 0) | (steps > LONGEST_GAP_S))) + 1
        raise Refused(
            f"The times of {name} must rise by at most {LONGEST_GAP_S:.0f} s from frame to frame; frame {row} does not."
        )
    if np.abs(joints_m).max() > FARTHEST_M:
        raise Refused(f"A joint of {name} lies beyond {FARTHEST_M:.0f} m; coordinates must be in metres.")
    joints = _as_kinect_v2(joints_m)
    trunk = float(np.median(np.linalg.norm(joints[:, Joint.SPINE_SHOULDER] - joints[:, Joint.SPINE_BASE], axis=1)))
    if not TRUNK_M[0] <= trunk <= TRUNK_M[1]:
        raise Refused(
            f"The trunk of {name} is {trunk:.3g} m long; it must be {TRUNK_M[0]} to {TRUNK_M[1]} m: is the file in metres?"
        )
    return JointTrack(times_s - times_s[0], joints)


def _as_kinect_v2(joints_m: Floats) -> Floats:
    """Joints of any set (n, J, 3) as those of Kinect v2 (n, 25, 3); what a set lacks is put where it must about be."""
    names = SETS[joints_m.shape[1]]
    given = {name: joints_m[:, number] for number, name in enumerate(names)}
    if len(names) == 32:
        given["spine_shoulder"] = 0.5 * (given["clavicle_l"] + given["clavicle_r"])
    if "neck" not in given:
        given["neck"] = given["spine_shoulder"] + 0.3 * (given["head"] - given["spine_shoulder"])
    for side in "lr":
        hand, wrist = given[f"hand_{side}"], given[f"wrist_{side}"]
        given.setdefault(f"hand_tip_{side}", hand + (hand - wrist))
        given.setdefault(f"thumb_{side}", hand + 0.3 * (hand - wrist))
    return np.stack([given[name] for name in V2], axis=1)


def _from_npz(path: Path) -> tuple[Floats, Floats]:
    try:
        with zipfile.ZipFile(path) as archive:
            inflated = sum(entry.file_size for entry in archive.infolist())
        if inflated > LARGEST_FILE_BYTES:
            raise Refused(f"The joint file {path.name} unpacks to {inflated} bytes; the limit is {LARGEST_FILE_BYTES}.")
        with np.load(path, allow_pickle=False) as held:
            missing = {"times_s", "joints_m"} - set(held.files)
            if missing:
                raise Refused(f"The joint file {path.name} lacks the array {sorted(missing)[0]}.")
            return np.asarray(held["times_s"], np.float64), np.asarray(held["joints_m"], np.float64)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        raise Refused(f"The joint file {path.name} is no NPZ file of numbers.") from error


def _from_csv(path: Path) -> tuple[Floats, Floats]:
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"The joint file {path.name} is no CSV file in UTF-8.") from error
    rows = [row for row in rows if row]
    if not rows or not rows[0] or rows[0][0].strip().lower() != "time_s":
        raise Refused(f"The first column of {path.name} must be headed time_s.")
    header, body = [cell.strip().lower() for cell in rows[0]], rows[1:]
    if len(body) > MOST_FRAMES:
        raise Refused(f"{path.name} has {len(body)} frames; it must have 2 to {MOST_FRAMES}.")
    if (len(header) - 1) % 3 or (len(header) - 1) // 3 not in SETS:
        raise Refused(
            f"{path.name} has {len(header)} columns; it must have time_s and three for each of 20, 25 or 32 joints."
        )
    for number, row in enumerate(body, 2):
        if len(row) != len(header):
            raise Refused(f"Line {number} of {path.name} has {len(row)} columns, the header {len(header)}.")
    try:
        values = np.array(body, np.float64).reshape(len(body), len(header))
    except ValueError as error:
        raise Refused(f"{path.name} holds a cell that is no number.") from error
    order = _columns(header[1:], path.name)
    return values[:, 0], values[:, 1:][:, order].reshape(len(body), -1, 3)


def _columns(names: list[str], name: str) -> list[int]:
    """Where the columns of the set's own order stand in a header."""
    joints = SETS[len(names) // 3]
    wanted = [f"{joint}_{axis}" for joint in joints for axis in "xyz"]
    if set(names) == set(wanted):
        return [names.index(column) for column in wanted]
    if any(column in wanted for column in names):
        lacking = sorted(set(wanted) - set(names))[0]
        raise Refused(f"The header of {name} lacks {lacking}, or names a column twice.")
    return list(range(len(names)))
