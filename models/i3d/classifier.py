"""Classifies a clip: infrared frames in, class probabilities of the clip and of each 2-second window out. A suggestion, never a diagnosis."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor

from models.i3d.arithmetic import fast_arithmetic, to_batch, window_outputs
from models.i3d.artefact import Head, Network, load_networks
from models.i3d.clip_input import WINDOW_S, Frame, Window, windows_of
from models.i3d.crop import Square
from models.i3d.recipes import Frames, recipe_of, recipe_windows
from shared.errors import Refused
from shared.release import ReleaseCard

DEFAULT_THREADS = 2


class WindowSuggestion(TypedDict):
    """Class probabilities of one window that starts start_s seconds after the clip's start."""

    start_s: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class ClipVerdict:
    """The network's suggestion on one clip: probabilities by class (they sum to 1), and the trace over its windows."""

    probabilities: dict[str, float]
    windows: list[WindowSuggestion] = field(default_factory=list)
    abstains: bool = False
    """The largest probability is below the confidence that the card asks for: the network had better say nothing."""


class Classifier:
    """A loaded release. Uses at most `threads` threads of torch in this process."""

    def __init__(self, card: ReleaseCard, network: Network, head: Head, threads: int = DEFAULT_THREADS) -> None:
        self.card, self.network, self.head = card, network, head
        self.recipe = recipe_of(card.input.recipe or "ir")
        self._temperature = (card.calibration.temperature if card.calibration else None) or 1.0
        self._abstain_below = card.calibration.abstain_below if card.calibration else 0.0
        torch.set_num_threads(min(threads, torch.get_num_threads()))

    @classmethod
    def from_release(cls, folder: Path, name: str, threads: int = DEFAULT_THREADS) -> "Classifier":
        """Load release `name` from `folder`. Raises Refused when it is not what its card says."""
        return cls(*load_networks(folder, name), threads)

    def classify(self, ir_frames: Iterable[Frame], fps: float) -> ClipVerdict:
        """Classify uint8 infrared frames, an array (T, H, W) or anything that yields frames (H, W) one by one.

        Raises Refused for a release that reads more than infrared, no frames, a wrong dtype or size, an fps outside 1 to 240,
        or a clip of more than 2,000 windows.
        """
        if self.recipe.name != "ir":
            streams = " and ".join(self.recipe.streams)
            raise Refused(
                f"Release {self.card.name} reads {streams}; infrared alone was given.", release=self.card.name
            )
        return self._verdict(windows_of(ir_frames, fps, self.card.input.width))

    def classify_streams(self, frames: Iterable[Frames], fps: float, square: Square | None = None) -> ClipVerdict:
        """The same from frames by stream and the patient's square, by the recipe of the card (`recipes.recipe_windows`)."""
        return self._verdict(recipe_windows(frames, fps, self.recipe, self.card.input.width, square))

    @torch.inference_mode()
    def _verdict(self, clip_windows: Iterable[Window]) -> ClipVerdict:
        features, windows = [], []
        with fast_arithmetic():  # around all windows, so that the weights are converted once
            for index, window in enumerate(clip_windows):
                feature, scores = window_outputs(self.network, to_batch([window]))
                features.append(feature)
                windows.append(WindowSuggestion(start_s=index * WINDOW_S, probabilities=self._named(scores[0])))
        sequence = torch.cat(features)[None]
        clip = self.head(sequence, torch.ones(1, len(features), dtype=torch.bool))
        named = self._named(clip[0] / self._temperature)
        return ClipVerdict(named, windows, abstains=max(named.values()) < self._abstain_below)

    def _named(self, scores: Tensor) -> dict[str, float]:
        return dict(zip(self.card.classes, scores.softmax(dim=0).tolist(), strict=True))
