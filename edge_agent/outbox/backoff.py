"""Waiting times that grow and never march in step: in: how often it failed, a random source; out: nanoseconds to wait."""

from __future__ import annotations

import random
from dataclasses import dataclass

from shared.clock import NS_PER_S


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first_s` doubling with every failure up to `longest_s`, each drawn evenly from [least_share, 1] of that."""

    first_s: float
    longest_s: float
    least_share: float = 0.5

    def wait_ns(self, failures: int, dice: random.Random) -> int:
        """How long to wait after the `failures`-th failure in a row, counted from 1."""
        full_s = min(self.longest_s, self.first_s * 2.0 ** min(max(failures, 1) - 1, 32))
        return round(full_s * dice.uniform(self.least_share, 1.0) * NS_PER_S)
