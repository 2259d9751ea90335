"""How well the classifier names the class of clips of simulated patients it never saw: macro-F1 with an interval, per class, per deed."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.i3d.arithmetic import to_batch, window_outputs
from models.i3d.artefact import Head, Network, load_networks
from models.i3d.clip_input import as_input
from models.i3d.scenes import CLASSES, TEST_PATIENTS, Clip, clip_means, draw_clips
from shared.release import Metric

Labels = NDArray[np.int64]
DRAWS = 2_000


@dataclass(frozen=True)
class Report:
    """What was measured: true and said class of each clip, its patient, the deed shown."""

    truth: Labels
    said: Labels
    patients: Labels
    deeds: list[str] = field(default_factory=list)

    def metrics(self) -> dict[str, Metric]:
        """Macro-F1 and F1 of each class with 95 % intervals over patients, and the share right of each deed."""
        metrics = {
            "macro_f1": self._metric(lambda truth, said: float(np.mean(f1_by_class(truth, said))), len(self.truth))
        }
        for index, name in enumerate(CLASSES):
            shown = int((self.truth == index).sum())
            metrics[f"f1_{name}"] = self._metric(partial(_f1_of, index), shown)
        rights: dict[str, list[bool]] = defaultdict(list)
        for deed, truth, said in zip(self.deeds, self.truth, self.said, strict=True):
            rights[f"right_{deed}"].append(bool(truth == said))
        for name, right in sorted(rights.items()):
            metrics[name] = Metric(value=round(float(np.mean(right)), 3), unit="share", n=len(right))
        return metrics

    def _metric(self, measure: Callable[[Labels, Labels], float], shown: int) -> Metric:
        low, high = patient_interval(self.truth, self.said, self.patients, measure)
        value = round(measure(self.truth, self.said), 3)
        return Metric(value=value, unit="F1", n=shown, low=round(low, 3), high=round(high, 3))


def f1_by_class(truth: Labels, said: Labels) -> NDArray[np.float64]:
    """F1 of each class; 0 for a class that is neither shown nor said."""
    scores = []
    for index in range(len(CLASSES)):
        both = int(((truth == index) & (said == index)).sum())
        either = int((truth == index).sum() + (said == index).sum())
        scores.append(2.0 * both / either if either else 0.0)
    return np.array(scores)


def _f1_of(index: int, truth: Labels, said: Labels) -> float:
    return float(f1_by_class(truth, said)[index])


def patient_interval(
    truth: Labels, said: Labels, patients: Labels, measure: Callable[[Labels, Labels], float]
) -> tuple[float, float]:
    """95 % percentile interval of a measure when patients, not clips, are drawn anew 2,000 times with a fixed seed."""
    rng = np.random.default_rng(0)
    names = np.unique(patients)
    rows = [np.flatnonzero(patients == name) for name in names]
    drawn = []
    for _ in range(DRAWS):
        chosen = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        drawn.append(measure(truth[chosen], said[chosen]))
    return float(np.percentile(drawn, 2.5)), float(np.percentile(drawn, 97.5))


def clip_features(network: Network, clip: Clip) -> torch.Tensor:
    """Features (windows, features) of one rendered clip."""
    return torch.cat([window_outputs(network, to_batch([as_input(means)]))[0] for means in clip_means(clip)])


@torch.inference_mode()
def evaluate_clips(network: Network, head: Head, *, count: int, seed: int, progress: Callable[[str], None]) -> Report:
    """Classify `count` fresh clips of test patients, each patient once while they last."""
    clips = draw_clips(TEST_PATIENTS, count, seed + 7_000)
    said = []
    for index, clip in enumerate(clips):
        features = clip_features(network, clip)
        scores = head(features[None], torch.ones(1, len(features), dtype=torch.bool))
        said.append(int(scores.argmax()))
        if (index + 1) % 12 == 0 or index + 1 == count:
            progress(f"test: {index + 1} of {count} clips")
    truth = np.array([clip.label for clip in clips])
    patients = np.array([clip.night.patient_seed for clip in clips])
    return Report(truth, np.array(said), patients, [clip.deed.value for clip in clips])


def evaluate_release(
    folder: Path, name: str, *, count: int = 60, seed: int = 1, progress: Callable[[str], None] = print
) -> Report:
    """The same for a release on disk. Raises Refused when the release is not what its card says."""
    _, network, head = load_networks(folder, name)
    return evaluate_clips(network, head, count=count, seed=seed, progress=progress)
