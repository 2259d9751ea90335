"""The stream from previews to scores, with a network made of plain functions."""

from __future__ import annotations

import numpy as np
import pytest

from shared.detector_stream import DetectorStream, Floats
from shared.errors import Refused
from shared.preview import PREVIEW_PERIOD_NS, Preview
from shared.release import ReleaseCard
from tests.shared.test_release import FIELDS


def card(**changes: object) -> ReleaseCard:
    shape = {"name": "features", "shape": [1, 16, 26, 32], "dtype": "float32"}
    state = {"name": "state", "shape": [1, 3], "dtype": "float32"}
    spec = {**FIELDS["input"], "inputs": [shape, state], **changes}
    return ReleaseCard.model_validate({**FIELDS, "input": spec})


def counting(feeds: dict[str, Floats]) -> dict[str, Floats]:
    """A network whose state counts its steps and whose score is a hundredth of the count."""
    state = feeds["state"] + 1
    return {
        "score": (state[0, :1] / 100).astype(np.float32),
        "motor_types": np.array([[0.25, 0.75]], np.float32),
        "next_state": state,
    }


def previews(count: int, start_ns: int = 0) -> list[Preview]:
    rng = np.random.default_rng(1)
    shape = (106, 128)
    return [
        Preview(
            i,
            start_ns + i * PREVIEW_PERIOD_NS,
            10**18 + start_ns + i * PREVIEW_PERIOD_NS,
            rng.integers(0, 255, shape, dtype=np.uint8),
            rng.integers(1, 255, shape, dtype=np.uint8),
        )
        for i in range(count)
    ]


def test_the_state_goes_from_step_to_step_and_scores_carry_times_names_and_release() -> None:
    stream = DetectorStream(card(), counting)
    scores = [score for preview in previews(30) for score in stream.push(preview)]
    assert [score.value for score in scores] == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    assert scores[-1].mono_ns == 29 * PREVIEW_PERIOD_NS
    assert scores[-1].utc_ns == 10**18 + 29 * PREVIEW_PERIOD_NS
    assert scores[-1].motor_types == {"quiet": 0.25, "tonic": 0.75}
    assert scores[-1].release == "detector-test"


def test_after_a_long_gap_the_state_starts_at_zero() -> None:
    stream = DetectorStream(card(), counting)
    for preview in previews(30):
        stream.push(preview)
    scores = [score for preview in previews(5, start_ns=60 * 10**9) for score in stream.push(preview)]
    assert [score.value for score in scores] == pytest.approx([0.01])


def test_a_step_that_is_not_a_number_scores_nothing_seen_and_starts_anew() -> None:
    steps = iter([False, False, True, False])

    def failing(feeds: dict[str, Floats]) -> dict[str, Floats]:
        out = counting(feeds)
        return {**out, "next_state": out["next_state"] * np.float32(np.nan)} if next(steps) else out

    stream = DetectorStream(card(), failing)
    scores = [score for preview in previews(20) for score in stream.push(preview)]
    assert [score.value for score in scores] == pytest.approx([0.01, 0.02, 0.0, 0.01])
    assert scores[2].unseen_s == 10
    assert stream.broken_steps == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": [{"name": "features", "shape": [1, 16, 26, 32], "dtype": "float32"}]},
        {"inputs": [{"name": "features", "shape": [1, 3, 26, 32], "dtype": "float32"}]},
        {"state": {}},
    ],
)
def test_a_card_of_another_kind_of_network_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Refused, match="detector-test"):
        DetectorStream(card(**changes), counting)
