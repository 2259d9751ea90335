"""Switches the running detector to an installed release between two previews, watches its trial, and goes back when it fails.

In: the bed's detector, the standing in the database. Out: another detector inside, and the standing it earned.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.detection.bed_detector import BedDetector, Outcome
from edge_agent.releases.state import Standing, failed, keep_standing, load_standing, proven, to_run
from shared.clock import NS_PER_S, Clock
from shared.detector_stream import RunStep
from shared.errors import DeepEpilError, Refused, Transient
from shared.golden_preview import must_keep_budget
from shared.heartbeat import ReleaseStage
from shared.release import ReleaseCard

LOOK_NS = 2 * NS_PER_S
TRIAL_STEPS = 90
"""Half a minute of scores: the release has run on this bed, on its own camera."""
LONGEST_WAIT_NS = 600 * NS_PER_S
"""An open event is waited for so long; then it is closed and the switch made."""
Open = Callable[[str], tuple[ReleaseCard, RunStep]]
Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class _Trial:
    standing: Standing
    before: tuple[ReleaseCard, RunStep]
    spent_ns: list[int]


class Switching:
    """Call `turn` in every turn of the detector's loop; it looks each two seconds. `timer`: CPU time of this thread, in ns."""

    def __init__(
        self, connection: sqlite3.Connection, detector: BedDetector, opened: tuple[ReleaseCard, RunStep], open_by_name: Open,
        clock: Clock, timer: Callable[[], int] = time.thread_time_ns,
    ) -> None:  # fmt: skip
        self._connection, self._detector, self._open = connection, detector, open_by_name
        self._clock, self._timer = clock, timer
        self._running = opened
        self._trial: _Trial | None = None
        self._next_look_ns = 0
        self._wanted_since_ns: int | None = None
        self.told: list[Outcome] = []

    def turn(self) -> str | None:
        """Does what there is to do; returns a sentence for the log when something changed. `told` has what the switch gave."""
        now_ns = self._clock.monotonic_ns()
        if self._trial is not None and (verdict := self._judged(self._trial)) is not None:
            return verdict
        if now_ns < self._next_look_ns:
            return None
        self._next_look_ns = now_ns + LOOK_NS
        found = load_standing(self._connection)
        if found is None or found.stage is not ReleaseStage.ready:
            self._wanted_since_ns = None
            return None
        self._wanted_since_ns = self._wanted_since_ns or now_ns
        if self._detector.in_event and now_ns - self._wanted_since_ns < LONGEST_WAIT_NS:
            return None
        return self._begin(found)

    def resume(self, standing: Standing, of_settings: str) -> None:
        """After a start in the middle of a trial: the release runs already, the trial begins anew."""
        before = self._open(standing.running or of_settings)
        self._start_trial(standing, before, self._running)

    def _begin(self, found: Standing) -> str:
        try:
            opened = self._open(found.wanted)
            standing = keep_standing(
                self._connection, Standing(found.number, found.wanted, found.running, ReleaseStage.trial)
            )
            self._start_trial(standing, self._running, opened)
        except Transient as error:
            return error.sentence
        except DeepEpilError as error:
            keep_standing(self._connection, failed(found, error.sentence))
            return error.sentence
        return f"Release {found.wanted} is on trial."

    def _start_trial(
        self, standing: Standing, before: tuple[ReleaseCard, RunStep], now: tuple[ReleaseCard, RunStep]
    ) -> None:
        trial = _Trial(standing, before, [])
        self.told.append(self._detector.switch(now[0], self._timed(now[1], trial.spent_ns)))
        self._running, self._trial = now, trial

    def _timed(self, run: RunStep, spent_ns: list[int]) -> RunStep:
        def step(feeds: dict[str, Floats]) -> Mapping[str, Floats]:
            if len(spent_ns) >= TRIAL_STEPS:
                return run(feeds)
            began = self._timer()
            try:
                return run(feeds)
            finally:
                spent_ns.append(self._timer() - began)

        return step

    def _judged(self, trial: _Trial) -> str | None:
        name = trial.standing.wanted
        try:
            if self._detector.broken_steps:
                raise Refused(f"Release {name}: a step of its trial gave no number.")
            if len(trial.spent_ns) < TRIAL_STEPS:
                return None
            must_keep_budget(name, trial.spent_ns)
            keep_standing(self._connection, proven(trial.standing))
            self._trial = None
        except Refused as error:
            keep_standing(self._connection, failed(trial.standing, error.sentence))
            self.told.append(self._detector.switch(*trial.before))
            self._running, self._trial = trial.before, None
            return f"{error.sentence} Release {trial.before[0].name} runs again."
        except Transient as error:
            return error.sentence
        return f"Release {name} has held its trial."


def opened_at_start(standing: Standing | None, of_settings: str, open_by_name: Open) -> tuple[ReleaseCard, RunStep]:
    """What the detector starts with: the release that stands, or that of the settings where it cannot be opened any more."""
    name = to_run(standing, of_settings)
    try:
        return open_by_name(name)
    except Refused:
        if name == of_settings:
            raise
        return open_by_name(of_settings)
