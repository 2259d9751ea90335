"""Contenders over simulated nights: played once, kept, the same trigger for all, disturbed where that is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.evaluation.contenders import BASELINES, Contender
from models.evaluation.disturbances import DISTURBANCES, IR_NOISE, LOST_SHARE
from models.evaluation.simulated import Case, play, play_all, previews_of
from models.evaluation.watch import at_threshold
from shared.errors import Refused
from shared.preview import PREVIEW_HEIGHT, PREVIEW_PERIOD_NS, PREVIEW_WIDTH, Preview
from shared.trigger import TriggerRule
from shared.ward import Deed, Episode, Night
from tests.edge_agent.detection.networks import put_release

RULE = TriggerRule(open_at=0.6, close_at=0.3, min_length_s=3)
SAWING = Case(Night(20_001, 3, 50.0, (Episode(Deed.sawing, 12.0, 25.0),)), "confounders")


def test_always_on_opens_at_once_and_closes_at_the_end() -> None:
    (event,) = play(SAWING, [Contender("always-on", (RULE,))], rays=1).events["always-on"][0]
    assert event.start_s < 1
    assert event.end_s > 49


def test_the_published_rhythm_detector_fires_on_sawing_on_this_ward() -> None:
    rules = (at_threshold(RULE, 0.7), at_threshold(RULE, 1.0))
    loose, strict = play(SAWING, [Contender("band-power", rules)], rays=1).events["band-power"]
    assert [12 < event.decided_s < 40 for event in loose] == [True]
    assert strict == ()


def test_a_night_that_was_played_is_read_and_not_played_again(tmp_path: Path) -> None:
    case = Case(Night(20_001, 3, 8.0, ()), "ordinary")
    who = [Contender("always-on", (RULE,))]
    told: list[str] = []
    first = play_all([case], who, tmp_path, "ward-1", told.append, processes=1)
    (kept,) = tmp_path.glob("*.json")
    assert play_all([case], who, tmp_path, "ward-1", told.append, processes=1) == first
    assert "1 of 1 nights were played before" in told
    play_all([case], who, tmp_path, "ward-2", told.append, processes=1)
    play_all([case], [Contender("always-on", (at_threshold(RULE, 0.5),))], tmp_path, "ward-1", told.append, processes=1)
    assert len(list(tmp_path.glob("*.json"))) == 3
    assert kept.exists()


def test_a_contender_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"no baseline oracle; there are .*always-on"):
        Contender("oracle", (RULE,)).open()
    with pytest.raises(Refused, match="cannot be read"):
        Contender("oracle", (RULE,), tmp_path).open()
    put_release(tmp_path)
    assert Contender("brightness", (RULE,), tmp_path).open() is not None
    assert {Contender(name, (RULE,)).identity()[0] for name in BASELINES} == set(BASELINES)


def still(count: int = 300) -> Iterator[Preview]:
    ir = np.full((PREVIEW_HEIGHT, PREVIEW_WIDTH), 100, np.uint8)
    depth = np.full_like(ir, 90)
    depth[:10] = 0
    return (Preview(k, k * PREVIEW_PERIOD_NS, k * PREVIEW_PERIOD_NS, ir, depth) for k in range(count))


def test_a_tenth_of_the_frames_is_lost_and_the_same_ones_each_time() -> None:
    lost = [preview.index for preview in DISTURBANCES["lost_frames_10_percent"](still(2000), 7)]
    assert 2000 - len(lost) == pytest.approx(2000 * LOST_SHARE, rel=0.2)
    assert lost == [preview.index for preview in DISTURBANCES["lost_frames_10_percent"](still(2000), 7)]


def test_noise_is_added_where_there_is_depth_and_nowhere_else() -> None:
    noisy = next(DISTURBANCES["noise_x2"](still(), 7))
    assert float(noisy.ir.std()) == pytest.approx(np.sqrt(3) * IR_NOISE, rel=0.1)
    assert noisy.depth[:10].max() == 0
    assert noisy.depth[10:].min() > 0


def test_every_disturbance_keeps_times_and_shapes_and_an_unknown_one_is_refused() -> None:
    for disturb in DISTURBANCES.values():
        for preview in disturb(still(5), 1):
            assert preview.ir.shape == (106, 128)
            assert {str(preview.ir.dtype), str(preview.depth.dtype)} == {"uint8"}
            assert preview.mono_ns == preview.index * PREVIEW_PERIOD_NS
    with pytest.raises(Refused, match="no disturbance fog"):
        previews_of(Case(SAWING.night, "ordinary", "fog"))
