"""What no recorder on this machine can pass: the entropy of the frames, the memory's, the hash's and the disk's own speed."""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.results import Figure
from tests.bench.rendered import AZURE_NFOV, KINECT_V2, render

BUFFER_BYTES = 256 * 1024 * 1024
DISK_BYTES = 1024 * 1024 * 1024
TRIES = 5
Image = npt.NDArray[np.uint16]


def med_residual(image: Image) -> Image:
    """Image minus its median edge detection prediction (LOCO-I, Weinberger et al. 2000), uint16 (H, W) modulo 2^16."""
    wide = image.astype(np.int32)
    left, up, corner = wide[1:, :-1], wide[:-1, 1:], wide[:-1, :-1]
    low, high = np.minimum(left, up), np.maximum(left, up)
    predicted = np.zeros_like(wide)
    predicted[0, 1:], predicted[1:, 0] = wide[0, :-1], wide[:-1, 0]
    predicted[1:, 1:] = np.clip(left + up - corner, low, high)
    return (wide - predicted).astype(np.uint16)


def entropy_bits(residuals: list[Image]) -> float:
    """Order-0 entropy in bits a pixel: a coder that looks at single residuals alone cannot need fewer."""
    counts = np.bincount(np.concatenate([each.ravel() for each in residuals]), minlength=65536)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def limit_figures(folder: Path, seconds: int) -> dict[str, Figure]:
    """Entropy of both simulated sets (every second's first frame), and the machine's speeds, each the best of five."""
    figures: dict[str, Figure] = {}
    for name, kind in (("azure", AZURE_NFOV), ("v2", KINECT_V2)):
        frames = render(folder, kind, seconds)
        chosen = range(0, len(frames), 30)
        bits = [
            entropy_bits([med_residual(np.array(stream[k])) for k in chosen]) for stream in (frames.depth, frames.ir)
        ]
        figures[f"limit_ratio_order0_{name}"] = Figure(round(32.0 / sum(bits), 3), "raw / entropy of MED residuals")
    block = np.ones(BUFFER_BYTES, np.uint8)
    target = np.empty_like(block)
    view = block.data
    for name, work in (
        ("memory_copy", lambda: np.copyto(target, block)),
        ("crc32", lambda: zlib.crc32(view)),
        ("sha256", lambda: hashlib.sha256(view).digest()),
    ):
        figures[f"limit_{name}"] = Figure(round(BUFFER_BYTES / 1e6 / _fastest_s(work)), "MB/s")
    written_s = _fastest_s(lambda: _write(folder / "disk", view))
    figures["limit_disk_write_fsync"] = Figure(round(DISK_BYTES / 1e6 / written_s), "MB/s")
    return figures


def _fastest_s(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(TRIES):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def _write(path: Path, view: memoryview) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(DISK_BYTES // BUFFER_BYTES):
            os.write(descriptor, view)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        path.unlink()
