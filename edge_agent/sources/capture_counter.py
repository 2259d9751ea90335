"""Numbers captures by the camera's clock, so that a capture the camera dropped is a jump of the number."""

from __future__ import annotations

from shared.clock import NS_PER_S

LONGEST_JUMP_NS = 60 * NS_PER_S
"""A clock that runs back, or on by more than this, was set anew: it counts nothing, and the number goes on by one."""


class CaptureCounter:
    """`next` gives each capture its number, from 0, always rising."""

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._last_ns: int | None = None
        self.index = -1

    def next(self, device_ns: int) -> int:
        """The number of the capture of that time; where the clock was set, or two have one time, the one that follows."""
        passed_ns = 0 if self._last_ns is None else device_ns - self._last_ns
        self._last_ns = device_ns
        self.index += max(1, round(passed_ns / self._period_ns)) if passed_ns <= LONGEST_JUMP_NS else 1
        return self.index
