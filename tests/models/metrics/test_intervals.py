"""Intervals: against published values, and wider where patients differ."""

from __future__ import annotations

import math

import pytest

from models.metrics.intervals import Rate, Share, by_patient, median, poisson, wilson


def test_the_wilson_interval_of_no_misses_says_what_it_proves() -> None:
    assert wilson(20, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert wilson(18, 20) == pytest.approx((0.6990, 0.9721), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (5, 1.623, 11.668), (100, 81.364, 121.627)])
def test_the_interval_of_a_count_is_about_the_exact_one(count: int, low: float, high: float) -> None:
    assert poisson(count) == pytest.approx((low, high), rel=0.01)


def test_no_false_event_in_two_hours_does_not_prove_none() -> None:
    rate = Rate(0, 2.0)
    assert rate.per_h == 0
    assert rate.interval_per_h[1] == pytest.approx(1.83, abs=0.01)
    assert Rate(3, 0.0).interval_per_h == (0.0, math.inf)


def test_patients_who_differ_make_the_interval_over_patients_wider_than_over_seizures() -> None:
    alike = by_patient({str(k): (8.0, 10.0) for k in range(10)})
    unlike = by_patient({str(k): (10.0 if k < 8 else 0.0, 10.0) for k in range(10)})
    assert alike == (0.8, 0.8)
    low, high = Share(80, 100).interval
    assert unlike[1] - unlike[0] > high - low


def test_one_patient_has_no_interval_over_patients_and_the_seed_is_fixed() -> None:
    assert all(math.isnan(value) for value in by_patient({"a": (1.0, 2.0)}))
    assert all(math.isnan(value) for value in by_patient({"a": (0.0, 0.0), "b": (0.0, 0.0)}))
    some = {str(k): (float(k), 10.0) for k in range(10)}
    assert by_patient(some) == by_patient(some)


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert median([4.0, 1.0, 3.0, 2.0]) == 2.5
    assert math.isnan(median([]))
