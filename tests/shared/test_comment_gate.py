"""The gate before a comment: it warns of names, dates and numbers, and lets plain descriptions pass."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.comment_gate import doubtful


@pytest.mark.parametrize(
    ("comment", "kinds"),
    [
        ("Mother says Anna was tired.", ["name"]),
        ("seen with Maria da Silva", ["name", "name"]),
        ("asked by dr. weber", ["name"]),
        ("same as on 12.03.2026", ["date"]),
        ("like the one of 2026-03-12", ["date"]),
        ("again on 3 March", ["date"]),
        ("wie am 3. Oktober", ["date"]),
        ("a 12 de agosto", ["date"]),
        ("case 4711234", ["number"]),
        ("call 0171 55 66 77", ["number"]),
        ("write to ward@hospital.example", ["contact"]),
    ],
)
def test_it_warns_of_what_may_identify_a_patient(comment: str, kinds: list[str]) -> None:
    assert [one.kind for one in doubtful(comment)] == kinds


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "Left arm tonic for 12 s, then figure of 4.",
        "Starts out of sleep; head turns left after 3.5 s. Blanket hides the legs.",
        "GTC? EEG needed. Todd paresis on the right, 0.5 to 2 Hz.",
    ],
)
def test_it_lets_a_plain_description_pass(comment: str) -> None:
    assert doubtful(comment) == []


@given(st.text(max_size=300))
def test_any_text_gives_places_inside_it_in_order_that_do_not_overlap(comment: str) -> None:
    found = doubtful(comment)
    assert all(comment[one.start : one.end] == one.text for one in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
