"""What the second ward's sensor adds to the first one's: sun, multipath, saturation, and colour under changing light (numba).

Noise is again a function of (key, pixel) alone.
"""

import numpy as np
from numpy.typing import NDArray

from shared.ward.compiled import compiled
from shared.ward.sensor import bell, mix

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Frame16 = NDArray[np.uint16]
Labels = NDArray[np.uint8]

SATURATED_IR = 64000
SUN_NOISE_MM = 2.2
"""Range noise in mm at 1 m that full sun on the bed adds: more light that is not the camera's own (our assumption)."""
SAME_SURFACE_MM = 160.0
MULTIPATH_SHARE = 0.22
"""Share of a hollow's depth by which light that took the longer way round makes it look deeper (our assumption)."""


@compiled
def _hollow_row(z: Image, up: Image, down: Image, reach: int, out: Image) -> None:
    """How deep each pixel of a row lies in a hollow of one surface, in mm; without branches so that it runs in vector registers."""
    zero, half, most = np.float32(0.0), np.float32(0.5), np.float32(SAME_SURFACE_MM)
    for c in range(z.shape[0]):
        a, b = up[c] - z[c], down[c] - z[c]
        out[c] = max(zero, -half * (a + b)) if max(abs(a), abs(b)) < most else zero
    for c in range(reach, z.shape[0] - reach):
        a, b = z[c - reach] - z[c], z[c + reach] - z[c]
        out[c] = max(out[c], -half * (a + b)) if max(abs(a), abs(b)) < most else out[c]


@compiled
def disturb(depth: Image, sun: float, softness: float, key: int, depth_mm: Frame16, ir: Frame16) -> None:
    """Add to an exposed frame, in place: hollows look deeper (multipath), sunlight makes range noisy, saturated pixels have no range.

    depth (H, W) float32: the ideal image; that hollows look deeper for the Kinect v2: Sarbolandi, Lefloch and Kolb 2015, Corti et al. 2016.
    """
    height, width = depth.shape
    reach = max(1, width // 64)
    noise = np.float32(softness * sun * SUN_NOISE_MM * 1e-6)
    share, half, one, zero = np.float32(MULTIPATH_SHARE), np.float32(0.5), np.float32(1.0), np.float32(0.0)
    hollow, extra = np.empty(width, np.float32), np.zeros(width, np.float32)
    for r in range(height):
        _hollow_row(depth[r], depth[max(r - reach, 0)], depth[min(r + reach, height - 1)], reach, hollow)
        if noise > zero:
            seed = mix(np.uint32(mix(np.uint32((key ^ 0x3C6EF372) & 0xFFFFFFFF)) ^ np.uint32(r * 0x10001)))
            for c in range(width):
                extra[c] = (
                    noise
                    * depth[r, c]
                    * depth[r, c]
                    * bell(mix(np.uint32(seed + np.uint32(c) * np.uint32(0x9E3779B9))))
                )
        for c in range(width):
            seen = (depth_mm[r, c] > 0) & (ir[r, c] < SATURATED_IR)
            value = min(np.float32(65535.0), max(one, np.float32(depth_mm[r, c]) + share * hollow[c] + extra[c] + half))
            depth_mm[r, c] = np.uint16(np.int32(value)) if seen else np.uint16(0)


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
