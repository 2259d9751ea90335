"""Holds outgoing bytes to a rate that may change with the time of day: in: bytes about to go; out: a wait of the right length.

Which rate holds follows the site's wall clock; the wait itself is measured by the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.clock import NS_PER_S, Clock
from shared.errors import Transient

BURST_S = 1.0
LONGEST_WAIT_S = 1.0
LARGEST_PIECE_BYTES = 256 * 1024
SMALLEST_PIECE_BYTES = 16 * 1024
UTC_ZONE = ZoneInfo("UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RateWindow:
    """A span of each day by the site's wall clock, from `start` up to `end` (past midnight when it ends earlier), and its rate."""

    start: time
    end: time
    rate_bytes_per_s: int

    def holds(self, now: time) -> bool:
        """Whether this time of day lies in the window."""
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@dataclass(frozen=True, slots=True)
class RatePlan:
    """The rate by time of day; outside all windows `rate_bytes_per_s`. 0 is as fast as the line. The first window wins.

    When clocks are put forward or back a window keeps to what the site's clocks show: it is an hour shorter or longer then.
    """

    rate_bytes_per_s: int
    windows: Sequence[RateWindow] = ()
    zone: ZoneInfo = UTC_ZONE

    def rate_at(self, utc_ns: int) -> int:
        """Bytes a second that may go now."""
        if not self.windows:
            return self.rate_bytes_per_s
        now = (_EPOCH + timedelta(microseconds=utc_ns // 1_000)).astimezone(self.zone).time()
        found = (window.rate_bytes_per_s for window in self.windows if window.holds(now))
        return next(found, self.rate_bytes_per_s)


class Pace:
    """A bucket that holds one second of the rate. `wait(seconds)` returns True when the process stops.

    `alive` is called at each piece and at least once a second, so that a slow upload counts as progress.
    """

    def __init__(self, plan: RatePlan, clock: Clock, wait: Callable[[float], bool], alive: Callable[[], None]) -> None:
        self._plan = plan
        self._clock = clock
        self._wait = wait
        self._alive = alive
        self._left_bytes = 0.0
        self._filled_at_ns: int | None = None

    @property
    def piece_bytes(self) -> int:
        """How much to send at a time, so that even a slow upload is never silent for long."""
        rate = self._rate()
        return LARGEST_PIECE_BYTES if not rate else min(LARGEST_PIECE_BYTES, max(SMALLEST_PIECE_BYTES, rate // 4))

    def _rate(self) -> int:
        return self._plan.rate_at(self._clock.utc_ns())

    def spend(self, size_bytes: int) -> None:
        """Returns when these bytes may go. Raises Transient when the process stops meanwhile."""
        self._alive()
        if self._wait(0):
            raise Transient("The uploader stops.")
        if not self._fill():
            return
        self._left_bytes -= size_bytes
        while self._left_bytes < 0 and (rate := self._fill()):
            if self._left_bytes < 0 and self._wait(min(LONGEST_WAIT_S, -self._left_bytes / rate)):
                raise Transient("The uploader stops.")
            self._alive()

    def _fill(self) -> int:
        """Fills the bucket for the time that passed and returns the rate; without a rate there is no debt either."""
        rate, now_ns = self._rate(), self._clock.monotonic_ns()
        full = rate * BURST_S
        if not rate:
            self._left_bytes, self._filled_at_ns = 0.0, None
            return 0
        if self._filled_at_ns is None:
            self._left_bytes = full
        else:
            self._left_bytes = min(full, self._left_bytes + rate * (now_ns - self._filled_at_ns) / NS_PER_S)
        self._filled_at_ns = now_ns
        return rate
