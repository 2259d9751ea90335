"""Figures over many recordings: by type, by patient, with what they rest on."""

from __future__ import annotations

import math

import pytest

from models.evaluation.curve import Point, beaten_by, curve_rules
from models.evaluation.judge import judge
from models.evaluation.recording import Stretch
from models.evaluation.summary import summarise
from models.metrics.intervals import Share
from models.metrics.matching import Truth
from shared.trigger import TriggerRule
from tests.models.evaluation.scenes import event, recording

TONIC, CLONIC = Truth("tonic", 1000.0, 1020.0), Truth("tonic_clonic", 2000.0, 2060.0, sign_s=2010.0)


def test_sensitivity_and_latency_stand_by_type_and_over_all() -> None:
    judged = [
        judge(recording(truths=(TONIC, CLONIC)), [event(1002, 1020, decided_s=1006), event(2012, 2060)]),
        judge(recording(patient="p2", truths=(TONIC,)), [event(3000, 3010, kind="hyperkinetic")]),
    ]
    summary = summarise(judged)
    assert {kind: (share.hits, share.trials) for kind, share in summary.sensitivity.items()} == {
        "all": (2, 3), "tonic": (1, 2), "tonic_clonic": (1, 1),
    }  # fmt: skip
    assert summary.latency["tonic_clonic"].median_s == 5
    assert summary.latency["all"].within[10.0].hits == 2
    assert (summary.of_patient["p1"].hits, summary.of_patient["p2"].hits) == (2, 0)
    assert (summary.false.count, summary.false.hours) == (1, 2.0)
    assert summary.false_by_type["hyperkinetic"].count == 1
    assert (summary.patients_with_false.hits, summary.patients_with_false.trials) == (1, 2)
    assert summary.precision.value == pytest.approx(2 / 3)
    assert summary.f1 == pytest.approx(2 * 2 / (2 + 3 + 1))


def test_rates_are_of_the_time_that_was_recorded() -> None:
    summary = summarise([judge(recording(deficient=(Stretch("power", 0.0, 1800.0),)), [event(2000, 2010)])])
    assert summary.false.per_h == 2
    assert summary.deficient_hours == 0.5


def test_without_seizures_sensitivity_is_not_a_number_and_nothing_breaks() -> None:
    summary = summarise([judge(recording(), [])])
    assert math.isnan(summary.sensitivity["all"].value)
    assert math.isnan(summary.ictal_inside_share)
    assert summary.false_bytes_share == 0


def point(hits: int, false: float) -> Point:
    return Point(0.5, Share(hits, 10), false, 10 * false)


def test_a_contender_is_beaten_where_another_finds_as_much_with_no_more_false_events() -> None:
    mine = [point(9, 1.0), point(7, 0.1)]
    assert beaten_by(mine, [point(9, 1.5), point(6, 0.1), point(0, 0.0)]) == []
    assert beaten_by(mine, [point(9, 0.9), point(10, 50.0)]) == [point(9, 0.9), point(10, 50.0)]


def test_the_curve_keeps_the_share_between_the_thresholds() -> None:
    rules = curve_rules(TriggerRule(open_at=0.6, close_at=0.3, min_length_s=3))
    assert all(rule.close_at == pytest.approx(rule.open_at / 2) for rule in rules)
    assert {rule.min_length_s for rule in rules} == {3}
