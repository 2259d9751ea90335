"""Finds out on a sample of rows whether the background predicts a stream better than the neighbours do, and how to pack it.

Two adjacent rows of every 16 are followed with the background's own arithmetic, restarted where key images restart it, whether
the stream uses it at the moment or not. Every fourth image is priced both ways: the price of a residual is log2(1 + size).
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from shared.frame import Uint16Image

EVERY_ROWS = 16
EVERY_IMAGES = 4
SLOWEST_RATE = 3
_WEIGHTS = (0, 3, 6)
_FORGET = 0.875
_WIDE = 1 / 32
_COSTS = np.round(32 * np.log2(1.0 + np.arange(4096))).astype(np.int32)


def rate_after(step: int) -> int:
    """How fast the means learn the image `step` after a key: 1/2, 1/2, then 1/4, from the seventh on 1/8."""
    return min(SLOWEST_RATE, (step + 1).bit_length() - 1)


class Trial:
    """For images of one size. background: it wins; weight and split: what to code with. At first the background is trusted."""

    def __init__(self, height: int, width: int, kernels: ModuleType) -> None:
        first = np.arange(max(0, min(EVERY_ROWS - 2, height - 2)), height - 1, EVERY_ROWS)
        self._rows = np.stack((first, first + 1), axis=1).reshape(-1)
        self._means = np.zeros((self._rows.size, width), np.int32)
        self._kernels = kernels
        self._totals = np.zeros(4)
        self.background = height > 1
        self.weight = _WEIGHTS[1]
        self.split = 0

    def see(self, image: Uint16Image, step: int) -> None:
        """The next image, `step` images after the last restart (0: this one restarts the means)."""
        sample = image[self._rows]
        if step % EVERY_IMAGES == 0:
            self._split(sample)
        if step == 0:
            self._means.fill(0)
        elif step % EVERY_IMAGES == 0:
            self._price(sample)
        self._kernels.learn(sample, self._means, rate_after(step))

    def _split(self, sample: Uint16Image) -> None:
        counts = np.zeros(2, np.int64)
        self._kernels.count_wide(sample, counts)
        self.split = 4 if counts[0] > _WIDE * counts[1] else 0

    def _price(self, sample: Uint16Image) -> None:
        sums = np.zeros(4, np.int64)
        self._kernels.trial(sample, self._means, _COSTS, sums)
        if sums.any():
            self._totals = _FORGET * self._totals + sums
            best = int(np.argmin(self._totals[1:]))
            self.weight = _WEIGHTS[best]
            self.background = bool(self._totals[1 + best] < self._totals[0])
