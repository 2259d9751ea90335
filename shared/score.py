"""A score: what the detector says about one moment. In: the network's two outputs. Out: a frozen, checked record.

`value` is the network's certainty of a paroxysm, 0 to 1; `motor_types` shares 1 among the kinds of movement it knows.
`unseen_s` says how much of the last ten seconds the detector did not see (lost frames, restart, black picture); `no_ir_s` and
`no_depth_s` how much of it came with an infrared or a depth image that showed nothing (covered, saturated, switched off).
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from shared.contract import Contract, Nanoseconds, Share
from shared.ids import ReleaseName

UNSEEN_WINDOW_S = 10.0

# The order is the order of the network's motor-type output; a release that knows other classes says so in its card.
MOTOR_TYPES: tuple[str, ...] = (
    "quiet",
    "ordinary_motion",
    "rhythmic_other",
    "staff",
    "tonic_clonic",
    "hyperkinetic",
    "automotor",
    "tonic",
    "psychogenic",
)
PAROXYSM_TYPES: frozenset[str] = frozenset({"tonic_clonic", "hyperkinetic", "automotor", "tonic", "psychogenic"})


class Score(Contract):
    """One score. Times in ns; `value` and the motor shares 0..1; a NaN or a value outside is a ValidationError."""

    mono_ns: Nanoseconds
    utc_ns: Nanoseconds
    value: Share
    motor_types: dict[str, Share] = Field(max_length=64)
    release: ReleaseName
    unseen_s: float = Field(default=0.0, ge=0.0, le=UNSEEN_WINDOW_S)
    no_ir_s: float = Field(default=0.0, ge=0.0, le=UNSEEN_WINDOW_S)
    no_depth_s: float = Field(default=0.0, ge=0.0, le=UNSEEN_WINDOW_S)

    @property
    def motor_type(self) -> str:
        """The likeliest kind of movement, `unknown` when the network named none."""
        return max(self.motor_types, key=lambda name: self.motor_types[name], default="unknown")


def motor_shares(classes: Sequence[str], shares: Sequence[float]) -> dict[str, float]:
    """Pairs the network's output with the card's classes, clipped to 0..1. Raises ValueError when the numbers differ."""
    return {name: min(1.0, max(0.0, float(share))) for name, share in zip(classes, shares, strict=True)}
