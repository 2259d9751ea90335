"""Draws capsules, boxes of the room and the blanket into depth, shade and material images (numba).

All images are of one camera: depth (H, W) float32 in mm along the optical axis, shade (H, W) float32 = cosine between surface
and ray, material (H, W) uint8. Only pixels within a primitive's projected box are visited.
"""

import numpy as np
from numpy.typing import NDArray

from shared.ward.blanket import CELL_MM, COLUMNS, FOOT_MM, LEFT_MM, ROWS
from shared.ward.compiled import compiled

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Labels = NDArray[np.uint8]
NEAR_MM = 150.0


@compiled
def _box(a: Floats, b: Floats, radius: float, lens: Floats, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Pixel box (rows from, to, columns from, to) that holds two spheres and what lies between."""
    margin = 1.06 * radius
    z0, z1 = max(a[2] - radius, NEAR_MM), max(b[2] - radius, NEAR_MM)
    u0 = min((a[0] - margin) / z0 if a[0] < margin else (a[0] - margin) / (a[2] + radius),
             (b[0] - margin) / z1 if b[0] < margin else (b[0] - margin) / (b[2] + radius))  # fmt: skip
    u1 = max((a[0] + margin) / z0 if a[0] > -margin else (a[0] + margin) / (a[2] + radius),
             (b[0] + margin) / z1 if b[0] > -margin else (b[0] + margin) / (b[2] + radius))  # fmt: skip
    v0 = min((a[1] - margin) / z0 if a[1] < margin else (a[1] - margin) / (a[2] + radius),
             (b[1] - margin) / z1 if b[1] < margin else (b[1] - margin) / (b[2] + radius))  # fmt: skip
    v1 = max((a[1] + margin) / z0 if a[1] > -margin else (a[1] + margin) / (a[2] + radius),
             (b[1] + margin) / z1 if b[1] > -margin else (b[1] + margin) / (b[2] + radius))  # fmt: skip
    r0 = max(0, int(np.floor(v0 * lens[1] + lens[3])))
    r1 = min(size[0], int(np.ceil(v1 * lens[1] + lens[3])) + 1)
    c0 = max(0, int(np.floor(u0 * lens[0] + lens[2])))
    c1 = min(size[1], int(np.ceil(u1 * lens[0] + lens[2])) + 1)
    return r0, r1, c0, c1


@compiled
def draw_capsule(
    a: Floats, b: Floats, radius: float, material: int, lens: Floats, depth: Image, shade: Image, label: Labels
) -> None:
    """Cast the rays of one capsule; a, b (3,) in camera mm. Intersection after Inigo Quilez, `capIntersect` (MIT)."""
    if min(a[2], b[2]) < NEAR_MM + radius:
        return
    r0, r1, c0, c1 = _box(a, b, radius, lens, depth.shape)
    ax, ay, az = a[0], a[1], a[2]
    bx, by, bz = b[0] - ax, b[1] - ay, b[2] - az
    bb = bx * bx + by * by + bz * bz + 1e-9
    ba = bx * ax + by * ay + bz * az
    aa = ax * ax + ay * ay + az * az
    flat = bb * aa - ba * ba - radius * radius * bb
    for r in range(r0, r1):
        dy = (r - lens[3]) / lens[1]
        for c in range(c0, c1):
            dx = (c - lens[2]) / lens[0]
            dd = dx * dx + dy * dy + 1.0
            bd = bx * dx + by * dy + bz
            da = ax * dx + ay * dy + az
            qa = bb * dd - bd * bd
            qb = bd * ba - bb * da
            inside = qb * qb - qa * flat
            if inside < 0.0:
                continue
            t = (-qb - np.sqrt(inside)) / (qa + 1e-12)
            along = (t * bd - ba) / bb
            if along <= 0.0 or along >= 1.0 or bb < 1.0:
                along = 0.0 if along <= 0.0 or bb < 1.0 else 1.0
                ox, oy, oz = ax + along * bx, ay + along * by, az + along * bz
                half = ox * dx + oy * dy + oz
                ball = half * half - dd * (ox * ox + oy * oy + oz * oz - radius * radius)
                if ball <= 0.0:
                    continue
                t = (half - np.sqrt(ball)) / dd
            if t > NEAR_MM and t < depth[r, c]:
                nx, ny, nz = t * dx - ax - along * bx, t * dy - ay - along * by, t - az - along * bz
                depth[r, c] = t
                shade[r, c] = max(0.0, -(nx * dx + ny * dy + nz) / (radius * np.sqrt(dd)))
                label[r, c] = material


@compiled
def _draw_triangle(p: Floats, i: int, j: int, k: int, material: int, depth: Image, shade: Image, label: Labels) -> None:
    """One triangle of projected corners p (n, 4): column, row, 1/z, shade."""
    u0, v0, u1, v1, u2, v2 = p[i, 0], p[i, 1], p[j, 0], p[j, 1], p[k, 0], p[k, 1]
    area = (u1 - u0) * (v2 - v0) - (u2 - u0) * (v1 - v0)
    if abs(area) < 1e-9:
        return
    r0, r1 = max(0, int(np.ceil(min(v0, v1, v2)))), min(depth.shape[0] - 1, int(np.floor(max(v0, v1, v2))))
    c0, c1 = max(0, int(np.ceil(min(u0, u1, u2)))), min(depth.shape[1] - 1, int(np.floor(max(u0, u1, u2))))
    for r in range(r0, r1 + 1):
        for c in range(c0, c1 + 1):
            w1 = ((c - u0) * (v2 - v0) - (u2 - u0) * (r - v0)) / area
            w2 = ((u1 - u0) * (r - v0) - (c - u0) * (v1 - v0)) / area
            w0 = 1.0 - w1 - w2
            if w0 < -1e-9 or w1 < -1e-9 or w2 < -1e-9:
                continue
            t = 1.0 / (w0 * p[i, 2] + w1 * p[j, 2] + w2 * p[k, 2])
            if t > NEAR_MM and t < depth[r, c]:
                depth[r, c] = t
                shade[r, c] = w0 * p[i, 3] + w1 * p[j, 3] + w2 * p[k, 3]
                label[r, c] = material


@compiled
def draw_blanket(
    field: Floats, extent: Floats, view: Floats, lens: Floats, material: int, depth: Image, shade: Image, label: Labels
) -> None:
    """Draw the part of the height field (ROWS, COLUMNS) within `extent`: top row in cells, its slope per column, columns from and to.

    view (3, 4) takes bed coordinates to the camera.
    """
    corners = np.empty((ROWS * COLUMNS, 4))
    for r in range(ROWS):
        for c in range(COLUMNS):
            x, y, z = LEFT_MM + c * CELL_MM, FOOT_MM + r * CELL_MM, field[r, c]
            px = view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3]
            py = view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3]
            pz = max(view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3], NEAR_MM)
            gx = (field[r, min(c + 1, COLUMNS - 1)] - field[r, max(c - 1, 0)]) / (2 * CELL_MM)
            gy = (field[min(r + 1, ROWS - 1), c] - field[max(r - 1, 0), c]) / (2 * CELL_MM)
            facing = -(gx * (view[0, 0] * px + view[1, 0] * py + view[2, 0] * pz)) - gy * (
                view[0, 1] * px + view[1, 1] * py + view[2, 1] * pz
            )
            facing += view[0, 2] * px + view[1, 2] * py + view[2, 2] * pz
            scale = np.sqrt((gx * gx + gy * gy + 1.0) * (px * px + py * py + pz * pz))
            k = r * COLUMNS + c
            corners[k, 0], corners[k, 1] = px / pz * lens[0] + lens[2], py / pz * lens[1] + lens[3]
            corners[k, 2], corners[k, 3] = 1.0 / pz, max(0.05, -facing / scale)
    for r in range(ROWS - 1):
        for c in range(COLUMNS - 1):
            if c < extent[2] or c + 1 > extent[3]:
                continue
            if r + 1 <= extent[0] + extent[1] * (c - COLUMNS / 2):
                k = r * COLUMNS + c
                _draw_triangle(corners, k, k + 1, k + COLUMNS, material, depth, shade, label)
                _draw_triangle(corners, k + 1, k + COLUMNS + 1, k + COLUMNS, material, depth, shade, label)
