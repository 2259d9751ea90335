"""How sure a figure is: the Wilson interval of a share, the interval of a rate, a bootstrap over patients, and the median."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Z_95 = 1.959963984540054
BOOTSTRAP_ROUNDS = 1_000
BOOTSTRAP_SEED = 20_221


@dataclass(frozen=True, slots=True)
class Share:
    """Hits of trials with the Wilson interval, 95 %. `value` is NaN when nothing was tried."""

    hits: int
    trials: int

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Its Wilson interval."""
        return wilson(self.hits, self.trials)


@dataclass(frozen=True, slots=True)
class Rate:
    """A count over hours with its Poisson interval, 95 %. `per_h` is NaN when no time was watched."""

    count: int
    hours: float

    @property
    def per_h(self) -> float:
        """How many an hour."""
        return self.count / self.hours if self.hours > 0 else math.nan

    @property
    def interval_per_h(self) -> tuple[float, float]:
        """The interval of `per_h`; (0, infinity) when no time was watched."""
        if self.hours <= 0:
            return 0.0, math.inf
        low, high = poisson(self.count)
        return low / self.hours, high / self.hours


def wilson(hits: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share (Wilson 1927), 95 % by default; (0, 1) when nothing was tried."""
    if trials == 0:
        return 0.0, 1.0
    share, weight = hits / trials, z * z / trials
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / trials + weight / (4 * trials)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def poisson(count: int, z: float = Z_95) -> tuple[float, float]:
    """The interval of a Poisson count by Byar's approximation (Breslow and Day 1987), 95 % by default.

    Its upper limit is within 1 % of the exact one, its lower one from five events on; below, it is a little wide.
    """
    low = 0.0 if count == 0 else count * (1 - 1 / (9 * count) - z / (3 * math.sqrt(count))) ** 3
    more = count + 1
    return max(0.0, low), more * (1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3


def by_patient(
    of_patient: Mapping[str, tuple[float, float]], rounds: int = BOOTSTRAP_ROUNDS, seed: int = BOOTSTRAP_SEED
) -> tuple[float, float]:
    """The 95 % interval of sum(a) / sum(b) when patients, each with (a, b), are drawn anew with replacement.

    Patients differ more than seizures of one patient do, which an interval over seizures does not see. Percentiles over
    `rounds` draws from a fixed seed. (NaN, NaN) with fewer than two patients or when no draw has a b above 0.
    """
    if len(of_patient) < 2:
        return math.nan, math.nan
    pairs = np.array([of_patient[name] for name in sorted(of_patient)], np.float64)
    rng = np.random.default_rng(seed)
    sums = pairs[rng.integers(0, len(pairs), (rounds, len(pairs)))].sum(1)
    some = sums[:, 1] > 0
    if not some.any():
        return math.nan, math.nan
    low, high = np.percentile(sums[some, 0] / sums[some, 1], (2.5, 97.5))
    return float(low), float(high)


def median(values: Sequence[float]) -> float:
    """The middle value; NaN without any."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
