"""Baselines: rhythm answers to rhythm, energy to any movement, always-on to nothing; all like a release to the outside."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from models.baselines.always_on import AlwaysOn
from models.baselines.band_power import BandPower
from models.baselines.motion_energy import MotionEnergy
from models.baselines.stepping import SteppedScorer
from shared.preview import PREVIEW_HEIGHT, PREVIEW_PERIOD_NS, PREVIEW_WIDTH, Preview
from shared.score import Score


def swaying(hz: float, seconds: float = 12.0, reach: float = 2.0, start_ns: int = 0) -> Iterator[Preview]:
    """A textured bed that sways sideways by `reach` pixels at `hz`, with the sensor's noise."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:PREVIEW_HEIGHT, :PREVIEW_WIDTH].astype(np.float32)
    for index in range(round(seconds * 15)):
        shift = reach * np.sin(2 * np.pi * hz * index / 15)
        tone = 100 + 25 * np.sin((x + shift) / 7) + 25 * np.cos(y / 9) + rng.normal(0, 0.8, x.shape)
        ir = np.rint(tone).astype(np.uint8)
        at_ns = start_ns + index * PREVIEW_PERIOD_NS
        yield Preview(index, at_ns, at_ns, ir, np.full_like(ir, 100))


def last(scorer: SteppedScorer, previews: Iterator[Preview]) -> float:
    scores = [score for preview in previews for score in scorer.push(preview)]
    return scores[-1].value


@pytest.mark.parametrize("hz", [2.5, 4.0, 5.5])
def test_band_power_is_sure_of_a_rhythm_between_two_and_six_hertz(hz: float) -> None:
    assert last(BandPower(), swaying(hz)) > 0.8


@pytest.mark.parametrize(("hz", "reach"), [(0.7, 4.0), (1.2, 4.0), (4.0, 0.0)])
def test_band_power_is_not_sure_of_slow_swaying_or_of_a_still_bed(hz: float, reach: float) -> None:
    assert last(BandPower(), swaying(hz, reach=reach)) < 0.3


def test_motion_energy_rises_with_any_movement() -> None:
    still, slow, fast = (last(MotionEnergy(), swaying(hz, reach=reach)) for hz, reach in ((1, 0.0), (1, 4.0), (3, 4.0)))
    assert still < 0.15 < slow < fast


@pytest.mark.parametrize("scorer", [BandPower, MotionEnergy, AlwaysOn])
def test_each_scores_three_times_a_second_and_passes_over_old_previews(scorer: type[SteppedScorer]) -> None:
    one = scorer()
    previews = list(swaying(3.0, seconds=4))
    scores = [score for preview in previews for score in one.push(preview)]
    assert len(scores) == 12
    assert all(isinstance(score, Score) and score.release == scorer.name for score in scores)
    assert [score for preview in previews for score in one.push(preview)] == []


def test_after_a_gap_the_rhythm_before_it_is_forgotten() -> None:
    one = BandPower()
    assert last(one, swaying(4.0)) > 0.8
    assert last(one, swaying(4.0, seconds=1, start_ns=60 * 10**9)) == 0


def test_always_on_is_always_sure() -> None:
    assert last(AlwaysOn(), swaying(0.1, reach=0.0)) == 1.0
