"""The pace of an upload: bytes wait for the rate, the loop is alive meanwhile, the stop breaks the wait."""

from __future__ import annotations

import pytest

from edge_agent.transfer.pace import Pace
from shared.errors import Transient
from tests.edge_agent.hand_clock import HandClock


class Machine:
    def __init__(self, rate: int, stop_after_s: float = 1e9) -> None:
        self.clock = HandClock()
        self.start_ns = self.clock.now_ns
        self.beats = 0
        self.stop_after_s = stop_after_s
        self.pace = Pace(rate, self.clock, self.wait, self.beat)

    def wait(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        return self.elapsed_s > self.stop_after_s

    def beat(self) -> None:
        self.beats += 1

    @property
    def elapsed_s(self) -> float:
        return (self.clock.now_ns - self.start_ns) / 1e9


def test_bytes_go_at_the_rate_after_a_burst_of_one_second() -> None:
    machine = Machine(1_000_000)
    for _ in range(100):
        machine.pace.spend(100_000)
    assert machine.elapsed_s == pytest.approx(9, abs=0.2)
    assert machine.beats >= 100


def test_a_slow_piece_beats_each_second() -> None:
    machine = Machine(10_000)
    machine.pace.spend(110_000)
    assert machine.elapsed_s == pytest.approx(10, abs=0.1)
    assert machine.beats >= 10


def test_without_a_rate_nothing_waits() -> None:
    machine = Machine(0)
    machine.pace.spend(10**12)
    assert machine.elapsed_s == 0


def test_the_stop_breaks_the_wait() -> None:
    machine = Machine(1, stop_after_s=3)
    with pytest.raises(Transient, match="stops"):
        machine.pace.spend(1_000_000)
    assert machine.elapsed_s < 6
