"""A detector that is always sure: finds every seizure and keeps everything. What a score must not reward."""

from __future__ import annotations

from models.baselines.stepping import Floats, SteppedScorer


class AlwaysOn(SteppedScorer):
    """Score 1 at every step."""

    name = "always-on"

    def look(self, picture: Floats) -> None:
        """Sees nothing."""

    def value(self) -> float:
        """Always sure."""
        return 1.0

    def forget(self) -> None:
        """Has nothing to forget."""
