"""What may be asked, and how a wish stands."""

from __future__ import annotations

import pytest

from cloud.pulls.rules import Arrived, PullState, Standing, must_be_askable, standing_of
from shared.clock import NS_PER_S
from shared.errors import Refused

NOW_NS = 1_780_000_000 * NS_PER_S
NOT_HERE, KNOWN, SEEN, STORED = (
    Arrived(False, False, False),
    Arrived(True, False, False),
    Arrived(True, True, False),
    Arrived(True, True, True),
)


@pytest.mark.parametrize(
    ("state", "parts", "standing"),
    [
        (PullState.asked, [], Standing.asked),
        (PullState.answered, [NOT_HERE], Standing.answered),
        (PullState.answered, [KNOWN, NOT_HERE], Standing.arriving),
        (PullState.answered, [SEEN], Standing.arriving),
        (PullState.answered, [STORED, SEEN], Standing.arriving),
        (PullState.answered, [STORED, STORED], Standing.stored),
        (PullState.nothing, [], Standing.nothing),
        (PullState.refused, [], Standing.refused),
        (PullState.expired, [], Standing.expired),
    ],
)
def test_a_wish_stands_where_its_parts_are(state: PullState, parts: list[Arrived], standing: Standing) -> None:
    assert standing_of(state, parts) is standing


@pytest.mark.parametrize(
    ("start_s", "end_s", "told"),
    [(-100, -100, "must end after"), (-3_701, -100, "60 minutes"), (-100, 1, "must be over")],
)
def test_an_impossible_span_is_refused_in_a_sentence(start_s: int, end_s: int, told: str) -> None:
    with pytest.raises(Refused, match=told):
        must_be_askable(NOW_NS + start_s * NS_PER_S, NOW_NS + end_s * NS_PER_S, NOW_NS)


def test_an_hour_up_to_now_may_be_asked() -> None:
    must_be_askable(NOW_NS - 3_600 * NS_PER_S, NOW_NS, NOW_NS)
