"""The committed detector itself, streamed as at the bed: a handful of seizures, some sleep, and a control without learning."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.detector.course import NAME, write_control
from models.detector.nights import SPLITS, ordinary_night
from models.detector.trial import CONTROL_NAME, KINDS
from models.evaluation.contenders import Contender, rule_of
from models.evaluation.judge import judge
from models.evaluation.simulated import Case, Played, play
from models.evaluation.summary import summarise
from shared.detector_session import open_release
from shared.release import FILE_LIMIT_BYTES, verify_release
from shared.ward import Deed, Episode, Night

pytestmark = pytest.mark.timeout(600)
RELEASES = Path("models/releases")
SPARE_PATIENTS = list(SPLITS["test"])[32:]
"""Test patients whom the quick set leaves alone."""


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("control")
    write_control(folder, rule_of(RELEASES, NAME))
    return folder


def contenders(control: Path) -> list[Contender]:
    rules = (rule_of(RELEASES, NAME),)
    return [Contender(NAME, rules, RELEASES), Contender(CONTROL_NAME, rules, control)]


def short_night(patient: int, deed: Deed) -> Night:
    """Forty seconds of sleep with a turn, one paroxysm of 25 s (60 s where that is short for its kind), then sleep."""
    span_s = 25.0 if deed in {Deed.hypermotor, Deed.tonic} else 60.0
    episodes = (Episode(Deed.turning, 12.0, 5.0), Episode(deed, 40.0, span_s))
    return Night(patient, 2, 50.0 + span_s, episodes)


@pytest.fixture(scope="module")
def seizures(control: Path) -> list[Played]:
    nights = [short_night(patient, kind) for patient, kind in zip(SPARE_PATIENTS, KINDS, strict=False)]
    return [play(Case(night, "seizures"), contenders(control), rays=1) for night in nights]


def test_the_file_fits_its_card_and_its_card_says_simulated_and_research_only() -> None:
    card, _ = open_release(RELEASES, NAME)
    assert verify_release(RELEASES, NAME).stat().st_size <= FILE_LIMIT_BYTES["detector"]
    assert card.data.simulated
    assert card.intended_use.startswith("research only")
    assert card.trigger is not None
    assert card.trigger.pre_roll_s >= 30


def test_it_finds_at_least_four_of_five_kinds_of_paroxysm(seizures: list[Played]) -> None:
    found = summarise([judge(each.recording, each.events[NAME][0]) for each in seizures]).sensitivity["all"]
    assert found.trials == 5
    assert found.hits >= 4


def test_the_same_network_with_random_weights_finds_none(seizures: list[Played]) -> None:
    assert [each.events[CONTROL_NAME] for each in seizures] == [((),)] * 5


def test_ordinary_sleep_opens_at_most_one_event_in_ten_minutes(control: Path) -> None:
    night = ordinary_night(SPARE_PATIENTS[-1], 2, 600.0, per_h=20)
    assert len(night.episodes) >= 2
    assert len(play(Case(night, "ordinary"), contenders(control)[:1], rays=1).events[NAME][0]) <= 1


def test_the_control_is_a_release_of_its_own_name(control: Path) -> None:
    assert verify_release(control, CONTROL_NAME).name == f"{CONTROL_NAME}.onnx"
