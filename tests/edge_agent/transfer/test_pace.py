"""The pace of an upload: bytes wait for the rate, the loop is alive meanwhile, the stop breaks the wait."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from edge_agent.transfer.pace import LARGEST_PIECE_BYTES, Pace, RatePlan, RateWindow
from shared.errors import Transient
from tests.edge_agent.hand_clock import HandClock


class Machine:
    def __init__(self, rate: int | RatePlan, stop_after_s: float = 1e9) -> None:
        self.clock = HandClock()
        self.start_ns = self.clock.now_ns
        self.beats = 0
        self.stop_after_s = stop_after_s
        plan = rate if isinstance(rate, RatePlan) else RatePlan(rate)
        self.pace = Pace(plan, self.clock, self.wait, self.beat)

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


NIGHT = RateWindow(time(22), time(6), 1_000_000)
LISBON = ZoneInfo("Europe/Lisbon")


def utc_ns(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("moment", "rate"),
    [
        ((2026, 1, 10, 21, 59), 50_000),
        ((2026, 1, 10, 22, 0), 1_000_000),
        ((2026, 1, 11, 5, 59), 1_000_000),
        ((2026, 1, 11, 6, 0), 50_000),
        ((2026, 7, 10, 20, 59), 50_000),
        ((2026, 7, 10, 21, 0), 1_000_000),
        ((2026, 7, 11, 5, 0), 50_000),
        ((2026, 3, 29, 4, 59), 1_000_000),  # the clocks went forward at 01:00: 05:59 there
        ((2026, 3, 29, 5, 0), 50_000),
        ((2026, 10, 25, 5, 59), 1_000_000),  # they went back at 02:00
        ((2026, 10, 25, 6, 0), 50_000),
    ],
)
def test_a_window_keeps_to_the_clocks_of_the_site_in_summer_and_winter(moment: tuple[int, ...], rate: int) -> None:
    assert RatePlan(50_000, [NIGHT], LISBON).rate_at(utc_ns(*moment)) == rate


def test_the_first_window_that_holds_wins() -> None:
    plan = RatePlan(0, [RateWindow(time(8), time(9), 20_000), RateWindow(time(7), time(17), 40_000)])
    assert [plan.rate_at(utc_ns(2026, 1, 1, hour, 30)) for hour in (7, 8, 9, 20)] == [40_000, 20_000, 40_000, 0]


def test_a_wait_ends_when_a_faster_window_begins() -> None:
    machine = Machine(RatePlan(20_000, [RateWindow(time(22), time(6), 0)]))
    machine.clock.utc_offset_ns = utc_ns(2026, 1, 1, 21, 59, 30) - machine.clock.now_ns
    machine.pace.spend(20_000 * 3_600)
    assert machine.elapsed_s == pytest.approx(30, abs=2)


def test_the_pace_follows_the_monotonic_clock_when_the_wall_clock_jumps() -> None:
    machine = Machine(1_000_000)
    machine.pace.spend(1_000_000)
    machine.clock.utc_offset_ns += 3_600_000_000_000
    machine.pace.spend(5_000_000)
    assert machine.elapsed_s == pytest.approx(5, abs=0.2)


def test_pieces_are_small_where_the_rate_is_so_that_no_upload_is_silent_for_long() -> None:
    assert Machine(0).pace.piece_bytes == LARGEST_PIECE_BYTES
    assert Machine(20_000).pace.piece_bytes == 16_384
    assert Machine(400_000).pace.piece_bytes == 100_000
