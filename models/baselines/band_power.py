"""Rhythm of the whole picture at 2 to 6 Hz, after Geertsema et al. 2018 (Epilepsia, doi 10.1111/epi.14050).

The picture's movement is summed up as six group velocities (shift, size, turn, two shears) fitted to the change of brightness,
and the score is the share of their power at 2 to 6 Hz. Differences: 15 pictures a second in place of 25, so the whole band ends
at 7.5 Hz and not at 12.5; windows of a Fourier transform in place of a wavelet; and power counts only above a floor, since
the noise of a still picture has its share in every band.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from models.baselines.stepping import Floats, SteppedScorer
from shared.preview import PREVIEW_FPS, PREVIEW_HEIGHT, PREVIEW_WIDTH

WINDOW = 30
"""Pictures in a window: the two seconds for which the published rule wants the rhythm."""
LOW_HZ, HIGH_HZ, LEAST_HZ = 2.0, 6.0, 0.5
FLOOR = 2.0e-4
"""Power, in squared pixels of the half-size picture, at which movement counts half: well above what sensor noise leaves."""

_HEIGHT, _WIDTH = PREVIEW_HEIGHT // 2, PREVIEW_WIDTH // 2
_Y = (np.arange(_HEIGHT, dtype=np.float32)[:, None] - _HEIGHT / 2) / np.float32(_HEIGHT / 2)
_X = (np.arange(_WIDTH, dtype=np.float32)[None, :] - _WIDTH / 2) / np.float32(_HEIGHT / 2)


class BandPower(SteppedScorer):
    """The share of the movement's power at 2 to 6 Hz, weighted by how far the power stands above the floor."""

    name = "band-power"

    def __init__(self, floor: float = FLOOR) -> None:
        super().__init__()
        self._floor = floor
        self._before: Floats | None = None
        self._velocities: deque[Floats] = deque(maxlen=WINDOW)
        rate_hz = np.fft.rfftfreq(WINDOW, 1 / PREVIEW_FPS)
        self._inside = (rate_hz >= LOW_HZ) & (rate_hz <= HIGH_HZ)
        self._all = rate_hz >= LEAST_HZ
        self._taper = np.hanning(WINDOW).astype(np.float32)[:, None]

    def look(self, picture: Floats) -> None:
        """Six velocities between the picture before and this one."""
        if self._before is not None:
            self._velocities.append(_group_velocities(self._before, picture))
        self._before = picture

    def value(self) -> float:
        """0 until the window is full."""
        if len(self._velocities) < WINDOW:
            return 0.0
        window = np.stack(self._velocities)
        power = (np.abs(np.fft.rfft((window - window.mean(0)) * self._taper, axis=0)) ** 2).sum(1) / WINDOW**2
        total = float(power[self._all].sum())
        share = float(power[self._inside].sum()) / total if total > 0 else 0.0
        return share * total / (total + self._floor)

    def forget(self) -> None:
        """Starts anew after a gap."""
        self._before = None
        self._velocities.clear()


def _group_velocities(before: Floats, after: Floats) -> Floats:
    """Six numbers by least squares: which slow bending of the plane explains the change of brightness best, in pixels."""
    middle = (before + after) * np.float32(0.5)
    down, across = np.gradient(middle)
    bends = np.stack(
        (
            across,
            down,
            across * _X + down * _Y,
            down * _X - across * _Y,
            across * _X - down * _Y,
            across * _Y + down * _X,
        )
    ).reshape(6, -1)
    gram = bends @ bends.T + np.eye(6, dtype=np.float32) * np.float32(middle.size)
    solved: Floats = np.linalg.solve(gram, bends @ (before - after).ravel()).astype(np.float32)
    return solved
