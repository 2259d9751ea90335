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
        self.breaks = 0

    def next(self, device_ns: int) -> int:
        """The number of the capture of that time; after a break of the clock the one that follows."""
        step = 1
        if self._last_ns is not None:
            passed_ns = device_ns - self._last_ns
            if passed_ns < 0 or passed_ns > LONGEST_JUMP_NS:
                self.breaks += 1
            else:
                step = max(1, round(passed_ns / self._period_ns))
        self._last_ns = device_ns
        self.index += step
        return self.index
