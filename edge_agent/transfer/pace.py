"""Holds outgoing bytes to a rate: in: bytes about to go; out: a wait of the right length, broken off by the stop."""

from __future__ import annotations

from collections.abc import Callable

from shared.clock import NS_PER_S, Clock
from shared.errors import Transient

BURST_S = 1.0
LONGEST_WAIT_S = 1.0


class Pace:
    """A bucket that holds one second of the rate; 0 means no limit. `wait(seconds)` returns True when the process stops.

    `alive` is called at each piece and at least once a second, so that a slow upload counts as progress.
    """

    def __init__(
        self, rate_bytes_per_s: int, clock: Clock, wait: Callable[[float], bool], alive: Callable[[], None]
    ) -> None:
        self._rate = rate_bytes_per_s
        self._clock = clock
        self._wait = wait
        self._alive = alive
        self._free_at_ns = 0

    def spend(self, size_bytes: int) -> None:
        """Returns when these bytes may go. Raises Transient when the process stops meanwhile."""
        self._alive()
        if self._wait(0):
            raise Transient("The uploader stops.")
        if not self._rate:
            return
        now_ns = self._clock.monotonic_ns()
        start_ns = max(self._free_at_ns, now_ns - round(BURST_S * NS_PER_S))
        self._free_at_ns = start_ns + size_bytes * NS_PER_S // self._rate
        while (rest_ns := self._free_at_ns - self._clock.monotonic_ns()) > 0:
            if self._wait(min(LONGEST_WAIT_S, rest_ns / NS_PER_S)):
                raise Transient("The uploader stops.")
            self._alive()
