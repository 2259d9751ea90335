"""The trigger: from scores to events, by example and by property."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.clock import NS_PER_S
from shared.score import Score
from shared.trigger import Action, Closed, Opened, Trigger, TriggerRule, Updated

STEP_NS = NS_PER_S // 3
RULE = TriggerRule(
    open_at=0.6,
    close_at=0.3,
    min_length_s=3,
    merge_s=20,
    cool_down_s=10,
    max_length_s=60,
    pre_roll_s=30,
    post_roll_s=15,
)


def score(mono_ns: int, value: float, kind: str = "tonic_clonic") -> Score:
    return Score(
        mono_ns=mono_ns, utc_ns=0, value=value, motor_types={kind: 0.75, "quiet": 0.25}, release="detector-test"
    )


def run(values: list[tuple[float, float]], rule: TriggerRule = RULE, start_s: float = 100.0) -> list[Action]:
    """Feeds (seconds, value) pieces, three scores a second, then 60 s of silence."""
    trigger = Trigger(rule)
    actions: list[Action] = []
    steps_so_far = round(start_s * 3)
    for length_s, value in [*values, (60.0, 0.0)]:
        for _ in range(round(length_s * 3)):
            actions += trigger.feed(score(steps_so_far * NS_PER_S // 3, value))
            steps_so_far += 1
    return actions


def kinds(actions: list[Action]) -> list[type[Action]]:
    return [type(action) for action in actions]


def test_a_long_high_run_opens_updates_and_closes_one_event_with_rolls() -> None:
    opened, *updates, closed = run([(40.0, 0.0), (25.0, 0.9)])
    assert isinstance(opened, Opened)
    assert kinds(updates) == [Updated, Updated]
    assert isinstance(closed, Closed)
    assert closed.ended_by == "quiet"
    assert closed.active.start_ns == 140 * NS_PER_S
    assert opened.span.start_ns == 110 * NS_PER_S
    assert closed.span.end_ns - closed.active.end_ns == 15 * NS_PER_S
    assert opened.decided_ns - closed.active.start_ns <= 3 * NS_PER_S
    assert closed.votes == pytest.approx({"tonic_clonic": 0.75, "quiet": 0.25})


def test_a_run_shorter_than_the_minimum_opens_nothing() -> None:
    assert run([(40.0, 0.0), (2.3, 0.9)]) == []


def test_a_run_between_the_thresholds_opens_nothing() -> None:
    assert run([(40.0, 0.0), (50.0, 0.5)]) == []


def test_two_runs_closer_than_merge_are_one_event() -> None:
    actions = run([(40.0, 0.0), (10.0, 0.9), (15.0, 0.0), (10.0, 0.9)])
    assert [type(action) for action in actions if not isinstance(action, Updated)] == [Opened, Closed]


def test_two_runs_farther_apart_than_merge_are_two_events() -> None:
    actions = run([(40.0, 0.0), (10.0, 0.9), (25.0, 0.0), (10.0, 0.9)])
    assert [type(action) for action in actions if not isinstance(action, Updated)] == [Opened, Closed, Opened, Closed]


def test_an_event_waits_for_the_cool_down_and_keeps_its_own_onset() -> None:
    rule = RULE.model_copy(update={"merge_s": 2.0, "cool_down_s": 30.0})
    actions = run([(10.0, 0.9), (10.0, 0.0), (40.0, 0.9)], rule)
    first, second = [action for action in actions if isinstance(action, Opened)]
    assert second.decided_ns - first.active.start_ns >= 39 * NS_PER_S
    assert second.active.start_ns - first.active.start_ns == 20 * NS_PER_S


def test_an_event_at_its_maximum_length_is_continued_by_the_next() -> None:
    actions = [a for a in run([(40.0, 0.0), (100.0, 0.9)]) if not isinstance(a, Updated)]
    assert kinds(actions) == [Opened, Closed, Opened, Closed]
    _, closed, following, last = actions
    assert isinstance(closed, Closed)
    assert isinstance(following, Opened)
    assert isinstance(last, Closed)
    assert closed.ended_by == "length"
    assert following.continues == closed.number
    assert following.span.start_ns == closed.span.end_ns
    assert last.ended_by == "quiet"


def test_a_gap_in_the_scores_does_not_count_towards_the_minimum_length() -> None:
    trigger = Trigger(RULE.model_copy(update={"dip_s": 30.0}))
    assert [a for second in (100, 110, 120) for a in trigger.feed(score(second * NS_PER_S, 0.9))] == []


def test_a_flush_closes_an_event_and_drops_a_candidate() -> None:
    trigger = Trigger(RULE)
    trigger.feed(score(0, 0.9))
    assert trigger.flush() == []
    for step in range(1, 30):
        trigger.feed(score(step * STEP_NS, 0.9))
    assert trigger.open_number == 1
    (closed,) = trigger.flush()
    assert isinstance(closed, Closed)
    assert closed.ended_by == "flush"
    assert trigger.flush() == []


def test_scores_that_are_not_newer_are_passed_over_and_counted() -> None:
    trigger = Trigger(RULE)
    trigger.feed(score(5 * NS_PER_S, 0.1))
    for _ in range(30):
        assert trigger.feed(score(5 * NS_PER_S, 1.0)) == []
        assert trigger.feed(score(4 * NS_PER_S, 1.0)) == []
    assert trigger.late == 60


@pytest.mark.parametrize(
    "wrong", [{"open_at": 0.2}, {"open_at": float("nan")}, {"pre_roll_s": 10.0}, {"max_length_s": 1.0}, {"colour": 1}]
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        TriggerRule.model_validate({**RULE.model_dump(), **wrong})


steps = st.lists(
    st.tuples(st.sampled_from([1, STEP_NS, STEP_NS, STEP_NS, 5 * NS_PER_S, 40 * NS_PER_S]), st.floats(0, 1)),
    max_size=400,
)
bursts = st.lists(st.tuples(st.integers(1, 300), st.sampled_from([0.0, 0.2, 0.45, 0.9])), max_size=12).map(
    lambda parts: [(STEP_NS, value) for count, value in parts for _ in range(count)]
)


def fed(scores: list[tuple[int, float]]) -> tuple[list[Action], list[Score]]:
    trigger, now_ns, actions, given_scores = Trigger(RULE), 50 * NS_PER_S, [], []
    for gap_ns, value in scores:
        now_ns += gap_ns
        given_scores.append(score(now_ns, value))
        actions += trigger.feed(given_scores[-1])
    return actions + trigger.flush(), given_scores


@settings(max_examples=150, deadline=None)
@given(st.one_of(steps, bursts))
def test_every_event_opens_once_closes_once_and_is_numbered_in_order(scores: list[tuple[int, float]]) -> None:
    actions, _ = fed(scores)
    opened = [action.number for action in actions if isinstance(action, Opened)]
    closed = [action.number for action in actions if isinstance(action, Closed)]
    assert opened == closed == list(range(1, len(opened) + 1))
    current = 0
    for action in actions:
        if isinstance(action, Opened):
            current = action.number
        assert action.number == current


@settings(max_examples=150, deadline=None)
@given(st.one_of(steps, bursts))
def test_spans_hold_what_was_active_and_never_lie_ahead_of_the_decision(scores: list[tuple[int, float]]) -> None:
    actions, given_scores = fed(scores)
    high = {one.mono_ns for one in given_scores if one.value >= RULE.close_at}
    starts: dict[int, int] = {}
    for action in actions:
        assert action.span.start_ns <= action.active.start_ns <= action.active.end_ns <= action.span.end_ns
        assert action.span.end_ns <= action.decided_ns
        assert {action.active.start_ns, action.active.end_ns} <= high
        assert starts.setdefault(action.number, action.span.start_ns) == action.span.start_ns
        assert (
            action.active.end_ns - action.active.start_ns
            <= round((RULE.max_length_s + RULE.merge_s) * NS_PER_S) + STEP_NS
        )


@settings(max_examples=100, deadline=None)
@given(bursts)
def test_events_start_at_least_the_merge_time_after_the_one_before_unless_they_continue_it(
    scores: list[tuple[int, float]],
) -> None:
    actions, _ = fed(scores)
    last_end_ns: int | None = None
    for action in actions:
        if isinstance(action, Opened) and last_end_ns is not None and action.continues is None:
            assert action.active.start_ns > last_end_ns
            assert action.decided_ns - last_end_ns >= RULE.merge_s * NS_PER_S
        if isinstance(action, Closed):
            last_end_ns = action.active.end_ns


@settings(max_examples=60, deadline=None)
@given(bursts)
def test_scores_that_never_reach_the_opening_threshold_open_nothing(scores: list[tuple[int, float]]) -> None:
    actions, _ = fed([(gap_ns, min(value, 0.59)) for gap_ns, value in scores])
    assert actions == []


def test_a_candidate_that_smoulders_for_long_does_not_reach_back_for_ever() -> None:
    opened = run([(10.0, 0.0), (500.0, 0.5), (10.0, 0.9)])[0]
    assert isinstance(opened, Opened)
    assert opened.decided_ns - opened.active.start_ns <= RULE.max_length_s / 2 * NS_PER_S


anything = st.one_of(st.floats(0, 1), st.sampled_from([float("nan"), float("inf"), -float("inf"), -3.0, 7.0]))
jumps_ns = st.sampled_from([-(10**12), -NS_PER_S, 0, 1, STEP_NS, STEP_NS, STEP_NS, 3 * NS_PER_S, 10**13])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(jumps_ns, anything), max_size=300), st.sampled_from([0.0, 2.0, 20.0]))
def test_numbers_that_are_none_and_times_that_go_back_break_nothing(
    steps: list[tuple[int, float]], merge_s: float
) -> None:
    trigger = Trigger(RULE.model_copy(update={"merge_s": merge_s}))
    now_ns, newest_ns, late, actions = 10**15, -1, 0, []
    for jump_ns, value in steps:
        now_ns = max(0, now_ns + jump_ns)
        late += now_ns <= newest_ns
        newest_ns = max(newest_ns, now_ns)
        unchecked = Score.model_construct(
            mono_ns=now_ns, utc_ns=0, value=value, motor_types={"tonic": 1.0}, release="detector-test", unseen_s=0.0
        )
        actions += trigger.feed(unchecked)
    actions += trigger.flush()
    assert trigger.late == late
    decided = [action.decided_ns for action in actions]
    assert decided == sorted(decided)
    assert sum(isinstance(a, Opened) for a in actions) == sum(isinstance(a, Closed) for a in actions)


@settings(max_examples=60, deadline=None)
@given(bursts)
def test_a_number_that_is_none_is_as_quiet_as_zero(scores: list[tuple[int, float]]) -> None:
    def run_with(quiet: float) -> list[Action]:
        trigger, now_ns, actions = Trigger(RULE), 50 * NS_PER_S, []
        for gap_ns, value in scores:
            now_ns += gap_ns
            given_value = quiet if value < RULE.close_at else value
            one = score(now_ns, 0.0).model_copy(update={"value": given_value})
            actions += trigger.feed(one)
        return actions + trigger.flush()

    assert run_with(float("nan")) == run_with(0.0)
