"""The camera of the ward: a pinhole model in pixels, and where it hangs for a given bed.

Camera frame: x right, y down, z away from the lens, in mm. Bed frame: x to the supine patient's left, y from foot to head, z up,
zero in the middle of the foot end of the mattress's top.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class CameraModel:
    """A pinhole: size in pixels, focal lengths and principal point in pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def scaled(self, width: int, height: int) -> "CameraModel":
        """The same view sampled at another size (pixel centres at whole numbers)."""
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return CameraModel(width, height, self.fx * sx, self.fy * sy, cx, cy)


# Depth camera of the Kinect v2, nominal intrinsics as its SDK reports them.
KINECT_V2 = CameraModel(width=512, height=424, fx=365.5, fy=365.5, cx=255.5, cy=211.5)
# Colour camera of the Kinect v2: 1920 x 1080, about 84 by 54 degrees.
KINECT_V2_COLOUR = CameraModel(width=1920, height=1080, fx=1081.0, fy=1081.0, cx=959.5, cy=539.5)


@dataclass(frozen=True)
class CameraPose:
    """Where the camera hangs: rotation (3, 3) from bed to camera axes, position (3,) in mm in the bed frame."""

    rotation: Vector
    position_mm: Vector

    def to_camera(self, points_mm: Vector) -> Vector:
        """Bed coordinates (..., 3) in mm to camera coordinates (..., 3) in mm."""
        turned: Vector = (points_mm - self.position_mm) @ self.rotation.T
        return turned


def look_at(position_mm: Vector, target_mm: Vector, tilt_rad: float) -> CameraPose:
    """A camera at a position, its optical axis through the target, turned about that axis by a small tilt."""
    forward = (target_mm - position_mm) / np.linalg.norm(target_mm - position_mm)
    right = np.cross(forward, np.array([0.0, 0.0, 1.0]))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cosine, sine = np.cos(tilt_rad), np.sin(tilt_rad)
    rotation = np.stack([cosine * right + sine * down, cosine * down - sine * right, forward])
    return CameraPose(rotation, position_mm)


def camera_pose_of(bed_seed: int) -> CameraPose:
    """The fixed pose of one bed's camera: at the foot end, under the ceiling, a little to one side; drawn by seed."""
    rng = np.random.default_rng((bed_seed, 0xCA3E7A))
    position = np.array([rng.uniform(-450, 450), rng.uniform(-900, -150), rng.uniform(1450, 1900)])
    target = np.array([rng.uniform(-80, 80), rng.uniform(930, 1120), 0.0])
    return look_at(position, target, float(rng.uniform(-0.06, 0.06)))
