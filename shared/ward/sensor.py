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
Floats32 = NDArray[np.float32]
Counts = NDArray[np.uint16]
Frame16 = NDArray[np.uint16]
Labels = NDArray[np.uint8]

IR_GAIN = 26000.0  # infrared of a white surface that faces the camera at 1 m
FARTHEST_MM = 6000.0
EDGE_MM = 45.0


@compiled
def mix(x: np.uint32) -> np.uint32:
    """32 well-mixed bits of 32 bits (finaliser "lowbias32" of Wellons, 2018)."""
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@compiled
def bell(bits: np.uint32) -> np.float32:
    """A nearly normal number from the sum of the four bytes of 32 random bits."""
    pairs = np.uint32((bits & np.uint32(0x00FF00FF)) + ((bits >> np.uint32(8)) & np.uint32(0x00FF00FF)))
    total = np.int32((pairs & np.uint32(0xFFFF)) + (pairs >> np.uint32(16)))
    return np.float32(total - np.int32(510)) * np.float32(1.0 / 147.8)


@compiled
def _expose_row(
    depth: Floats32, shade: Floats32, gain: Floats32, spread: Floats32, seed: np.uint32, softness: np.float32,
    depth_mm: Counts, ir_out: Counts,
) -> None:  # fmt: skip
    """Noise of one row, without branches so that it runs in vector registers. gain: reflectance; spread: 1 / (1 + tan²)^1.5."""
    one, zero, most = np.float32(1.0), np.float32(0.0), np.float32(65535.0)
    half, mm2, slope = np.float32(0.5), np.float32(1e-6), np.float32(0.45)
    for c in range(depth.shape[0]):
        bits = mix(np.uint32(seed + np.uint32(c) * np.uint32(0x9E3779B9)))
        other = mix(np.uint32(bits ^ np.uint32(0x5BD1E995)))
        z = depth[c]
        metres2 = z * z * mm2
        ir = gain[c] * (np.float32(0.12) + np.float32(0.88) * shade[c]) * spread[c] / metres2
        ir += softness * (np.float32(2.2) * np.sqrt(ir) + np.float32(6.0)) * bell(bits)
        ir = min(most, max(zero, ir))
        sigma = softness * (np.float32(0.7) + slope * metres2) * (one + np.float32(250.0) / (ir + np.float32(120.0)))
        value = min(most, max(zero, z + sigma * bell(other)))
        seen = (z < np.float32(FARTHEST_MM)) & (ir > np.float32(25.0))
        ir_out[c] = np.uint16(np.int32(ir + half))
        depth_mm[c] = np.uint16(np.int32(value + half)) if seen else np.uint16(0)


@compiled
def _farthest_row(z: Floats32, up: Floats32, down: Floats32, out: Floats32) -> None:
    """The farthest of each pixel's four neighbours; without branches so that it runs in vector registers."""
    last = z.shape[0] - 1
    for c in range(z.shape[0]):
        out[c] = max(up[c], down[c])
    inner, left, right = out[1:last], z[: last - 1], z[2:]
    for c in range(inner.shape[0]):
        inner[c] = max(inner[c], max(left[c], right[c]))
    out[0] = max(out[0], max(z[0], z[1]))
    out[last] = max(out[last], max(z[last - 1], z[last]))


@compiled
def _fly(
    z_row: Floats32, farthest: Floats32, shade: Floats32, seed: np.uint32, softness: float, depth_mm: Counts
) -> None:
    """Pixels of one row at depth edges: three in ten lost, two in ten between the surfaces; faces nearly along the ray likewise.

    A softer (averaged) pixel is lost less often and flies less far.
    """
    for c in range(z_row.shape[0]):
        z = z_row[c]
        if farthest[c] - z > EDGE_MM or shade[c] < 0.08:
            lot = mix(np.uint32(seed ^ np.uint32(0xA511E9B3) ^ np.uint32(c * 7919))) >> np.uint32(22)
            if lot < 300.0 * softness**4:
                depth_mm[c] = 0
            elif 300 <= lot < 480 and depth_mm[c] > 0:
                depth_mm[c] = np.uint16(z + (min(farthest[c], z + 700.0) - z) * softness * (lot - 300.0) / 200.0)


@compiled
def spread_of(lens: Floats, height: int, width: int) -> Image:
    """How the emitter's light falls off from the axis (height, width): 1 / (1 + tan²)^1.5, the same for all frames of a camera."""
    spread = np.empty((height, width), np.float32)
    for r in range(height):
        dy = (r - lens[3]) / lens[1]
        for c in range(width):
            dx = (c - lens[2]) / lens[0]
            square = np.float32(1.0 / (1.0 + dx * dx + dy * dy))
            spread[r, c] = square * np.sqrt(square)
    return spread


@compiled
def expose(
    depth: Image, shade: Image, label: Labels, albedo: Floats, spread: Image, key: int, softness: float,
    out: tuple[Frame16, Frame16],
) -> None:  # fmt: skip
    """Turn an ideal image into what the sensor gives: out = (depth in mm, infrared), both (H, W) uint16, 0 = no depth.

    spread: of `spread_of`; softness: noise relative to a full-size pixel (1 at 512 x 424, 1/4 for a pixel that stands for 4 x 4 of them).
    """
    height, width = depth.shape
    gain, farthest = np.empty(width, np.float32), np.empty(width, np.float32)
    table = (IR_GAIN * albedo).astype(np.float32)
    for r in range(height):
        seed = mix(np.uint32(mix(np.uint32(key & 0xFFFFFFFF)) ^ mix(np.uint32((key >> 32) + r * 0x10001))))
        for c in range(width):
            gain[c] = table[label[r, c]]
        _expose_row(depth[r], shade[r], gain, spread[r], seed, np.float32(softness), out[0][r], out[1][r])
        _farthest_row(depth[r], depth[max(r - 1, 0)], depth[min(r + 1, height - 1)], farthest)
        _fly(depth[r], farthest, shade[r], seed, softness, out[0][r])


@compiled
def tint(shade: Image, label: Labels, colours: Image, key: int, out: Labels) -> None:
    """Colour picture (H, W, 3) of an ideal image in a dim room, with grain of 3 steps; colours (materials, 3) in 0..255."""
    for r in range(shade.shape[0]):
        seed = mix(np.uint32(mix(np.uint32(key & 0xFFFFFFFF)) ^ np.uint32(r * 0x10001)))
        for c in range(shade.shape[1]):
            light = np.float32(0.2) + np.float32(0.6) * shade[r, c]
            grain = np.int32(mix(np.uint32(seed + np.uint32(c) * np.uint32(0x9E3779B9))) >> np.uint32(24)) % 7 - 3
            for i in range(3):
                level = int(colours[label[r, c], i] * light + grain)
                out[r, c, i] = min(255, max(0, level))
