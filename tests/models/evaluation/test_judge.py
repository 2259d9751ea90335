"""Judging one recording: what counts as found, as false, as kept, and what nobody could have found."""

from __future__ import annotations

import pytest

from models.evaluation.judge import judge
from models.evaluation.recording import Stretch, check_apart
from models.metrics.matching import Truth
from shared.errors import Refused
from tests.models.evaluation.scenes import event, recording

TONIC = Truth("tonic", 1000.0, 1020.0)


def test_a_false_event_keeps_every_piece_that_its_clip_touches() -> None:
    judged = judge(recording(truths=(TONIC,)), [event(1004, 1020), event(2005, 2010)])
    assert [one.latency_s for one in judged.detections] == [7.0]
    assert [one.start_s for one in judged.false] == [2005]
    assert judged.false_bytes == 600
    assert judged.all_bytes == 36_000


def test_ictal_seconds_before_the_clip_are_outside_it_and_missed_seizures_do_not_count() -> None:
    long = Truth("automotor", 500.0, 600.0)
    judged = judge(recording(truths=(long, Truth("tonic", 3000.0, 3010.0))), [event(560, 580)])
    assert (judged.ictal_s, judged.ictal_inside_s) == (100.0, 70.0)


def test_a_seizure_that_was_not_recorded_is_told_apart_and_not_called_missed() -> None:
    gap = Stretch("power", 900.0, 1100.0)
    judged = judge(recording(truths=(TONIC,), deficient=(gap,)), [])
    assert judged.detections == ()
    assert judged.unrecorded == (TONIC,)
    assert judged.recording.hours == pytest.approx(3400 / 3600)


def test_a_seizure_of_which_a_part_was_recorded_can_be_missed() -> None:
    judged = judge(recording(truths=(TONIC,), deficient=(Stretch("bus", 900.0, 1015.0),)), [])
    assert [one.latency_s for one in judged.detections] == [None]


def test_causes_that_overlap_are_deficient_time_once() -> None:
    gaps = (Stretch("bus", 100.0, 200.0), Stretch("disk", 150.0, 250.0))
    assert recording(deficient=gaps).deficient_s == 150


def test_false_events_are_told_by_confounder_and_by_quiet_time() -> None:
    sawing, care = Stretch("sawing", 100.0, 130.0), Stretch("staff_care", 700.0, 760.0)
    judged = judge(recording(length_s=1200.0, others=(sawing, care)), [event(110, 135), event(500, 505)])
    assert (judged.confounders["sawing"].stretches, judged.confounders["sawing"].touched) == (1, 1)
    assert judged.confounders["staff_care"].touched == 0
    assert judged.quiet.touched == 1
    assert judged.quiet.seconds == 1200 - 40 - 70


def test_one_endless_false_event_is_not_one_false_alarm_of_quiet_time() -> None:
    judged = judge(recording(length_s=3000.0), [event(0, 3000)])
    assert len(judged.false) == 1
    assert judged.quiet.touched == 10


def test_a_patient_in_two_splits_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="Patient 5 is in the splits train and test"):
        check_apart({"train": [4, 5], "validation": [6], "test": [5]})
