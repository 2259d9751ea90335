"""Figures as JSON states them: a share with its hits and trials, a rate with its count and hours, both with their intervals."""

from __future__ import annotations

import math
from typing import Any

from models.metrics.intervals import Rate, Share


def share(found: Share) -> dict[str, Any]:
    """A share with its Wilson interval."""
    low, high = found.interval
    return {
        "hits": found.hits,
        "trials": found.trials,
        "value": number(found.value),
        "low": number(low),
        "high": number(high),
    }


def rate(found: Rate) -> dict[str, Any]:
    """A rate with its Poisson interval, an hour and a day."""
    low, high = found.interval_per_h
    return {
        "count": found.count, "hours": number(found.hours), "per_h": number(found.per_h), "low_per_h": number(low),
        "high_per_h": number(high), "per_24h": number(24 * found.per_h),
    }  # fmt: skip


def number(value: float) -> float | None:
    """A number that JSON knows: None for what was not measured."""
    return round(value, 6) if math.isfinite(value) else None
