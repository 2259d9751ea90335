"""From a trial's figures to a release: a missed goal is none, each figure says how many cases it rests on."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.detector.course import write_control
from models.detector.judgement import release_of
from models.detector.trial import CONTROL_NAME, Event, Played, figures_of, trial_nights
from shared.errors import Refused
from shared.results import Figure
from shared.trigger import TriggerRule


def figures(found: int, false: int) -> dict[str, Figure]:
    """A trial in which the first `found` paroxysms are found after 5 s, with `false` events in ordinary sleep."""
    nights = trial_nights()
    seizures = [
        Played(night, (Event(start + 2, start + 12, start + 5, "tonic", 0.9),) if index < found else (), 0)
        for index, night in enumerate(nights.seizures)
        for start in [night.episodes[-1].start_s]
    ]
    stray = tuple(Event(200.0 * k + 9, 200.0 * k + 20, 200.0 * k + 14, "automotor", 0.8) for k in range(false))
    ordinary = [Played(night, stray if index == 0 else (), 0) for index, night in enumerate(nights.ordinary)]
    return figures_of(seizures, ordinary, [Played(night, (), 0) for night in nights.stress])


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    write_control(tmp_path, TriggerRule(open_at=0.6, close_at=0.3, min_length_s=3))
    return tmp_path


def test_a_trial_that_holds_its_goals_puts_its_figures_into_the_card(candidate: Path) -> None:
    card = release_of(candidate, CONTROL_NAME, figures(found=18, false=2))
    share = card.metrics["sensitivity_all"]
    assert (share.value, share.n, share.low, share.high) == (0.9, 20, 0.699, 0.972)
    assert card.metrics["sensitivity_tonic_clonic"].n == 4
    assert card.metrics["false_events_per_h"].value == 1.0
    assert card.metrics["latency_median_s"].value == 5.0


@pytest.mark.parametrize(("found", "false", "missed"), [(17, 0, "found_seizures"), (20, 3, "false_events_ordinary")])
def test_a_missed_goal_is_refused_by_name(candidate: Path, found: int, false: int, missed: str) -> None:
    with pytest.raises(Refused, match=missed):
        release_of(candidate, CONTROL_NAME, figures(found, false))


def test_a_control_that_finds_anything_is_a_missed_goal(candidate: Path) -> None:
    told = figures(found=20, false=0) | {"random_weights_events": Figure(1, "", "0", False)}
    with pytest.raises(Refused, match="random_weights_events"):
        release_of(candidate, CONTROL_NAME, told)
