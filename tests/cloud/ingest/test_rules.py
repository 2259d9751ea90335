"""What to do with a message."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest import rules
from shared.errors import Refused
from shared.event import EventPhase
from shared.ids import uuid7
from tests.cloud.facts import UTC_NS, report


@pytest.mark.parametrize(
    ("known", "coming", "expected"),
    [
        ((0, "opened"), (1, "updated"), True),
        ((1, "updated"), (2, "closed"), True),
        ((2, "closed"), (1, "updated"), False),
        ((1, "updated"), (1, "updated"), False),
        ((2, "closed"), (3, "updated"), False),
        ((2, "closed"), (3, "closed"), True),
    ],
)
def test_a_report_replaces_an_older_one_but_never_opens_what_was_closed(
    known: tuple[int, str], coming: tuple[int, str], expected: bool
) -> None:
    later = report(revision=coming[0], phase=EventPhase(coming[1]))
    assert rules.replaces(known[0], EventPhase(known[1]), later) is expected


@pytest.mark.parametrize("sequence", [0, -1, 2**31])
def test_an_event_needs_a_number_that_a_receipt_can_name(sequence: int) -> None:
    with pytest.raises(Refused, match="sequence"):
        rules.must_be_numbered(sequence)


def test_a_refusal_is_answered_where_event_and_number_can_be_read() -> None:
    event_id = uuid7(UTC_NS)
    payload = json.dumps({"sequence": 7, "data": {"event_id": str(event_id), "nonsense": 1}}).encode()
    receipt = rules.refusal(payload, "too long " * 100, UTC_NS)
    assert receipt is not None
    assert (receipt.event_id, receipt.sequence, receipt.kind.value) == (event_id, 7, "refused")
    assert len(receipt.reason) == rules.REASON_LIMIT


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: st.dictionaries(st.sampled_from(["sequence", "data", "event_id"]), inner, max_size=3),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_no_bytes_whatever_break_the_refusal(payload: bytes) -> None:
    assert rules.refusal(payload, "no", UTC_NS) is None


@given(st.text())
def test_whatever_is_made_storable_has_no_nul_and_no_surrogate(text: str) -> None:
    kept = rules.storable(text + "\x00\ud800", 50)
    assert "\x00" not in kept
    assert len(kept.encode()) <= 200
    assert len(kept) <= 50


def test_waits_grow_to_ten_seconds_and_differ() -> None:
    dice = random.Random(1)
    waits = [rules.wait_s(n, dice) for n in range(40)]
    assert max(waits) <= 10
    assert len(set(waits)) == len(waits)
    assert all(rules.wait_s(0, dice) <= 0.5 for _ in range(20))
