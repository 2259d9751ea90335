"""Event scoring: the same counts as the reference library, its traps guarded, intervals and latency by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring

from models.metrics import EventScore, match, median, score_events, wilson


def events(rng: np.random.Generator, length_s: int, most: int) -> list[tuple[float, float]]:
    """Sorted events that do not touch, on the 0.1 s grid."""
    edges = np.sort(rng.choice(np.arange(1, length_s * 10), 2 * int(rng.integers(0, most + 1)), replace=False))
    return [(edge[0] / 10, edge[1] / 10) for edge in edges.reshape(-1, 2).tolist()]


def test_counts_equal_those_of_timescoring_on_a_thousand_random_recordings() -> None:
    rng = np.random.default_rng(3)
    for _ in range(1000):
        length_s = int(rng.integers(60, 4000))
        true, found = events(rng, length_s, 6), events(rng, length_s, 8)
        theirs = EventScoring(Annotation(true, 10, length_s * 10), Annotation(found, 10, length_s * 10))
        ours = score_events(true, found, length_s)
        assert (ours.true, ours.found, ours.false) == (theirs.refTrue, theirs.tp, theirs.fp)
        if ours.true:
            assert ours.sensitivity == pytest.approx(theirs.sensitivity)
        assert ours.false_per_h * 24 == pytest.approx(theirs.fpRate)


def test_unsorted_and_overlapping_events_count_as_if_they_were_tidy() -> None:
    true = [(1000.0, 1060.0)]
    assert score_events(true, [(3000.0, 3010.0), (1000.0, 1030.0), (1010.0, 1050.0)], 4000.0) == EventScore(
        1, 1, 1, 4000 / 3600
    )


def test_an_event_of_no_length_still_finds_and_still_disturbs() -> None:
    assert score_events([(1000.0, 1060.0)], [(1020.0, 1020.0), (2000.0, 2000.0)], 4000.0).found == 1
    assert score_events([(1000.0, 1060.0)], [(1020.0, 1020.0), (2000.0, 2000.0)], 4000.0).false == 1


def test_an_always_on_detector_pays_in_false_events() -> None:
    result = score_events([(1000.0, 1060.0)], [(0.0, 86_400.0)], 86_400.0)
    assert result.sensitivity == 1
    assert result.false == 287


def test_without_a_true_event_sensitivity_is_not_a_number() -> None:
    assert math.isnan(score_events([], [(1.0, 2.0)], 100.0).sensitivity)


@pytest.mark.parametrize("wrong", [(5.0, 4.0), (math.nan, 4.0), (0.0, math.inf)])
def test_an_event_that_is_no_span_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="no span"):
        score_events([wrong], [], 100.0)


def test_the_wilson_interval_of_no_misses_says_what_it_proves() -> None:
    assert wilson(20, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert wilson(18, 20) == pytest.approx((0.6990, 0.9721), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_matching_tells_latency_per_event_and_which_found_ones_are_false() -> None:
    true = [("tonic", 100.0, 120.0), ("automotor", 400.0, 460.0)]
    detections, false = match(true, [(104.0, 118.0, 107.0), (700.0, 710.0, 703.0)])
    assert [detection.latency_s for detection in detections] == [7.0, None]
    assert false == [1]


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert median([4.0, 1.0, 3.0, 2.0]) == 2.5
    assert math.isnan(median([]))
