"""The simulated ward: a planned night before a Kinect, any instant of it as depth, infrared, colour and true joints. Deterministic."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.ward.camera import KINECT_V2, KINECT_V2_COLOUR, CameraModel, camera_pose_of
from shared.ward.choreography import Choreography
from shared.ward.night import Night
from shared.ward.painter import Painter
from shared.ward.patient import patient_of
from shared.ward.room import COLOURS
from shared.ward.sensor import tint
from shared.ward.skeleton import KINECT_JOINTS

SMALLEST_SIDE, LARGEST_SIDE = 16, 4096


@dataclass(frozen=True)
class Scene:
    """One capture: depth_mm and ir (H, W) uint16 (depth 0 = none), joints_mm (25, 3) float32, true, in the camera frame, Kinect v2 order."""

    depth_mm: NDArray[np.uint16]
    ir: NDArray[np.uint16]
    joints_mm: NDArray[np.float32]


def frame_key(night: Night, t_s: float) -> int:
    """The noise key of an instant: differs for each microsecond, night and patient."""
    instant = (night.patient_seed, night.night_seed, round(abs(t_s) * 1e6))
    mixed = np.random.SeedSequence(instant).generate_state(1, np.uint64)
    return int(mixed[0] >> np.uint64(1))


class Ward:
    """One bed of the ward through one night; times past its end start the night again, with fresh noise.

    Raises ValueError for a size outside 16 to 4096 pixels.
    """

    def __init__(self, night: Night, camera: CameraModel = KINECT_V2, width: int = 512, height: int = 424) -> None:
        for name, side in (("width", width), ("height", height)):
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise ValueError(f"{name} must be from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, got {side}")
        self.night = night
        self.patient = patient_of(night.patient_seed)
        self.pose = camera_pose_of(night.patient_seed)
        self._choreography = Choreography(night, self.patient)
        self._softness = min(1.0, width / KINECT_V2.width)
        self._painter = Painter(self.patient, night.night_seed, camera.scaled(width, height), self.pose)
        self._colour_painters: dict[tuple[int, int], Painter] = {}

    def at(self, t_s: float) -> Scene:
        """What the sensor gives at t_s seconds from the night's start."""
        movement = self._choreography.at(np.array([t_s], np.float64))
        painter = self._painter
        shape = painter.ideal(movement, 0).depth.shape
        depth_mm, ir = np.empty(shape, np.uint16), np.empty(shape, np.uint16)
        painter.expose(frame_key(self.night, t_s), self._softness, depth_mm, ir)
        joints = self.pose.to_camera(painter.joints[:KINECT_JOINTS]).astype(np.float32)
        return Scene(depth_mm, ir, joints)

    def colour(self, t_s: float, width: int, height: int) -> NDArray[np.uint8]:
        """The colour camera's picture (height, width, 3) RGB at t_s, in a dimly lit room, with its grain."""
        if (width, height) not in self._colour_painters:
            self._colour_painters[(width, height)] = self._colour_painter(width, height)
        painter = self._colour_painters[(width, height)]
        canvas = painter.ideal(self._choreography.at(np.array([t_s], np.float64)), 0)
        picture = np.empty((height, width, 3), np.uint8)
        tint(canvas.shade, canvas.label, COLOURS, frame_key(self.night, t_s), picture)
        return picture

    def _colour_painter(self, width: int, height: int) -> Painter:
        for name, side in (("width", width), ("height", height)):
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise ValueError(f"{name} must be from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, got {side}")
        return Painter(self.patient, self.night.night_seed, KINECT_V2_COLOUR.scaled(width, height), self.pose)
