"""The nights: patients in one split only, every deed taught, tests apart from lessons."""

from __future__ import annotations

import pytest

from models.detector.course import lesson_nights, validation_nights
from models.detector.nights import LESSON_SHARES, MOTOR_OF, SPLITS, check_splits, lesson, ordinary_night, paroxysms_of
from models.detector.train import Recipe
from models.detector.trial import trial_nights
from shared.errors import Refused
from shared.score import MOTOR_TYPES, PAROXYSM_TYPES
from shared.ward import PAROXYSMS, Deed


def test_a_patient_in_two_splits_is_refused_by_number() -> None:
    with pytest.raises(Refused, match="Patient 5 is in the splits train and test"):
        check_splits({"train": [4, 5], "validation": [6], "test": [5]})


def test_each_stage_uses_patients_of_its_own_split_only() -> None:
    trial = trial_nights()
    stages = {
        "train": lesson_nights(Recipe()),
        "validation": [night for sort in validation_nights() for night in sort],
        "test": [*trial.seizures, *trial.ordinary, *trial.stress],
    }
    for split, nights in stages.items():
        assert {night.patient_seed for night in nights} <= set(SPLITS[split])


def test_every_deed_has_a_motor_type_and_is_taught() -> None:
    assert set(MOTOR_OF) == set(Deed)
    assert set(MOTOR_OF.values()) == set(MOTOR_TYPES)
    assert {MOTOR_OF[deed] for deed in PAROXYSMS} == PAROXYSM_TYPES
    assert set(LESSON_SHARES) == set(Deed) - {Deed.sleep}


def test_a_lesson_is_the_same_each_time_and_dense() -> None:
    assert lesson(10_000, 0) == lesson(10_000, 0)
    assert lesson(10_000, 0) != lesson(10_001, 0)
    assert len(lesson(10_000, 0).episodes) >= 8


def test_the_trial_has_twenty_seizures_of_five_kinds_and_two_ordinary_hours_without() -> None:
    trial = trial_nights()
    true = [event for night in trial.seizures for event in paroxysms_of(night)]
    assert sorted({kind for kind, _, _ in true}) == sorted(PAROXYSM_TYPES)
    assert len(true) == 20
    assert sum(night.duration_s for night in trial.ordinary) == 7200
    assert [event for night in [*trial.ordinary, *trial.stress] for event in paroxysms_of(night)] == []
    assert len({night.patient_seed for night in [*trial.seizures, *trial.ordinary, *trial.stress]}) == 32


def test_ordinary_sleep_has_deeds_at_about_the_declared_pace() -> None:
    nights = [ordinary_night(patient, 9, 3600.0) for patient in range(100)]
    assert sum(len(night.episodes) for night in nights) / 100 == pytest.approx(7, abs=1.5)
