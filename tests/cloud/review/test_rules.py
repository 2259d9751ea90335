"""Rank, state of a clip, the label that verdicts make, and which bytes a Range header asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.review.rules import (
    ByteSpan,
    ClipState,
    Lease,
    Rank,
    Standing,
    byte_span,
    clip_state,
    label_of,
    may_take,
    rank_of,
    stored_share,
    urgency_of,
)
from shared.event import EventCause
from shared.review import Verdict

SEIZURE = {"FLE": 0.7, "TLE": 0.2, "non-epileptic": 0.1}
NONE = {"FLE": 0.05, "TLE": 0.05, "non-epileptic": 0.9}


def test_what_a_person_asked_for_comes_before_all_that_a_network_found() -> None:
    pressed = rank_of(EventCause.button, "unknown", 0.0, NONE)
    assert pressed.value >= rank_of(EventCause.detector, "tonic_clonic", 1.0, SEIZURE).value
    assert "button" in pressed.reason


def found(peak: float, shares: dict[str, float] | None, kind: str = "tonic") -> Rank:
    return rank_of(EventCause.detector, kind, peak, shares)


def test_the_classifier_moves_an_event_up_or_down() -> None:
    alone = found(0.6, None)
    assert found(0.6, SEIZURE).value > alone.value > found(0.6, NONE).value
    assert alone.reason == "Detector 0.60, not classified yet."
    assert found(0.6, SEIZURE).reason == "Detector 0.60, classifier 0.90 for a seizure."


def test_where_detector_and_classifier_disagree_a_person_looks_sooner() -> None:
    apart = rank_of(EventCause.detector, "tonic", 0.9, NONE)
    assert apart.value == pytest.approx(0.35 * 0.9 + 0.45 * 0.1 + 0.10 * 0.8 + 0.10 * 0.8)
    assert apart.reason.endswith("they disagree.")


def test_of_equal_scores_the_graver_class_comes_first() -> None:
    kinds = ("tonic_clonic", "tonic", "psychogenic", "staff")
    ranks = [found(0.7, SEIZURE, kind).value for kind in kinds]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == len(kinds)


@given(*[st.floats(0, 2), st.integers(0, 2**60)] * 2, st.integers(0, 2**61))
def test_the_stored_order_is_the_order_of_rank_and_age_at_any_moment(
    rank: float, start: int, other_rank: float, other_start: int, now: int
) -> None:
    def with_age(value: float, start_ns: int) -> float:
        return value + 0.05 * ((now - start_ns) / (86_400 * 10**9))

    apart = with_age(rank, start) - with_age(other_rank, other_start)
    if abs(apart) > 1e-6:
        assert (urgency_of(rank, start) > urgency_of(other_rank, other_start)) == (apart > 0)


def test_a_claim_is_taken_when_free_when_ones_own_or_when_its_lease_ran_out() -> None:
    assert may_take(None, "ana", 5)
    assert may_take(Lease("ana", 9), "ana", 5)
    assert not may_take(Lease("ben", 9), "ana", 8)
    assert may_take(Lease("ben", 9), "ana", 9)


@given(st.sampled_from(EventCause), st.floats(0, 1), st.none() | st.dictionaries(st.text(max_size=9), st.floats(0, 1)))
def test_a_rank_lies_between_0_and_2_for_any_scores(
    cause: EventCause, peak: float, shares: dict[str, float] | None
) -> None:
    rank = rank_of(cause, "tonic_clonic", peak, shares)
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
