"""The detector switches between two previews and loses none; a bad release is taken back by the bed itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge_agent.releases.state import Standing, keep_standing, load_standing
from edge_agent.releases.switching import Switching, opened_at_start
from shared.clock import NS_PER_S
from shared.detector_stream import RunStep
from shared.errors import Refused
from shared.heartbeat import ReleaseStage
from shared.release import ReleaseCard
from tests.edge_agent.detection.networks import make_card
from tests.edge_agent.detection.test_bed_detector import QUIET, SEIZURE, Bed, Network

Floats = npt.NDArray[np.float32]


class Ward:
    """A bed that runs `old`, and releases that can be opened by name."""

    def __init__(self, folder: Path) -> None:
        self.bed = Bed(folder)
        self.step_ns, self.now_ns = 1_000_000, 0
        self.opened: dict[str, tuple[ReleaseCard, RunStep]] = {
            name: (make_card(name, b""), Network()) for name in ("brightness", "new")
        }
        self.switching = Switching(
            self.bed.connection, self.bed.detector, self.opened["brightness"], self.open, self.bed.clock, self.timer
        )

    def open(self, name: str) -> tuple[ReleaseCard, RunStep]:
        if name not in self.opened:
            raise Refused(f"Release {name} cannot be opened.")
        return self.opened[name]

    def timer(self) -> int:
        self.now_ns += self.step_ns
        return self.now_ns

    def order(self, name: str = "new", number: int = 1) -> None:
        keep_standing(self.bed.connection, Standing(number, name, "", ReleaseStage.ready))

    def see(self, seconds: float, brightness: int = QUIET) -> list[str]:
        said = []
        for _ in range(round(seconds * 15)):
            if (sentence := self.switching.turn()) is not None:
                said.append(sentence)
            for outcome in self.switching.told:
                self.bed.reports += outcome.reports
                self.bed.scores += outcome.scores
            self.switching.told.clear()
            self.bed.push(self.bed.picture(brightness))
        return said

    @property
    def stage(self) -> ReleaseStage:
        found = load_standing(self.bed.connection)
        assert found is not None
        return found.stage


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path / "bed")
    with closing(made.bed.connection):
        yield made


def test_an_installed_release_runs_after_its_trial_and_its_scores_bear_its_name(ward: Ward) -> None:
    ward.see(20)
    ward.order()
    assert ward.see(60) == ["Release new is on trial.", "Release new has held its trial."]
    assert ward.stage is ReleaseStage.running
    assert {score.release for score in ward.bed.scores} == {"brightness", "new"}
    names = [score.release for score in ward.bed.scores]
    assert names == sorted(names), "one switch, and none back"
    steps = np.diff([score.mono_ns for score in ward.bed.scores])
    assert steps.min() > 0
    assert steps.max() <= NS_PER_S, "every preview after the switch was seen; the new filters begin within a second"


def test_an_open_event_is_not_cut_by_a_switch(ward: Ward) -> None:
    ward.see(5)
    ward.see(10, SEIZURE)
    ward.order()
    assert ward.see(10, SEIZURE) == []
    assert "Release new is on trial." in ward.see(60)
    assert ward.bed.phases[0] == "opened"
    assert ward.bed.phases.count("opened") == ward.bed.phases.count("closed") == 1


@pytest.mark.parametrize("fault", ["no number", "slow", "cannot be opened"])
def test_a_bad_release_is_taken_back_and_what_ran_before_runs_on(ward: Ward, fault: str) -> None:
    ward.see(10)

    def broken(feeds: dict[str, Floats]) -> Mapping[str, Floats]:
        return {**Network()(feeds), "score": np.array([np.nan], np.float32)}

    if fault == "no number":
        ward.opened["new"] = (make_card("new", b""), broken)
    elif fault == "slow":
        ward.step_ns = 61_000_000
    else:
        del ward.opened["new"]
    ward.order()
    said = ward.see(60)
    found = load_standing(ward.bed.connection)
    assert found is not None
    assert found.stage is ReleaseStage.fell_back
    assert "new" in found.sentence
    assert found.sentence in said[-1]
    assert ward.bed.scores[-1].release == "brightness"
    assert ward.bed.scores[-1].mono_ns > ward.bed.clock.now_ns - NS_PER_S


def test_after_a_restart_the_trial_begins_anew_and_a_release_that_is_gone_gives_way_to_that_of_the_settings(
    ward: Ward,
) -> None:
    standing = Standing(3, "new", "", ReleaseStage.trial, starts=1)
    assert opened_at_start(standing, "brightness", ward.open)[0].name == "new"
    ward.switching.resume(standing, "brightness")
    ward.see(60)
    assert ward.stage is ReleaseStage.running
    gone = Standing(3, "gone", "gone", ReleaseStage.running)
    assert opened_at_start(gone, "brightness", ward.open)[0].name == "brightness"
