"""A night's plan: seeded, sorted, apart, with the deeds that the patient's syndrome allows."""

from itertools import pairwise

import pytest

from shared.ward import (
    CONFOUNDERS,
    PAROXYSMS,
    SEIZURES,
    Deed,
    Episode,
    Night,
    Syndrome,
    patient_of,
    plan_demo,
    plan_night,
)


def test_the_same_seeds_give_the_same_night_and_other_seeds_another() -> None:
    first = plan_night(4, 1, 3600, seizures_per_h=4, confounders_per_h=20)
    assert first == plan_night(4, 1, 3600, seizures_per_h=4, confounders_per_h=20)
    assert first != plan_night(4, 2, 3600, seizures_per_h=4, confounders_per_h=20)


def test_paroxysms_keep_clear_of_what_follows_and_fit_the_syndrome() -> None:
    for patient_seed in range(12):
        night = plan_night(patient_seed, 0, 7200, seizures_per_h=8, confounders_per_h=30)
        for episode, following in pairwise(night.episodes):
            assert episode.end_s <= following.start_s - (60 if episode.deed in PAROXYSMS else 12) + 1e-6
        if patient_of(patient_seed).syndrome is Syndrome.non_epileptic:
            assert not any(episode.deed in SEIZURES for episode in night.episodes)


def test_the_demo_starts_with_a_short_convulsion_at_35_seconds_and_goes_on_every_4_to_5_minutes() -> None:
    for patient_seed in range(8):
        demo = plan_demo(patient_seed, 3)
        starts = [episode.start_s for episode in demo.episodes if episode.deed in PAROXYSMS]
        kinds = {episode.deed for episode in demo.episodes if episode.deed in PAROXYSMS}
        assert demo.duration_s == 1200
        assert starts[0] == 35
        assert all(240 <= later - sooner <= 300 for sooner, later in pairwise(starts))
        assert len(kinds) >= 3
        assert any(episode.deed in CONFOUNDERS for episode in demo.episodes)


def test_nonsense_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="seizures_per_h"):
        plan_night(0, 0, 60, seizures_per_h=-1, confounders_per_h=0)
    with pytest.raises(ValueError, match="duration_s"):
        plan_night(0, 0, 0, seizures_per_h=0, confounders_per_h=0)
    with pytest.raises(ValueError, match="patient_seed"):
        plan_night(-1, 0, 60, seizures_per_h=0, confounders_per_h=0)
    overlapping = (Episode(Deed.tonic, 10, 20), Episode(Deed.coughing, 20, 5))
    with pytest.raises(ValueError, match="apart"):
        Night(0, 0, 60, overlapping)
