"""How much the picture changes: the mean squared difference of pictures, smoothed over a second. Any movement raises it."""

from __future__ import annotations

import numpy as np

from models.baselines.stepping import Floats, SteppedScorer
from shared.preview import PREVIEW_FPS

MEMORY_S = 1.0
HALF_AT = 8.0
"""Squared grey levels at which the score is one half."""


class MotionEnergy(SteppedScorer):
    """Score e / (e + HALF_AT) of the smoothed energy e."""

    name = "motion-energy"

    def __init__(self) -> None:
        super().__init__()
        self._before: Floats | None = None
        self._energy = 0.0
        self._step = 1.0 - float(np.exp(-1.0 / (PREVIEW_FPS * MEMORY_S)))

    def look(self, picture: Floats) -> None:
        """One picture."""
        if self._before is not None:
            change = picture - self._before
            self._energy += self._step * (float(np.mean(change * change)) - self._energy)
        self._before = picture

    def value(self) -> float:
        """Certainty 0..1."""
        return self._energy / (self._energy + HALF_AT)

    def forget(self) -> None:
        """Starts anew after a gap."""
        self._before, self._energy = None, 0.0
