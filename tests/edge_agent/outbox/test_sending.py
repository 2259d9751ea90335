"""What is sent next: few at a time, oldest first without starving the newest, and again until a receipt comes."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.outbox.backoff import Backoff
from edge_agent.outbox.sending import Sending
from shared.clock import NS_PER_S


def make_sending(count: int, slots: int = 20) -> Sending:
    sending = Sending(random.Random(1), slots)
    sending.add(range(1, count + 1))
    return sending


def test_at_most_twenty_are_in_flight() -> None:
    sending = make_sending(100)
    assert len(sending.take(0)) == 20
    assert sending.take(0) == []
    sending.drop(1)
    assert len(sending.take(0)) == 1


def test_each_fourth_is_the_newest_and_the_others_go_oldest_first() -> None:
    assert make_sending(100, slots=8).take(0) == [1, 2, 3, 100, 4, 5, 6, 99]


def test_a_new_message_is_sent_soon_though_a_backlog_waits() -> None:
    sending = make_sending(50_000)
    for sequence in sending.take(0):
        sending.drop(sequence)
    sending.add([50_001])
    assert 50_001 in sending.take(1)


def test_without_a_receipt_it_is_sent_again_after_ten_seconds_then_later_and_at_last_each_minute() -> None:
    sending = make_sending(1)
    times_s = []
    for tick in range(400 * 10):
        if sending.take(tick * NS_PER_S // 10):
            times_s.append(tick / 10)
    waits = [later - earlier for earlier, later in pairwise(times_s)]
    assert 10 <= waits[0] <= 12.6
    assert 20 <= waits[1] <= 25.1
    assert all(48 <= wait <= 60.1 for wait in waits[4:])


def test_messages_without_an_answer_do_not_hold_up_the_others() -> None:
    sending = make_sending(30)
    mute = sending.take(0)
    assert set(sending.take(10 * NS_PER_S)) >= set(range(1, 31)) - set(mute)


def test_what_was_in_flight_when_the_link_broke_goes_again_within_a_second() -> None:
    sending = make_sending(3)
    assert sorted(sending.take(0)) == [1, 2, 3]
    sending.link_lost(5)
    sending.drop(2)
    assert sorted(sending.take(5 + NS_PER_S)) == [1, 3]


def test_a_receipt_that_came_before_the_second_sending_ends_it() -> None:
    sending = make_sending(1)
    sending.take(0)
    sending.take(11 * NS_PER_S)
    sending.drop(1)
    assert sending.take(100 * NS_PER_S) == []
    assert sending.waiting == 0


@given(st.lists(st.tuples(st.sampled_from(["add", "tick", "receipt", "cut"]), st.integers(0, 30)), max_size=120))
def test_whatever_happens_every_unanswered_message_is_sent_again_within_a_minute_of_quiet(
    steps: list[tuple[str, int]],
) -> None:
    sending = Sending(random.Random(2), slots=4)
    alive: set[int] = set()
    now_ns = count = 0
    for what, value in steps:
        now_ns += value * NS_PER_S
        if what == "add":
            count += 1
            alive.add(count)
            sending.add([count])
        elif what == "tick":
            assert set(sending.take(now_ns)) <= alive
            assert sending.in_flight <= 4
        elif what == "cut":
            sending.link_lost(now_ns)
        elif value in alive:
            alive.discard(value)
            sending.drop(value)
    answered: set[int] = set()
    for _ in range(200):
        now_ns += NS_PER_S
        for sequence in sending.take(now_ns):
            answered.add(sequence)
            sending.drop(sequence)
    assert answered == alive


def test_waiting_times_double_to_their_limit_and_differ() -> None:
    rule = Backoff(0.5, 30.0)
    dice = random.Random(3)
    for failures, full_s in ((1, 0.5), (2, 1.0), (7, 30.0), (1000, 30.0)):
        waits = {rule.wait_ns(failures, dice) for _ in range(20)}
        assert len(waits) == 20
        assert min(waits) >= full_s * NS_PER_S / 2
        assert max(waits) <= full_s * NS_PER_S


def test_what_is_queued_while_the_link_is_up_has_slots_of_its_own() -> None:
    sending = make_sending(50_000)
    sending.link_up()
    assert len(sending.take(0)) == 20
    sending.add([50_001, 50_002])
    assert sending.take(0) == [50_002, 50_001]


def test_a_message_that_was_queued_again_under_its_old_number_is_sent_at_once() -> None:
    sending = make_sending(5)
    sending.take(0)
    for sequence in range(1, 6):
        sending.drop(sequence)
    sending.add([3])
    assert sending.take(0) == [3]


def test_a_message_put_off_frees_its_slot_and_comes_again_at_its_time() -> None:
    sending = make_sending(2, slots=1)
    assert sending.take(0) == [1]
    sending.later(1, 5)
    assert sending.take(0) == [2]
    sending.drop(2)
    assert sending.take(4) == []
    assert sending.take(5) == [1]


def test_what_was_ended_elsewhere_is_not_sent_again() -> None:
    sending = make_sending(3)
    sending.keep_only([2, 9])
    assert sorted(sending.take(0)) == [2, 9]
