"""The simulated ward: a planned night before a Kinect, any instant of it as depth, infrared, colour and true joints. Deterministic."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.ward.camera import KINECT_V2, KINECT_V2_COLOUR, CameraModel, CameraPose
from shared.ward.night import Night
from shared.ward.patient import patient_of
from shared.ward.skeleton import KINECT_JOINTS
from shared.ward.view import View, frame_key, motion_of

SMALLEST_SIDE, LARGEST_SIDE = 16, 4096
__all__ = ["Scene", "Ward", "frame_key"]


@dataclass(frozen=True)
class Scene:
    """One capture: depth_mm and ir (H, W) uint16 (depth 0 = none), joints_mm (25, 3) float32, true, in the camera frame, Kinect v2 order."""

    depth_mm: NDArray[np.uint16]
    ir: NDArray[np.uint16]
    joints_mm: NDArray[np.float32]


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
        self._choreography = motion_of(night, self.patient)
        self._softness = min(1.0, width / KINECT_V2.width)
        self._view = View(night, self.patient, camera.scaled(width, height))
        self._painter = self._view.painter
        self._colour_views: dict[tuple[int, int], View] = {}

    @property
    def pose(self) -> CameraPose:
        """How the camera hung at the last frame."""
        return self._view.pose

    def at(self, t_s: float) -> Scene:
        """What the sensor gives at t_s seconds from the night's start."""
        movement = self._choreography.at(np.array([t_s], np.float64))
        shape = self._view.paint(movement, 0, t_s).depth.shape
        depth_mm, ir = np.empty(shape, np.uint16), np.empty(shape, np.uint16)
        self._view.expose(t_s, self._softness, depth_mm, ir)
        joints = self.pose.to_camera(self._painter.joints[:KINECT_JOINTS]).astype(np.float32)
        return Scene(depth_mm, ir, joints)

    def colour(self, t_s: float, width: int, height: int) -> NDArray[np.uint8]:
        """The colour camera's picture (height, width, 3) RGB at t_s, as light as the room is, with its grain."""
        if (width, height) not in self._colour_views:
            self._colour_views[(width, height)] = self._colour_view(width, height)
        view = self._colour_views[(width, height)]
        view.paint(self._choreography.at(np.array([t_s], np.float64)), 0, t_s)
        picture = np.empty((height, width, 3), np.uint8)
        view.tint(t_s, picture)
        return picture

    def _colour_view(self, width: int, height: int) -> View:
        for name, side in (("width", width), ("height", height)):
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise ValueError(f"{name} must be from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, got {side}")
        return View(self.night, self.patient, KINECT_V2_COLOUR.scaled(width, height))
