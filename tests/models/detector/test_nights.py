"""The nights: patients in one split only, every deed taught, tests apart from lessons."""

from __future__ import annotations

import pytest

from models.detector.course import lesson_nights
from models.detector.nights import LESSON_SHARES, MOTOR_OF, SPLITS, lesson, ordinary_night
from models.detector.train import Recipe
from models.detector.trial import full_set, quick_set, validation_nights
from models.evaluation.recording import Recording, check_apart
from models.evaluation.simulated import recording_of
from shared.score import MOTOR_TYPES, PAROXYSM_TYPES
from shared.ward import CONFOUNDERS, FIRST_DEEDS, PAROXYSMS, Deed


def test_each_stage_uses_patients_of_its_own_split_only() -> None:
    check_apart(SPLITS)
    stages = {
        "train": lesson_nights(Recipe()),
        "validation": [night for sort in validation_nights() for night in sort],
        "test": [case.night for case in [*quick_set(), *full_set()]],
    }
    for split, nights in stages.items():
        assert {night.patient_seed for night in nights} <= set(SPLITS[split])


def test_every_deed_of_the_first_ward_has_a_motor_type_and_is_taught() -> None:
    assert set(MOTOR_OF) == FIRST_DEEDS
    assert set(MOTOR_OF.values()) == set(MOTOR_TYPES)
    assert {MOTOR_OF[deed] for deed in PAROXYSMS & FIRST_DEEDS} == PAROXYSM_TYPES
    assert set(LESSON_SHARES) == FIRST_DEEDS - {Deed.sleep}


def test_a_lesson_is_the_same_each_time_and_dense() -> None:
    assert lesson(10_000, 0) == lesson(10_000, 0)
    assert lesson(10_000, 0) != lesson(10_001, 0)
    assert len(lesson(10_000, 0).episodes) >= 8


def of_sort(recordings: list[Recording], sort: str) -> list[Recording]:
    return [each for each in recordings if each.sort == sort]


def test_the_quick_set_has_twenty_seizures_of_five_kinds_and_two_ordinary_hours_without() -> None:
    recordings = [recording_of(case) for case in quick_set()]
    true = [truth for each in of_sort(recordings, "seizures") for truth in each.truths]
    assert sorted({truth.kind for truth in true}) == sorted(PAROXYSM_TYPES)
    assert len(true) == 20
    assert sum(each.length_s for each in of_sort(recordings, "ordinary")) == 7200
    assert [t for each in recordings if each.sort != "seizures" for t in each.truths] == []
    assert len({each.patient for each in recordings}) == 34
    assert {
        other.kind for each in of_sort(recordings, "confounders") for other in each.others
    } == CONFOUNDERS & FIRST_DEEDS


def test_the_full_set_is_as_large_as_a_figure_needs() -> None:
    recordings = [recording_of(case) for case in full_set()]
    true = [truth for each in recordings for truth in each.truths]
    assert len({each.patient for each in recordings}) >= 40
    assert len(true) >= 400
    assert sum(truth.kind == "tonic_clonic" for truth in true) >= 100
    assert sum(each.hours for each in of_sort(recordings, "ordinary")) >= 60
    assert sum(each.hours for each in recordings) >= 100


def test_ordinary_sleep_has_deeds_at_about_the_declared_pace() -> None:
    nights = [ordinary_night(patient, 9, 3600.0) for patient in range(100)]
    assert sum(len(night.episodes) for night in nights) / 100 == pytest.approx(7, abs=1.5)
