"""What never moves: floor, wall, mattress, pillow, rails; drawn once per camera as the background of every frame.

All numbers in mm in the bed frame (`shared.ward.camera`); the mattress's top is z = 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.ward.camera import CameraModel, CameraPose
from shared.ward.raster import draw_capsule
from shared.ward.skeleton import Material

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Labels = NDArray[np.uint8]
FLOOR_MM = -600.0
WALL_X_MM = 2600.0

# Near-infrared reflectance by material, in the order of Material.
ALBEDO = np.array([0.0, 0.22, 0.50, 0.74, 0.82, 0.42, 0.60, 0.28, 0.52, 0.44, 0.63, 0.78, 0.57, 0.30])
# What the colour camera sees, RGB, in the order of Material.
COLOURS = np.array([[0, 0, 0], [120, 116, 110], [205, 200, 186], [232, 234, 238], [244, 244, 246], [150, 154, 160],
                    [224, 178, 150], [74, 52, 40], [150, 180, 205], [90, 104, 138], [98, 138, 152], [238, 240, 240],
                    [214, 164, 136], [60, 110, 100]], np.float32)  # fmt: skip

_BOXES = (  # low corner, high corner, material
    ((-450.0, 0.0, -160.0), (450.0, 2030.0, 0.0), Material.SHEET),
    ((-480.0, 2030.0, -300.0), (480.0, 2070.0, 330.0), Material.METAL),
    ((-480.0, -50.0, -300.0), (480.0, -10.0, 60.0), Material.METAL),
    ((-500.0, -40.0, -320.0), (500.0, 2060.0, -170.0), Material.METAL),
    ((700.0, 1500.0, -600.0), (1150.0, 1950.0, 100.0), Material.WALL),
)


@dataclass(frozen=True)
class Background:
    """Ideal images of the empty room, each (H, W): depth in mm, shade, material."""

    depth: Image
    shade: Image
    label: Labels


def _rails(rng: np.random.Generator) -> list[tuple[Floats, Floats, float, Material]]:
    parts = []
    for side in (-1.0, 1.0):
        high = float(rng.choice((190.0, 60.0)))
        y0, y1 = 700.0 + rng.uniform(-60, 60), 1700.0
        for z in np.linspace(40.0, high, 2):
            parts.append((np.array([side * 485, y0, z]), np.array([side * 485, y1, z]), 14.0, Material.METAL))
        for y in (y0, (y0 + y1) / 2, y1):
            parts.append((np.array([side * 485, y, -150.0]), np.array([side * 485, y, high]), 11.0, Material.METAL))
    pole = np.array([-760.0 - rng.uniform(0, 120), 1800.0, FLOOR_MM])
    parts.append((pole, pole + np.array([0, 0, 1900.0]), 13.0, Material.METAL))
    parts.append((pole + np.array([0, 0, 1600.0]), pole + np.array([0, 0, 1850.0]), 50.0, Material.PILLOW))
    for y, radius in ((1730.0, 62.0), (1780.0, 82.0), (1835.0, 90.0), (1890.0, 82.0), (1940.0, 62.0)):
        parts.append((np.array([-210.0, y, -10.0]), np.array([210.0, y, -10.0]), radius, Material.PILLOW))
    return parts


def _draw_plane(axis: int, level: float, material: int, rays: Floats, eye: Floats, into: Background) -> None:
    step = (level - eye[axis]) / np.where(np.abs(rays[axis]) < 1e-9, 1e-9, rays[axis])
    nearer = (step > 0) & (step < into.depth)
    into.depth[nearer] = step[nearer]
    cosine = np.abs(rays[axis]) / np.sqrt((rays**2).sum(axis=0))
    into.shade[nearer] = cosine[nearer]
    into.label[nearer] = material


def _draw_box(low: Floats, high: Floats, material: int, rays: Floats, eye: Floats, into: Background) -> None:
    safe = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    t0, t1 = (low - eye)[:, None, None] / safe, (high - eye)[:, None, None] / safe
    enter, leave = np.minimum(t0, t1), np.maximum(t0, t1)
    first = enter.max(axis=0)
    nearer = (first < leave.min(axis=0)) & (first > 0) & (first < into.depth)
    facing = np.choose(enter.argmax(axis=0), np.abs(rays))
    cosine = facing / np.sqrt((rays**2).sum(axis=0))
    into.depth[nearer] = first[nearer]
    into.shade[nearer] = cosine[nearer]
    into.label[nearer] = material


def background_of(bed_seed: int, camera: CameraModel, pose: CameraPose, *, walled: bool = False) -> Background:
    """Draw the empty room of a bed as the camera sees it, without noise; walled: with walls to both sides too."""
    shape = (camera.height, camera.width)
    into = Background(np.full(shape, 1e5, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.uint8))
    v, u = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float64)
    pixels = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(shape)])
    rays = np.tensordot(pose.rotation.T, pixels, 1)
    _draw_plane(2, FLOOR_MM, Material.FLOOR, rays, pose.position_mm, into)
    _draw_plane(1, 2250.0, Material.WALL, rays, pose.position_mm, into)
    for level in (-WALL_X_MM, WALL_X_MM) if walled else ():
        _draw_plane(0, level, Material.WALL, rays, pose.position_mm, into)
    for low, high, material in _BOXES:
        _draw_box(np.array(low), np.array(high), material, rays, pose.position_mm, into)
    lens = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
    for a, b, radius, material in _rails(np.random.default_rng((bed_seed, 0x8ED))):
        draw_capsule(
            pose.to_camera(a), pose.to_camera(b), radius, int(material), lens, into.depth, into.shade, into.label
        )
    return into
