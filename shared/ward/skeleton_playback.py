"""Motion captured from people put in the ward's bed: a joint track drives the same flesh, blanket, camera and sensor.

The track's joints are used directly: flesh hangs on them, no angles are sought in between. The person is laid down by one rigid
motion of the whole track (mean trunk along the bed, mean shoulders across it), scaled by nothing, and rests on the mattress as a
simulated patient does. Frames between the track's are linear between two.
"""

import numpy as np
from numpy.typing import NDArray

from shared.ward.camera import KINECT_V2, CameraModel
from shared.ward.joint_tracks import JointTrack
from shared.ward.night import Night
from shared.ward.patient import patient_of
from shared.ward.skeleton import JOINTS, KINECT_JOINTS, Joint
from shared.ward.stage import Stage, StagedNight
from shared.ward.view import View
from shared.ward.ward import Scene

Floats = NDArray[np.float64]
PELVIS_MM = np.array([0.0, 980.0, 0.0])
LIFT_MM = 120.0


def bed_joints_of(track: JointTrack) -> Floats:
    """The track in the bed's axes: (n, JOINTS, 3) in mm, supine, pelvis over the middle of the bed on average, with joints of flesh."""
    joints = track.joints_m * 1000.0
    centre = joints.mean(axis=0)
    along = centre[Joint.SPINE_SHOULDER] - centre[Joint.SPINE_BASE]
    along /= np.linalg.norm(along)
    across = centre[Joint.SHOULDER_L] - centre[Joint.SHOULDER_R] + centre[Joint.HIP_L] - centre[Joint.HIP_R]
    across -= along * (across @ along)
    length = np.linalg.norm(across)
    across = across / length if length > 1.0 else np.cross(along, [0.0, 0.0, 1.0])
    turn = np.stack([across, along, np.cross(across, along)])
    placed = (joints - centre[Joint.SPINE_BASE]) @ turn.T + PELVIS_MM
    placed[..., 2] += LIFT_MM
    return _with_flesh(placed)


def _with_flesh(joints: Floats) -> Floats:
    """Kinect joints (n, 25, 3) with the ward's own joints of flesh behind them (n, JOINTS, 3), put by the trunk's axes."""
    out = np.empty((len(joints), JOINTS, 3))
    out[:, :KINECT_JOINTS] = joints
    base, mid, top = joints[:, Joint.SPINE_BASE], joints[:, Joint.SPINE_MID], joints[:, Joint.SPINE_SHOULDER]
    neck, head = joints[:, Joint.NECK], joints[:, Joint.HEAD]
    up = top - base
    length = np.linalg.norm(up, axis=1, keepdims=True)
    left = joints[:, Joint.SHOULDER_L] - joints[:, Joint.SHOULDER_R]
    left = left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1.0)
    front = np.cross(left, up / np.maximum(length, 1.0))
    size = length / 0.275  # the trunk's share of stature in this ward
    out[:, Joint.BELLY] = 0.5 * (base + mid) + 0.012 * size * front
    for side, sign in (("L", 1.0), ("R", -1.0)):
        out[:, Joint[f"RIB_{side}"]] = top + sign * 0.058 * size * left - 0.05 * up / 0.275
        out[:, Joint[f"FLANK_{side}"]] = mid + sign * 0.048 * size * left - 0.01 * up / 0.275
    axis = (head - neck) / np.maximum(np.linalg.norm(head - neck, axis=1, keepdims=True), 1.0)
    out[:, Joint.JAW] = head - 0.030 * size * axis + 0.032 * size * front
    out[:, Joint.CROWN] = head + 0.022 * size * axis - 0.016 * size * front
    return out


def stature_of(track: JointTrack) -> float:
    """The person's stature in mm as the trunk tells it, within that of the ward's patients."""
    trunk = np.linalg.norm(track.joints_m[:, Joint.SPINE_SHOULDER] - track.joints_m[:, Joint.SPINE_BASE], axis=1)
    return float(np.clip(1000.0 * np.median(trunk) / 0.275, 1000.0, 2200.0))


class PlayedBed:
    """A track in a bed of the second ward: `at` seconds from its start as depth, infrared and true joints; past its end it starts again."""

    def __init__(
        self, track: JointTrack, patient_seed: int, stage: Stage, camera: CameraModel = KINECT_V2,
        width: int = 512, height: int = 424,
    ) -> None:  # fmt: skip
        self.track = track
        self.night: Night = StagedNight(patient_seed, 0, max(track.duration_s, 1e-3), (), stage)
        self._joints = bed_joints_of(track)
        self._softness = min(1.0, width / KINECT_V2.width)
        self._view = View(self.night, patient_of(patient_seed), camera.scaled(width, height))
        self._stature_mm = stature_of(track)

    def at(self, t_s: float) -> Scene:
        """What the sensor gives at an instant."""
        t = t_s % self.night.duration_s
        after = int(np.clip(np.searchsorted(self.track.times_s, t, "right"), 1, len(self.track.times_s) - 1))
        t0, t1 = self.track.times_s[after - 1], self.track.times_s[after]
        share = (t - t0) / (t1 - t0)
        joints = self._joints[after - 1] * (1.0 - share) + self._joints[after] * share
        shape = self._view.painter.ideal_joints(joints, self._stature_mm).depth.shape
        depth_mm, ir = np.empty(shape, np.uint16), np.empty(shape, np.uint16)
        self._view.expose(t_s, self._softness, depth_mm, ir)
        true = self._view.pose.to_camera(self._view.painter.joints[:KINECT_JOINTS]).astype(np.float32)
        return Scene(depth_mm, ir, true)
