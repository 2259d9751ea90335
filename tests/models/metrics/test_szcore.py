"""Event scoring: the same counts as the reference library, and its traps guarded."""

from __future__ import annotations

import math

import numpy as np
import pytest
from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring

from models.metrics.szcore import EventScore, score_events


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


@pytest.mark.parametrize("outside", [(-20.0, -10.0), (101.0, 130.0)])
def test_an_event_outside_the_recording_is_refused_and_not_moved_to_its_edge(outside: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="outside the recording"):
        score_events([], [outside], 100.0)


def test_an_event_that_began_before_the_recording_counts_with_the_part_inside() -> None:
    assert score_events([(-5.0, 20.0)], [(-3.0, 2.0)], 100.0).found == 1


def test_messy_lists_count_as_the_library_counts_the_tidy_ones() -> None:
    rng = np.random.default_rng(8)
    for _ in range(200):
        length_s = int(rng.integers(600, 4000))
        starts = rng.uniform(0, length_s - 100, 6)
        messy = [(float(start), float(start + rng.uniform(0.2, 90))) for start in starts]
        grid = np.zeros(length_s * 10, bool)
        for start, end in messy:
            grid[round(start * 10) : round(end * 10)] = True
        true = events(rng, length_s, 5)
        theirs = EventScoring(Annotation(true, 10, length_s * 10), Annotation(grid, 10))
        ours = score_events(true, messy, length_s)
        assert (ours.true, ours.found, ours.false) == (theirs.refTrue, theirs.tp, theirs.fp)
