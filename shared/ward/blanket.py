"""The blanket: a height field over the bed that lies on whatever body is under it, and falls off where it may (numba).

It is found anew for each frame: raise the field over every covered capsule, let it slope down no steeper than the cloth
allows, smooth it, add creases. So it moves with the body without a simulation of cloth, and any instant can be drawn alone.
"""

import numpy as np
from numpy.typing import NDArray

from shared.ward.compiled import compiled

Floats = NDArray[np.float64]

CELL_MM = 40.0
COLUMNS, ROWS = 31, 40
LEFT_MM, FOOT_MM = -600.0, -60.0
THICKNESS_MM = 24.0


def creases_of(seed: int) -> Floats:
    """Creases (ROWS, COLUMNS) in mm: smooth random folds, fixed for a night."""
    rng = np.random.default_rng((seed, 0xB1A))
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float64)
    field = np.zeros((ROWS, COLUMNS))
    for _ in range(7):
        kx, ky = rng.normal(0, 0.55, 2)
        field += rng.uniform(1.0, 4.0) * np.sin(kx * x + ky * y + rng.uniform(0, 6.28))
    return np.asarray(field - field.min() * 0.6)


@compiled
def _raise_over(field: Floats, capsule: Floats, share: float) -> None:
    """Lift the field over a share of the height of one capsule (x, y, z, x, y, z, radius)."""
    ax, ay, az = capsule[0], capsule[1], capsule[2]
    dx, dy, dz = capsule[3] - ax, capsule[4] - ay, capsule[5] - az
    radius = capsule[6] + THICKNESS_MM
    length2 = dx * dx + dy * dy + 1e-6
    c0 = max(0, int((min(ax, ax + dx) - radius - LEFT_MM) / CELL_MM))
    c1 = min(COLUMNS - 1, int((max(ax, ax + dx) + radius - LEFT_MM) / CELL_MM) + 1)
    r0 = max(0, int((min(ay, ay + dy) - radius - FOOT_MM) / CELL_MM))
    r1 = min(ROWS - 1, int((max(ay, ay + dy) + radius - FOOT_MM) / CELL_MM) + 1)
    for r in range(r0, r1 + 1):
        y = FOOT_MM + r * CELL_MM - ay
        for c in range(c0, c1 + 1):
            x = LEFT_MM + c * CELL_MM - ax
            along = min(1.0, max(0.0, (x * dx + y * dy) / length2))
            px, py = x - along * dx, y - along * dy
            rest = radius * radius - px * px - py * py
            if rest > 0.0:
                field[r, c] = max(field[r, c], share * (az + along * dz + np.sqrt(rest)))


@compiled
def _slope_down(field: Floats, steepness: float) -> None:
    """Let no neighbour lie lower than the cloth's steepness allows: two sweeps of a distance transform."""
    step = steepness * CELL_MM
    for r in range(ROWS):
        for c in range(COLUMNS):
            if r > 0:
                field[r, c] = max(field[r, c], field[r - 1, c] - step)
            if c > 0:
                field[r, c] = max(field[r, c], field[r, c - 1] - step)
    for r in range(ROWS - 1, -1, -1):
        for c in range(COLUMNS - 1, -1, -1):
            if r < ROWS - 1:
                field[r, c] = max(field[r, c], field[r + 1, c] - step)
            if c < COLUMNS - 1:
                field[r, c] = max(field[r, c], field[r, c + 1] - step)


@compiled
def drape(capsules: Floats, covered: Floats, steepness: float, creases: Floats, field: Floats) -> None:
    """Lay the blanket: capsules (S, 7) in mm, covered (S,) 0..1 how far each lies under it; field (ROWS, COLUMNS) out, mm above the mattress."""
    for r in range(ROWS):
        for c in range(COLUMNS):
            beyond = abs(LEFT_MM + c * CELL_MM) - 450.0
            field[r, c] = THICKNESS_MM if beyond < 0.0 else THICKNESS_MM - 1.6 * beyond
    for s in range(capsules.shape[0]):
        if covered[s] > 0.0:
            _raise_over(field, capsules[s], covered[s])
    _slope_down(field, steepness)
    smooth = field.copy()
    for r in range(1, ROWS - 1):
        for c in range(1, COLUMNS - 1):
            cross = field[r - 1, c] + field[r + 1, c] + field[r, c - 1] + field[r, c + 1]
            smooth[r, c] = max(0.5 * field[r, c] + 0.125 * cross, 0.98 * field[r, c])
    for r in range(ROWS):
        for c in range(COLUMNS):
            field[r, c] = smooth[r, c] + creases[r, c] * min(1.0, 0.3 + abs(smooth[r, c]) / 150.0)


def fold(field: Floats, aside: float) -> None:
    """Heap up, in place, the part of a thrown blanket that lies on itself: up to 110 mm beside the fold. aside as in `Movement`."""
    if aside == 0.0:
        return
    edge = aside * COLUMNS if aside > 0 else COLUMNS - 1 + aside * COLUMNS
    beyond = (np.arange(COLUMNS) - edge) * np.sign(aside)
    field += 110.0 * abs(aside) * np.exp(-(((beyond - 3.0) / 3.0) ** 2))[None, :]


@compiled
def height_at(field: Floats, x_mm: float, y_mm: float) -> float:
    """Height of the cloth at a point, between cells; far below the mattress outside it."""
    c, r = (x_mm - LEFT_MM) / CELL_MM, (y_mm - FOOT_MM) / CELL_MM
    if c < 0.0 or r < 0.0 or c >= COLUMNS - 1 or r >= ROWS - 1:
        return -1000.0
    i, j = int(r), int(c)
    fr, fc = r - i, c - j
    low = field[i, j] * (1 - fc) + field[i, j + 1] * fc
    high = field[i + 1, j] * (1 - fc) + field[i + 1, j + 1] * fc
    return float(low * (1 - fr) + high * fr)
