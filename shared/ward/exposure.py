"""What the second ward's sensor adds to the first one's: sun, multipath, saturation, and colour under changing light (numba).

Noise is again a function of (key, pixel) alone.
"""

import numpy as np
from numpy.typing import NDArray

from shared.ward.compiled import compiled
from shared.ward.sensor import bell, mix

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Floats32 = NDArray[np.float32]
Counts = NDArray[np.uint16]
Frame16 = NDArray[np.uint16]
Labels = NDArray[np.uint8]

SATURATED_IR = 64000
SUN_NOISE_MM = 2.2
"""Range noise in mm at 1 m that full sun on the bed adds: more light that is not the camera's own (our assumption)."""
SAME_SURFACE_MM = 160.0
MULTIPATH_SHARE = 0.22
"""Share of a hollow's depth by which light that took the longer way round makes it look deeper (our assumption)."""


@compiled
def _deepen(z: Floats32, one_side: Floats32, other_side: Floats32, out: Floats32) -> None:
    """Raise `out` to how deep each pixel lies below the line between two others of its surface, in mm."""
    zero, half, most = np.float32(0.0), np.float32(0.5), np.float32(SAME_SURFACE_MM)
    for c in range(z.shape[0]):
        a, b = one_side[c] - z[c], other_side[c] - z[c]
        near = (abs(a) < most) & (abs(b) < most)
        out[c] = max(out[c], -half * (a + b) if near else zero)


@compiled
def _shift_row(depth_mm: Counts, ir: Counts, hollow: Floats32, extra: Floats32) -> None:
    share, half, least, most = np.float32(MULTIPATH_SHARE), np.float32(0.5), np.float32(1.0), np.float32(65535.0)
    for c in range(depth_mm.shape[0]):
        value = min(most, max(least, np.float32(depth_mm[c]) + share * hollow[c] + extra[c] + half))
        seen = (depth_mm[c] > np.uint16(0)) & (ir[c] < np.uint16(SATURATED_IR))
        depth_mm[c] = np.uint16(np.int32(value)) if seen else np.uint16(0)


@compiled
def disturb(depth: Image, sun: float, softness: float, key: int, depth_mm: Frame16, ir: Frame16) -> None:
    """Add to an exposed frame, in place: hollows look deeper (multipath), sunlight makes range noisy, saturated pixels have no range.

    depth (H, W) float32: the ideal image; that hollows look deeper for the Kinect v2: Sarbolandi, Lefloch and Kolb 2015, Corti et al. 2016.
    """
    height, width = depth.shape
    reach = max(1, width // 64)
    noise = np.float32(softness * sun * SUN_NOISE_MM * 1e-6)
    zero = np.float32(0.0)
    hollow, extra = np.empty(width, np.float32), np.zeros(width, np.float32)
    for r in range(height):
        hollow[:] = zero
        _deepen(depth[r], depth[max(r - reach, 0)], depth[min(r + reach, height - 1)], hollow)
        _deepen(
            depth[r, reach : width - reach],
            depth[r, : width - 2 * reach],
            depth[r, 2 * reach :],
            hollow[reach : width - reach],
        )
        if noise > zero:
            seed = mix(np.uint32(mix(np.uint32((key ^ 0x3C6EF372) & 0xFFFFFFFF)) ^ np.uint32(r * 0x10001)))
            for c in range(width):
                extra[c] = (
                    noise
                    * depth[r, c]
                    * depth[r, c]
                    * bell(mix(np.uint32(seed + np.uint32(c) * np.uint32(0x9E3779B9))))
                )
        _shift_row(depth_mm[r], ir[r], hollow, extra)


@compiled
def tint_lit(shade: Image, label: Labels, colours: Image, key: int, light: Floats, spot: Floats, out: Labels) -> None:
    """Colour picture (H, W, 3) under a light; darkness is grainy.

    light: level 0..1, warmth 0..1, torch 0..1; spot: column, row and radius of the torch's spot in pixels; colours (materials, 3).
    """
    level = np.float32(light[0])
    cast = np.array([1.0 + 0.10 * light[1], 1.0, 1.0 - 0.30 * light[1]], np.float32)
    amplitude = np.float32(3.0 + 9.0 * (1.0 - light[0]))
    for r in range(shade.shape[0]):
        seed = mix(np.uint32(mix(np.uint32(key & 0xFFFFFFFF)) ^ np.uint32(r * 0x10001)))
        for c in range(shade.shape[1]):
            bright = level * (np.float32(0.3) + np.float32(0.7) * shade[r, c])
            if light[2] > 0.0:
                du, dv = (c - spot[0]) / spot[2], (r - spot[1]) / spot[2]
                bright += np.float32(0.8 * light[2] * np.exp(-(du * du + dv * dv)) * shade[r, c])
            grain = amplitude * bell(mix(np.uint32(seed + np.uint32(c) * np.uint32(0x9E3779B9))))
            for i in range(3):
                out[r, c, i] = np.uint8(
                    min(np.float32(255.0), max(np.float32(0.0), colours[label[r, c], i] * bright * cast[i] + grain))
                )
