"""What a person sees of depth and infrared: tables from 16-bit values to limited-range YUV 4:2:0, by BT.601.

Depth: near is bright yellow, far is dark blue, along a straight line in Oklab: equal steps in depth are equal steps to the
eye, and lightness alone carries the order, so that it reads for colour-blind eyes and in grey. 0 (no reading) is black.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.frame import Uint8Image, Uint16Image
from shared.preview import ir_to_u8

NEAREST_MM = 400
FARTHEST_MM = 4500
_FAR_OKLAB = (0.26, -0.015, -0.10)
_NEAR_OKLAB = (0.94, -0.025, 0.115)
_GREY = 128
_VALUES = np.arange(65_536, dtype=np.uint16)

Floats = npt.NDArray[np.float64]


def _oklab_to_srgb(oklab: Floats) -> Floats:
    """(N, 3) Oklab to gamma-coded sRGB, 0..1 where in gamut. Matrices: B. Ottosson, "A perceptual color space" (2020)."""
    to_lms = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    )
    to_rgb = np.array([
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ])  # fmt: skip
    linear = (oklab @ to_lms.T) ** 3 @ to_rgb.T
    small = linear <= 0.0031308
    gamma: Floats = np.where(small, 12.92 * linear, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)
    return gamma


def depth_palette() -> Uint8Image:
    """uint8 (256, 3) sRGB from far (0) to near (255)."""
    share = np.linspace(0, 1, 256)[:, None]
    oklab = (1 - share) * np.array(_FAR_OKLAB) + share * np.array(_NEAR_OKLAB)
    return np.rint(255 * np.clip(_oklab_to_srgb(oklab), 0, 1)).astype(np.uint8)


def _yuv_of(rgb: Uint8Image) -> Uint8Image:
    """uint8 (N, 3) R'G'B' to limited-range Y'CbCr by BT.601."""
    matrix = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
    yuv: Floats = (rgb.astype(np.float64) / 255) @ matrix.T + np.array([16.0, 128.0, 128.0])
    return np.rint(yuv).astype(np.uint8)


class Painter:
    """Turns uint16 (H, W) images into planar YUV 4:2:0 by tables; odd sides are padded to even ones by repetition."""

    def __init__(self, tables: Uint8Image) -> None:
        self._luma, self._blue, self._red = (np.ascontiguousarray(tables[:, plane]) for plane in range(3))

    def paint(self, image: Uint16Image) -> Uint8Image:
        """uint8 (3·H/2, W), H and W even: luma rows, then both chroma planes at half size, as `yuv420p` wants them."""
        height, width = image.shape
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2)), mode="edge")
            height, width = image.shape
        painted = np.empty((height * 3 // 2, width), np.uint8)
        np.take(self._luma, image, out=painted[:height])
        small = image[::2, ::2]
        chroma = painted[height:].reshape(2, height // 2, width // 2)
        np.take(self._blue, small, out=chroma[0])
        np.take(self._red, small, out=chroma[1])
        return painted


def depth_painter() -> Painter:
    """Depth in mm: `FARTHEST_MM` and beyond dark, `NEAREST_MM` and nearer bright, 0 black."""
    share = (FARTHEST_MM - _VALUES.astype(np.float64)) / (FARTHEST_MM - NEAREST_MM)
    places = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    tables = _yuv_of(depth_palette())[places]
    tables[0] = (16, _GREY, _GREY)
    return Painter(tables)


def ir_painter() -> Painter:
    """Active infrared through the tone curve of the preview, grey."""
    tables = np.full((65_536, 3), _GREY, np.uint8)
    tables[:, 0] = np.rint(16 + 219 * ir_to_u8(_VALUES).astype(np.float64) / 255).astype(np.uint8)
    return Painter(tables)
