"""Draws one instant of the ward for one camera: bodies, blanket and room into ideal images, then through the sensor (numba)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.ward.blanket import CELL_MM, COLUMNS, FOOT_MM, ROWS, creases_of, drape, fold, height_at
from shared.ward.camera import CameraModel, CameraPose
from shared.ward.choreography import Movement
from shared.ward.compiled import compiled
from shared.ward.patient import Patient
from shared.ward.raster import draw_blanket, draw_capsule
from shared.ward.room import ALBEDO, Background, background_of
from shared.ward.sensor import expose, spread_of
from shared.ward.skeleton import (
    CAPSULE_RADII,
    CAPSULES,
    CHEST_CAPSULES,
    JOINTS,
    Joint,
    Material,
    joints_of,
    rest_on_bed,
    settle,
)

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Labels = NDArray[np.uint8]
Depth = NDArray[np.uint16]

_ARMS = np.array([[Joint.ELBOW_L, 0.0215], [Joint.WRIST_L, 0.02], [Joint.HAND_L, 0.019], [Joint.HAND_TIP_L, 0.019],
                  [Joint.THUMB_L, 0.011], [Joint.ELBOW_R, 0.0215], [Joint.WRIST_R, 0.02], [Joint.HAND_R, 0.019],
                  [Joint.HAND_TIP_R, 0.019], [Joint.THUMB_R, 0.011]])  # fmt: skip
_NECK_CAPSULE = 7  # capsules of neck and head are never under the blanket
_HEAD_CAPSULES_END = 11
_STAFF_OF = np.arange(len(Material))
_STAFF_OF[Material.SKIN], _STAFF_OF[Material.GOWN], _STAFF_OF[Material.TROUSERS] = 12, 11, 13


@compiled
def flesh(joints: Floats, stature_mm: float, girth: float, breath_mm: float, out: Floats) -> None:
    """Capsules (S, 7) around joints: two ends and a radius, in mm; the chest swells with breath."""
    for s in range(CAPSULES.shape[0]):
        a, b = CAPSULES[s, 0], CAPSULES[s, 1]
        for i in range(3):
            out[s, i], out[s, 3 + i] = joints[a, i], joints[b, i]
        radius = CAPSULE_RADII[s] * stature_mm
        out[s, 6] = radius * girth + breath_mm if s < CHEST_CAPSULES else radius * (0.5 + 0.5 * girth)
        if _NECK_CAPSULE <= s < _HEAD_CAPSULES_END:
            out[s, 6] = radius


@compiled
def _lift_arms(joints: Floats, field: Floats, stature_mm: float, top_mm: float) -> None:
    """Lay arms that are out of bed on top of the blanket."""
    for k in range(_ARMS.shape[0]):
        j = int(_ARMS[k, 0])
        if joints[j, 1] < top_mm:
            least = height_at(field, joints[j, 0], joints[j, 1]) + 0.8 * _ARMS[k, 1] * stature_mm
            joints[j, 2] = max(joints[j, 2], least)


@compiled
def _draw_body(
    capsules: Floats,
    materials: NDArray[np.int64],
    view: Floats,
    lens: Floats,
    depth: Image,
    shade: Image,
    label: Labels,
) -> None:
    a, b = np.empty(3), np.empty(3)
    for s in range(capsules.shape[0]):
        for i in range(3):
            a[i] = b[i] = view[i, 3]
            for m in range(3):
                a[i] += view[i, m] * capsules[s, m]
                b[i] += view[i, m] * capsules[s, 3 + m]
        draw_capsule(a, b, capsules[s, 6], materials[CAPSULES[s, 2]], lens, depth, shade, label)


@compiled
def lay_down(
    pose: Floats,
    build: Floats,
    life: Floats,
    cover: Floats,
    creases: Floats,
    joints: Floats,
    capsules: Floats,
    field: Floats,
) -> None:
    """Patient's pose to joints, capsules and the blanket's field.

    build: stature_mm, girth, arms over the blanket (0/1), blanket's steepness; cover: has blanket (0/1), its top y in mm;
    life: swelling of the chest by breath in mm, limpness 0..1, whether it is off the bed 0..1.
    """
    settle(pose, build, life[1], life[2], joints)
    clothe(joints, build, life, cover, creases, capsules, field)


@compiled
def clothe(
    joints: Floats, build: Floats, life: Floats, cover: Floats, creases: Floats, capsules: Floats, field: Floats
) -> None:
    """Flesh around joints and the blanket over it, as `lay_down` does it; arms above a blanket are laid on it."""
    flesh(joints, build[0], build[1], life[0], capsules)
    if cover[0] < 0.5:
        return
    covered = np.ones(capsules.shape[0])
    for s in range(capsules.shape[0]):
        is_head = _NECK_CAPSULE <= s < _HEAD_CAPSULES_END
        out_of_bed = CAPSULES[s, 3] == 1 and build[2] > 0.5
        high = 0.5 * (capsules[s, 2] + capsules[s, 5]) if CAPSULES[s, 3] == 1 else 0.0
        beyond = max((0.5 * (capsules[s, 1] + capsules[s, 4]) - cover[1] + 120.0) / 200.0, (high - 240.0) / 160.0)
        covered[s] = 0.0 if is_head or out_of_bed else 1.0 - min(1.0, max(0.0, beyond))
        covered[s] *= 1.0 - life[2]
    drape(capsules, covered, build[3], creases, field)
    if build[2] > 0.5 and life[2] < 0.5:
        _lift_arms(joints, field, build[0], cover[1])
        flesh(joints, build[0], build[1], life[0], capsules)


@compiled
def paint(
    capsules: Floats, guest: Floats, field: Floats, cover: Floats, eye: tuple[Floats, Floats],
    room: tuple[Image, Image, Labels], out: tuple[Image, Image, Labels],
) -> None:  # fmt: skip
    """Draw all into out = (depth, shade, material); eye = (view (3, 4), lens (4,)); guest may have no rows."""
    depth, shade, label = out
    depth[:], shade[:], label[:] = room[0], room[1], room[2]
    view, lens = eye
    own = np.arange(_STAFF_OF.shape[0])
    _draw_body(capsules, own, view, lens, depth, shade, label)
    if cover[0] > 0.5:
        top = (cover[1] - FOOT_MM) / CELL_MM
        extent = np.array([top, cover[2], max(0.0, cover[3]) * COLUMNS, (COLUMNS - 1) + min(0.0, cover[3]) * COLUMNS])
        draw_blanket(field, extent, view, lens, 10, depth, shade, label)
    if guest.shape[0]:
        _draw_body(guest, _STAFF_OF, view, lens, depth, shade, label)


@dataclass
class Canvas:
    """Buffers of one size, overwritten by each frame."""

    depth: Image
    shade: Image
    label: Labels

    @classmethod
    def of(cls, camera: CameraModel) -> "Canvas":
        """Empty buffers for a camera."""
        shape = (camera.height, camera.width)
        return cls(np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.uint8))


class Painter:
    """One patient before one camera: paints any instant of a movement."""

    def __init__(
        self, patient: Patient, night_seed: int, camera: CameraModel, pose: CameraPose, *, staged: bool = False
    ) -> None:
        self.patient, self.camera, self._staged = patient, camera, staged
        self.canvas = Canvas.of(camera)
        self.joints: Floats = np.zeros((JOINTS, 3))
        self._night_seed = night_seed
        self._creases = creases_of(night_seed)
        self._field: Floats = np.zeros((ROWS, COLUMNS))
        self._build = np.array(
            [patient.stature_mm, patient.girth, float(patient.arms_over_blanket), patient.blanket_slope], np.float64
        )
        self._capsules: Floats = np.zeros((len(CAPSULES), 7))
        self.turn_to(pose)
        self._spread: Image = spread_of(self._eye[1], camera.height, camera.width)
        scale = dict(
            zip((Material.GOWN, Material.TROUSERS, Material.BLANKET, Material.HAIR), patient.albedo_scale, strict=True)
        )
        self._albedo = ALBEDO * np.array([scale.get(material, 1.0) for material in Material])

    def turn_to(self, pose: CameraPose) -> None:
        """Hang the camera so: the empty room is drawn anew, which costs as much as some frames."""
        self.pose = pose
        self._room: Background = background_of(self.patient.seed, self.camera, pose, walled=self._staged)
        shift = -pose.rotation @ pose.position_mm
        lens = np.array([self.camera.fx, self.camera.fy, self.camera.cx, self.camera.cy])
        self._eye = (np.ascontiguousarray(np.concatenate([pose.rotation, shift[:, None]], 1)), lens)

    def ideal(self, movement: Movement, index: int) -> Canvas:
        """Paint one instant without noise; the canvas is reused by the next call. Also sets `joints` (bed frame, mm)."""
        patient = self.patient
        top = patient.blanket_top_mm - movement.uncovered_mm[index]
        slope = 0.25 * np.sin(0.37 * self._night_seed) + movement.uncovered_mm[index] / 4000.0
        aside = float(movement.aside[index]) if self._staged else 0.0
        cover = np.array([float(patient.has_blanket and top > 60.0), top, slope, aside])
        life = np.array([movement.breath_mm[index], movement.limp[index], movement.upright[index]])
        lay_down(
            movement.patient[index], self._build, life, cover, self._creases, self.joints, self._capsules, self._field
        )
        fold(self._field, aside)
        return self._paint(self._guest(movement, index), cover)

    def ideal_joints(self, joints: Floats, stature_mm: float) -> Canvas:
        """Paint a body whose joints (JOINTS, 3) in mm of the bed frame are given; it rests on the bed under its blanket."""
        build = self._build.copy()
        build[0] = stature_mm
        self.joints[:] = joints
        rest_on_bed(self.joints, 0.0, 0.0, stature_mm, self.patient.girth)
        cover = np.array([float(self.patient.has_blanket), self.patient.blanket_top_mm, 0.0, 0.0])
        clothe(self.joints, build, np.zeros(3), cover, self._creases, self._capsules, self._field)
        return self._paint(np.zeros((0, 7)), cover)

    def _paint(self, guest: Floats, cover: Floats) -> Canvas:
        room = (self._room.depth, self._room.shade, self._room.label)
        out = (self.canvas.depth, self.canvas.shade, self.canvas.label)
        paint(self._capsules, guest, self._field, cover, self._eye, room, out)
        return self.canvas

    def expose(self, key: int, softness: float, depth_mm: Depth, ir: Depth) -> None:
        """Put the canvas through the sensor into depth_mm and ir (H, W) uint16."""
        canvas = self.canvas
        expose(canvas.depth, canvas.shade, canvas.label, self._albedo, self._spread, key, softness, (depth_mm, ir))

    def _guest(self, movement: Movement, index: int) -> Floats:
        stature = float(movement.staff_stature_mm[index])
        if stature <= 0:
            return np.zeros((0, 7))
        joints, capsules = np.zeros((JOINTS, 3)), np.zeros((len(CAPSULES), 7))
        joints_of(movement.staff[index], stature, joints)
        flesh(joints, stature, 1.0, 0.0, capsules)
        return capsules
