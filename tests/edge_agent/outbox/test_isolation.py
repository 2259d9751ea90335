"""A message that makes the broker hang up is found and put aside; one that only met a bad line is not."""

from __future__ import annotations

from edge_agent.outbox.isolation import Isolation
from shared.clock import NS_PER_S


def proved() -> Isolation:
    isolation = Isolation()
    isolation.acknowledged(None)
    return isolation


def lose_alone(isolation: Isolation, sequence: int, *, after_s: int = 1, with_proof: bool = True) -> int | None:
    if with_proof:
        isolation.acknowledged(None)
    isolation.sent(sequence, 0)
    return isolation.lost(after_s * NS_PER_S)


def test_what_was_unanswered_at_the_loss_goes_alone_afterwards() -> None:
    isolation = proved()
    for sequence in (1, 2, 3):
        assert isolation.may_send(sequence)
        isolation.sent(sequence, 0)
    isolation.acknowledged(1)
    assert isolation.lost(1) is None
    assert isolation.suspects == 2
    assert not isolation.may_send(2)
    isolation.acknowledged(None)
    assert isolation.may_send(2)
    isolation.sent(2, 0)
    assert not isolation.may_send(3)
    assert not isolation.may_send(9)
    isolation.acknowledged(2)
    assert isolation.may_send(9)
    isolation.sent(9, 0)
    assert not isolation.may_send(3)


def test_three_hang_ups_right_after_it_went_alone_condemn_it() -> None:
    isolation = proved()
    isolation.sent(7, 0)
    isolation.sent(8, 0)
    assert isolation.lost(1) is None
    assert [lose_alone(isolation, 7) for _ in range(3)] == [None, None, 7]
    assert isolation.suspects == 1


def test_a_loss_without_proof_or_long_after_says_nothing_of_the_message() -> None:
    isolation = proved()
    isolation.sent(7, 0)
    isolation.lost(1)
    for _ in range(10):
        assert lose_alone(isolation, 7, with_proof=False) is None
        assert lose_alone(isolation, 7, after_s=6) is None


def test_an_answer_clears_it() -> None:
    isolation = proved()
    for _ in range(3):
        lose_alone(isolation, 7)
    isolation.acknowledged(7)
    assert isolation.suspects == 0


def test_a_broker_that_answers_nothing_for_a_quarter_of_a_minute_is_silent() -> None:
    isolation = Isolation()
    isolation.sent(1, 0)
    assert not isolation.is_silent(14 * NS_PER_S)
    assert isolation.is_silent(15 * NS_PER_S)
    isolation.acknowledged(1)
    assert not isolation.is_silent(99 * NS_PER_S)
