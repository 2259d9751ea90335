"""A night as previews, made directly at preview size: what the detector trains on, far faster than full-size frames."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shared.preview import LEAST_VALID_SHARE, PREVIEW_FPS, PREVIEW_HEIGHT, PREVIEW_WIDTH, depth_to_u8, ir_to_u8
from shared.ward.camera import KINECT_V2
from shared.ward.compiled import compiled
from shared.ward.night import Night
from shared.ward.patient import patient_of
from shared.ward.view import View, motion_of

Bytes = NDArray[np.uint8]
Counts = NDArray[np.uint16]
FULL_FACTOR = 4  # pixels of the Kinect v2 to one of the preview, a side
BATCH = 150


@compiled
def _block_means(depth: Counts, ir: Counts, samples: int, mean_depth: NDArray[np.float32], valid: NDArray[np.float32],
                 mean_ir: NDArray[np.float32]) -> None:  # fmt: skip
    for r in range(mean_ir.shape[0]):
        for c in range(mean_ir.shape[1]):
            total, count, light = 0.0, 0, 0.0
            for i in range(samples):
                for j in range(samples):
                    value = depth[r * samples + i, c * samples + j]
                    light += ir[r * samples + i, c * samples + j]
                    if value > 0:
                        total += value
                        count += 1
            mean_depth[r, c] = total / max(count, 1)
            valid[r, c] = count / (samples * samples)
            mean_ir[r, c] = light / (samples * samples)


def ward_previews(night: Night, *, fps: int = PREVIEW_FPS, samples: int = 2) -> Iterator[tuple[Bytes, Bytes]]:
    """Yield (ir, depth), each uint8 (106, 128), from t = 0 on, fps a second, to the night's end.

    Each preview pixel is a mean over samples x samples rays (1, 2 or 4; 4 is what the bed does to a full-size frame) with the
    noise that a mean over 4 x 4 pixels of the sensor leaves. Raises ValueError for another number or an fps outside 1 to 60.
    """
    if samples not in (1, 2, 4) or not 1 <= fps <= 60:
        raise ValueError(f"samples must be 1, 2 or 4 and fps from 1 to 60, got {samples} and {fps}")
    patient = patient_of(night.patient_seed)
    camera = KINECT_V2.scaled(PREVIEW_WIDTH * samples, PREVIEW_HEIGHT * samples)
    view = View(night, patient, camera)
    motion = motion_of(night, patient)
    frames = int(night.duration_s * fps)
    fine = np.empty((2, camera.height, camera.width), np.uint16)
    means = np.empty((3, BATCH, PREVIEW_HEIGHT, PREVIEW_WIDTH), np.float32)
    for first in range(0, frames, BATCH):
        times = np.arange(first, min(first + BATCH, frames)) / fps
        movement = motion.at(times)
        for k, t_s in enumerate(times):
            view.paint(movement, k, float(t_s))
            view.expose(float(t_s), samples / FULL_FACTOR, fine[0], fine[1])
            _block_means(fine[0], fine[1], samples, means[0, k], means[1, k], means[2, k])
        count = len(times)
        depth = depth_to_u8(means[0, :count], means[1, :count] >= LEAST_VALID_SHARE)
        yield from zip(ir_to_u8(means[2, :count]), depth, strict=True)
