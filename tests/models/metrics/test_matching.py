"""Matching: latency per event, from the first motor sign where it is known."""

from __future__ import annotations

from models.metrics.matching import Truth, match


def test_matching_tells_latency_per_event_and_which_found_ones_are_false() -> None:
    true = [Truth("tonic", 100.0, 120.0), Truth("automotor", 400.0, 460.0)]
    detections, false = match(true, [(104.0, 118.0, 107.0), (700.0, 710.0, 703.0)])
    assert [detection.latency_s for detection in detections] == [7.0, None]
    assert false == [1]


def test_latency_counts_from_the_first_motor_sign_and_never_below_zero() -> None:
    true = [Truth("tonic_clonic", 100.0, 180.0, sign_s=112.0)]
    assert match(true, [(105.0, 180.0, 115.0)])[0][0].latency_s == 3.0
    assert match(true, [(95.0, 180.0, 101.0)])[0][0].latency_s == 0.0


def test_an_event_that_was_over_before_the_seizure_makes_no_latency_better() -> None:
    true = [Truth("automotor", 100.0, 160.0)]
    assert match(true, [(60.0, 75.0, 64.0), (103.0, 160.0, 109.0)])[0][0].latency_s == 9.0
    assert match(true, [(60.0, 75.0, 64.0)])[0][0].latency_s == 0.0
    assert match(true, [(60.0, 105.0, 64.0), (120.0, 160.0, 124.0)])[0][0].latency_s == 0.0
