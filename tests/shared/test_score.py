"""A score: checked numbers and the likeliest kind of movement."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from shared.score import MOTOR_TYPES, PAROXYSM_TYPES, Score, motor_shares


def test_the_likeliest_kind_of_movement_names_the_score() -> None:
    score = Score(mono_ns=1, utc_ns=2, value=0.5, motor_types={"quiet": 0.2, "tonic": 0.8}, release="detector-test")
    assert score.motor_type == "tonic"


def test_a_score_without_kinds_says_unknown() -> None:
    assert Score(mono_ns=1, utc_ns=2, value=0.5, motor_types={}, release="detector-test").motor_type == "unknown"


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": float("nan")},
        {"value": 1.1},
        {"mono_ns": -1},
        {"motor_types": {"quiet": 2.0}},
        {"unseen_s": 11},
        {"no_ir_s": 11},
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    fields = {"mono_ns": 1, "utc_ns": 2, "value": 0.5, "motor_types": {}, "release": "detector-test"}
    with pytest.raises(ValidationError):
        Score.model_validate({**fields, **wrong})


def test_shares_are_paired_by_order_and_clipped() -> None:
    assert motor_shares(("quiet", "tonic"), (-0.0001, 1.0001)) == {"quiet": 0.0, "tonic": 1.0}
    with pytest.raises(ValueError, match="shorter"):
        motor_shares(("quiet", "tonic"), (1.0,))


def test_each_kind_of_paroxysm_is_a_motor_type() -> None:
    assert set(MOTOR_TYPES) > PAROXYSM_TYPES
