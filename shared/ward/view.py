"""One night before one camera: motion, painter and sensor as the night's ward wants them. The first ward and the second behind one face."""

import numpy as np
from numpy.typing import NDArray

from shared.ward.camera import CameraModel, CameraPose, camera_pose_of
from shared.ward.choreography import Choreography, Movement
from shared.ward.exposure import disturb, tint_lit
from shared.ward.motion import InertMotion
from shared.ward.night import Night
from shared.ward.painter import Canvas, Painter
from shared.ward.patient import Patient
from shared.ward.room import COLOURS
from shared.ward.sensor import tint
from shared.ward.skeleton import Joint
from shared.ward.stage import StagedNight, light_at, pose_at, sun_at

Frame16 = NDArray[np.uint16]
CHEST_MM = np.array([0.0, 1300.0, 120.0])
TORCH_RADIUS_MM = 420.0


def motion_of(night: Night, patient: Patient) -> Choreography | InertMotion:
    """All motion of a night: wished-for poses in the first ward, bodies with inertia and joint limits in the second."""
    plain = Choreography(night, patient)
    return InertMotion(plain) if isinstance(night, StagedNight) else plain


def frame_key(night: Night, t_s: float) -> int:
    """The noise key of an instant: differs for each microsecond, night and patient."""
    instant = (night.patient_seed, night.night_seed, round(abs(t_s) * 1e6))
    mixed = np.random.SeedSequence(instant).generate_state(1, np.uint64)
    return int(mixed[0] >> np.uint64(1))


class View:
    """A patient's night as one camera model sees it; paints and exposes one instant after another."""

    def __init__(self, night: Night, patient: Patient, camera: CameraModel) -> None:
        self.night = night
        self._staged = night if isinstance(night, StagedNight) else None
        self.pose: CameraPose = (
            pose_at(night, 0.0)[0] if isinstance(night, StagedNight) else camera_pose_of(night.patient_seed)
        )
        self.painter = Painter(patient, night.night_seed, camera, self.pose, staged=self._staged is not None)
        self._held = (0, 0.0)

    def paint(self, movement: Movement, index: int, t_s: float) -> Canvas:
        """The ideal image of one instant; turns the camera first where it was knocked."""
        if self._staged is not None:
            pose, held = pose_at(self._staged, t_s % self.night.duration_s)
            if held != self._held:
                self.pose, self._held = pose, held
                self.painter.turn_to(pose)
        return self.painter.ideal(movement, index)

    def expose(self, t_s: float, softness: float, depth_mm: Frame16, ir: Frame16) -> None:
        """Put what was painted last through the sensor into depth_mm and ir (H, W) uint16."""
        key = frame_key(self.night, t_s)
        self.painter.expose(key, softness, depth_mm, ir)
        if self._staged is not None:
            sun = sun_at(self._staged, t_s % self.night.duration_s)
            disturb(self.painter.canvas.depth, sun, softness, key, depth_mm, ir)

    def tint(self, t_s: float, picture: NDArray[np.uint8]) -> None:
        """Colour of what was painted last into picture (H, W, 3)."""
        canvas, key = self.painter.canvas, frame_key(self.night, t_s)
        if self._staged is None:
            tint(canvas.shade, canvas.label, COLOURS, key, picture)
            return
        light = light_at(self._staged, t_s % self.night.duration_s)
        camera = self.painter.camera
        chest = self.pose.to_camera(0.5 * (self.painter.joints[Joint.SPINE_SHOULDER] + CHEST_MM))
        near = max(float(chest[2]), 300.0)
        spot = np.array(
            [
                camera.fx * chest[0] / near + camera.cx,
                camera.fy * chest[1] / near + camera.cy,
                camera.fx * TORCH_RADIUS_MM / near,
            ]
        )
        tint_lit(
            canvas.shade, canvas.label, COLOURS, key, np.array([light.level, light.warmth, light.torch]), spot, picture
        )
