"""Previews to scores: the detector's input, state and class names around any function that runs the network.

In: previews in time order and `run`, one step of the ONNX file (the bed hands in onnxruntime's session). Out: `Score`s.
Holds no network itself, so the bed and the evaluation share it and neither needs the other's libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from shared.detector_input import CHANNELS, MAP_HEIGHT, MAP_WIDTH, DetectorFrame, DetectorInput
from shared.errors import Refused
from shared.preview import Preview
from shared.release import ReleaseCard
from shared.score import UNSEEN_WINDOW_S, Score, motor_shares

Floats = npt.NDArray[np.float32]
RunStep = Callable[[dict[str, Floats]], Mapping[str, Floats]]
"""Takes `features` (1, 16, 26, 32), `state` (1, S); gives `score` (1,), `motor_types` (1, K), `next_state` (1, S)."""


def state_size(card: ReleaseCard) -> int:
    """S of a detector card. Refused when the card is not of a detector with this input and a single state."""
    shapes = {spec.name: spec.shape for spec in card.input.inputs}
    state = shapes.get("state", ())
    wanted = (1, len(CHANNELS), MAP_HEIGHT, MAP_WIDTH)
    if card.kind != "detector" or shapes.get("features") != wanted or card.input.state != {"state": "next_state"}:
        raise Refused(
            f"Release {card.name} is no detector that takes features {wanted} and one state.", release=card.name
        )
    if len(state) != 2 or not isinstance(state[1], int) or not 0 < state[1] <= 65_536:
        raise Refused(f"Release {card.name}: state must have the shape (1, S), S up to 65536.", release=card.name)
    return state[1]


class DetectorStream:
    """Scores of one bed in one boot. A network that gives a NaN scores 0, says that it saw nothing, and starts anew."""

    def __init__(self, card: ReleaseCard, run: RunStep) -> None:
        self.broken_steps = 0
        self._card = card
        self._run = run
        self._input = DetectorInput()
        self._empty = np.zeros((1, state_size(card)), np.float32)
        self._state = self._empty

    @property
    def late(self) -> int:
        """Previews passed over because they were not newer than the one before."""
        return self._input.late

    def push(self, preview: Preview) -> list[Score]:
        """The scores that this preview completes, three a second in all. Refused for a wrong shape or dtype."""
        frames = self._input.push(preview.ir, preview.depth, preview.mono_ns)
        return [self._score(frame, preview.utc_ns - (preview.mono_ns - frame.mono_ns)) for frame in frames]

    def _score(self, frame: DetectorFrame, utc_ns: int) -> Score:
        state = self._empty if frame.fresh else self._state
        out = self._run({"features": frame.features[None], "state": state})
        value, shares = float(out["score"][0]), out["motor_types"][0]
        whole = np.isfinite(value) and bool(np.isfinite(shares).all()) and bool(np.isfinite(out["next_state"]).all())
        self._state = out["next_state"] if whole else self._empty
        self.broken_steps += 0 if whole else 1
        return Score(
            mono_ns=max(0, frame.mono_ns),
            utc_ns=max(0, utc_ns),
            value=min(1.0, max(0.0, value)) if whole else 0.0,
            motor_types=motor_shares(self._card.classes, [float(share) for share in shares]) if whole else {},
            release=self._card.name,
            unseen_s=frame.unseen_s if whole else UNSEEN_WINDOW_S,
            no_ir_s=frame.no_ir_s,
            no_depth_s=frame.no_depth_s,
        )
