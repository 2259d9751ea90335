"""Probabilities that mean what they say: one temperature, fitted on validation patients, and a confidence below which nothing is said.

In: scores (clips, classes), true classes, patients. Out: the card's `Calibration`. Temperature scaling is that of Guo et al. 2017.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from shared.errors import Refused
from shared.release import Calibration, CalibrationBin

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
BINS = 10
COLDEST, HOTTEST, STEPS = 0.05, 20.0, 240


def probabilities(scores: Floats, temperature: float = 1.0) -> Floats:
    """Softmax of scores / temperature along the last axis."""
    scaled = scores / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def calibrate(
    scores: Floats, truth: Labels, patients: Labels, measured: datetime, wanted_accuracy: float = 0.8
) -> Calibration:
    """The temperature of least negative log likelihood, each patient with the same weight, and the confidence to speak from.

    abstain_below is the lowest confidence from which on the clips that are left are right in `wanted_accuracy` of the cases; 1
    when none is. Raises Refused for scores that are no numbers, a class that is not among them, or fewer than two patients.
    """
    if scores.ndim != 2 or not np.isfinite(scores).all() or len(scores) != len(truth) or len(truth) != len(patients):
        raise Refused("Calibration needs finite scores (clips, classes), with a class and a patient for each clip.")
    if len(np.unique(patients)) < 2:
        raise Refused("Calibration needs clips of at least two validation patients.")
    if truth.min() < 0 or truth.max() >= scores.shape[1]:
        raise Refused(f"A true class is not among the {scores.shape[1]} classes of the scores.")
    _, index, counts = np.unique(patients, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[index]
    grid = np.geomspace(COLDEST, HOTTEST, STEPS)
    losses = [_loss(scores, truth, weights, float(temperature)) for temperature in grid]
    temperature = float(grid[int(np.argmin(losses))])
    shares = probabilities(scores, temperature)
    bins = tuple(confidence_bins(shares, truth))
    return Calibration(
        measured=measured,
        temperature=round(temperature, 4),
        error=round(sum(abs(one.said - one.right) * one.n for one in bins) / len(truth), 4),
        abstain_below=round(_speak_from(shares, truth, wanted_accuracy), 4),
        n=len(truth),
        bins=bins,
    )


def _loss(scores: Floats, truth: Labels, weights: Floats, temperature: float) -> float:
    said = probabilities(scores, temperature)[np.arange(len(truth)), truth]
    return float(-(weights * np.log(np.maximum(said, 1e-12))).sum() / weights.sum())


def _speak_from(shares: Floats, truth: Labels, wanted: float) -> float:
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    for threshold in np.concatenate([[0.0], np.sort(confidence)]):
        spoken = confidence >= threshold
        if right[spoken].mean() >= wanted:
            return float(np.floor(threshold * 1e4) / 1e4)
    return 1.0


def confidence_bins(shares: Floats, truth: Labels) -> list[CalibrationBin]:
    """Ten equal bins of confidence, the empty ones left out: mean confidence, share of right answers, clips."""
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        CalibrationBin(
            said=float(confidence[bins == b].mean()), right=float(right[bins == b].mean()), n=int((bins == b).sum())
        )
        for b in np.unique(bins)
    ]
