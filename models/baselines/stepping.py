"""Scores of a method that needs no network: three a second, like the release's, from a value at each preview."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from shared.detector_input import STEP_FPS
from shared.preview import PREVIEW_FPS, Preview
from shared.score import Score

Floats = npt.NDArray[np.float32]
STEP_PREVIEWS = round(PREVIEW_FPS / STEP_FPS)
FORGET_NS = 600_000_000
"""After a longer gap between previews the method starts anew."""


def half_size(preview: Preview) -> Floats:
    """The infrared picture as means of 2 x 2 pixels, float32 (53, 64)."""
    wide = preview.ir.astype(np.float32)
    rows = wide[0::2] + wide[1::2]
    means: Floats = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    return means


class SteppedScorer(ABC):
    """Feeds on previews in time order; a method says what each shows and, at each step, how sure it is of a seizure."""

    name: str

    def __init__(self) -> None:
        self._newest_ns: int | None = None
        self._count = 0

    @abstractmethod
    def look(self, picture: Floats) -> None:
        """One picture, float32 (53, 64)."""

    @abstractmethod
    def value(self) -> float:
        """Certainty 0..1 at this step."""

    @abstractmethod
    def forget(self) -> None:
        """Nothing seen so far counts any more."""

    def push(self, preview: Preview) -> list[Score]:
        """The score that this preview completes, if it does. Previews that are not newer are passed over."""
        newest_ns = self._newest_ns
        if newest_ns is not None and preview.mono_ns <= newest_ns:
            return []
        if newest_ns is not None and preview.mono_ns - newest_ns > FORGET_NS:
            self.forget()
        self._newest_ns = preview.mono_ns
        self.look(half_size(preview))
        self._count = (self._count + 1) % STEP_PREVIEWS
        if self._count:
            return []
        value = min(1.0, max(0.0, self.value()))
        return [
            Score(
                mono_ns=preview.mono_ns, utc_ns=preview.utc_ns, value=value, motor_types={"unknown": 1.0},
                release=self.name,
            )
        ]  # fmt: skip
