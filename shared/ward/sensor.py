"""The Kinect's view of an ideal image: infrared strength, noise, flying pixels and holes (numba).

Noise is a function of (key, pixel): no state, so any frame can be made alone and twice the same. Range noise grows with z²
and with weak infrared; at depth edges pixels fly between the two surfaces or are lost, as described for the Kinect v2 by
Sarbolandi, Lefloch and Kolb (2015).
"""

import numpy as np
from numpy.typing import NDArray

from shared.ward.compiled import compiled

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Labels = NDArray[np.uint8]

IR_GAIN = 26000.0  # infrared of a white surface that faces the camera at 1 m
FARTHEST_MM = 6000.0
EDGE_MM = 45.0


@compiled
def _hash(key: int, counter: int) -> np.uint64:
    """64 random bits of a counter (splitmix64's finaliser, Steele et al. 2014)."""
    x = np.uint64(key) + np.uint64(counter) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def _bell(bits: int) -> float:
    """A nearly normal number from the sum of four bytes."""
    total = (bits & 255) + ((bits >> 8) & 255) + ((bits >> 16) & 255) + ((bits >> 24) & 255)
    return (total - 510.0) / 147.8


@compiled
def expose(
    depth: Image, shade: Image, label: Labels, albedo: Floats, lens: Floats, key: int, softness: float,
    out: tuple[NDArray[np.uint16], NDArray[np.uint16]],
) -> None:  # fmt: skip
    """Turn an ideal image into what the sensor gives: out = (depth in mm, infrared), both (H, W) uint16, 0 = no depth.

    softness: noise relative to a full-size pixel (1 at 512 x 424, 1/4 for a pixel that stands for 4 x 4 of them).
    """
    height, width = depth.shape
    for r in range(height):
        dy = (r - lens[3]) / lens[1]
        up, down = max(r - 1, 0), min(r + 1, height - 1)
        for c in range(width):
            bits = _hash(key, r * width + c)
            z = depth[r, c]
            dx = (c - lens[2]) / lens[0]
            dd = 1.0 + dx * dx + dy * dy
            metres2 = z * z * 1e-6
            ir = IR_GAIN * albedo[label[r, c]] * (0.12 + 0.88 * shade[r, c]) / (metres2 * dd * np.sqrt(dd))
            ir += softness * (2.2 * np.sqrt(ir) + 6.0) * _bell(np.int64(bits & np.uint64(0xFFFFFFFF)))
            out[1][r, c] = np.uint16(min(65535.0, max(0.0, ir + 0.5)))
            sigma = softness * (0.7 + 0.45 * metres2) * (1.0 + 250.0 / (ir + 120.0))
            value = z + sigma * _bell(np.int64(bits >> np.uint64(32)))
            left, right = depth[r, max(c - 1, 0)], depth[r, min(c + 1, width - 1)]
            above, below = depth[up, c], depth[down, c]
            farthest = max(max(left, right), max(above, below))
            if farthest - z > EDGE_MM or shade[r, c] < 0.08:
                lot = np.int64((bits * np.uint64(0xD1342543DE82EF95)) >> np.uint64(44)) & 1023
                if lot < 300:
                    value = 0.0
                elif lot < 480:
                    value = z + (min(farthest, z + 700.0) - z) * (lot - 300) / 200.0
            if z > FARTHEST_MM or ir < 25.0:
                value = 0.0
            out[0][r, c] = np.uint16(min(65535.0, max(0.0, value + 0.5)))
