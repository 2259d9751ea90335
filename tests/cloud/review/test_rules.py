"""Rank, state of a clip, the label that verdicts make, and which bytes a Range header asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.review.rules import (
    ByteSpan,
    ClipState,
    Standing,
    byte_span,
    clip_state,
    label_of,
    rank_of,
    stored_share,
)
from shared.event import EventCause
from shared.review import Verdict

SEIZURE = {"FLE": 0.7, "TLE": 0.2, "non-epileptic": 0.1}
NONE = {"FLE": 0.05, "TLE": 0.05, "non-epileptic": 0.9}


def test_what_a_person_asked_for_comes_before_all_that_a_network_found() -> None:
    pressed = rank_of(EventCause.button, 0.0, NONE)
    assert pressed.value >= rank_of(EventCause.detector, 1.0, SEIZURE).value
    assert "button" in pressed.reason


def test_the_classifier_moves_an_event_up_or_down() -> None:
    alone = rank_of(EventCause.detector, 0.6, None)
    assert (
        rank_of(EventCause.detector, 0.6, SEIZURE).value > alone.value > rank_of(EventCause.detector, 0.6, NONE).value
    )
    assert alone.reason == "Detector 0.60, not classified yet."
    assert rank_of(EventCause.detector, 0.6, SEIZURE).reason == "Detector 0.60, classifier 0.90 for a seizure."


@given(st.sampled_from(EventCause), st.floats(0, 1), st.none() | st.dictionaries(st.text(max_size=9), st.floats(0, 1)))
def test_a_rank_lies_between_0_and_2_for_any_scores(
    cause: EventCause, peak: float, shares: dict[str, float] | None
) -> None:
    rank = rank_of(cause, peak, shares)
    assert 0 <= rank.value <= 2
    assert len(rank.reason) <= 200


@pytest.mark.parametrize(
    ("watchable", "stored", "overdue", "state"),
    [
        (False, False, False, ClipState.awaited),
        (False, False, True, ClipState.overdue),
        (True, False, True, ClipState.watchable),
        (True, True, True, ClipState.stored),
    ],
)
def test_a_clip_that_can_be_watched_is_never_called_overdue(
    watchable: bool, stored: bool, overdue: bool, state: ClipState
) -> None:
    assert clip_state(watchable=watchable, stored=stored, overdue=overdue) is state


def test_of_nothing_wanted_nothing_is_stored() -> None:
    assert (stored_share(0, 0), stored_share(1, 4), stored_share(9, 4)) == (0.0, 0.25, 1.0)


def test_with_one_reader_the_verdict_is_the_label() -> None:
    assert label_of([]) is None
    agreed = label_of([Standing("ana", Verdict.unsure, 5)])
    assert agreed is not None
    assert (agreed.verdict, agreed.readers) == (Verdict.unsure, 1)


def test_of_several_readers_the_newest_counts_with_those_who_say_the_same() -> None:
    standings = [
        Standing("ana", Verdict.confirmed, 1),
        Standing("ben", Verdict.rejected, 2),
        Standing("eva", Verdict.confirmed, 3),
    ]
    agreed = label_of(standings)
    assert agreed is not None
    assert (agreed.verdict, agreed.readers) == (Verdict.confirmed, 2)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-0", ByteSpan(0, 1)),
        ("bytes=10-", ByteSpan(10, 100)),
        ("bytes=-7", ByteSpan(93, 100)),
        ("bytes=-700", ByteSpan(0, 100)),
        ("Bytes = 90-900", ByteSpan(90, 100)),
        ("bytes=5-4", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("pages=1-2", None),
        ("bytes=٣-٤", None),
        ("bytes=9999999999999999999-", None),
    ],
)
def test_a_range_header_names_one_span_or_is_passed_over(header: str | None, span: ByteSpan | None) -> None:
    assert byte_span(header, 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_span_beyond_the_file_is_an_error(header: str) -> None:
    with pytest.raises(ValueError, match="100 bytes"):
        byte_span(header, 100)


@given(st.text(max_size=40), st.integers(1, 10**9))
def test_any_range_header_gives_a_span_within_the_file_or_an_error_in_words(header: str, size: int) -> None:
    for text in (header, f"bytes={header}"):
        try:
            span = byte_span(text, size)
        except ValueError:
            continue
        assert span is None or 0 <= span.start < span.end <= size
