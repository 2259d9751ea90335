"""From the camera's clock to the time of a file: whole microseconds that never leave the file, also when the clock restarts."""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_US = 1_000
RESTART_US = 1_000_000
"""A camera clock that goes back by more than this was restarted: the camera was opened again."""
LARGEST_OFFSET_US = (1 << 32) - 1
"""The Azure Kinect SDK keeps a recording's start offset in 32 bits, some 71 minutes."""


@dataclass(slots=True)
class Timeline:
    """Device times to file times in µs. `offset_us` is added by a reader to get the device time back.

    The first time is the file's zero, as the SDK's own recorder has it. Where the camera ran longer than the SDK's 32 bits
    of offset can say, the file begins later than zero instead, so that a device time stays exact. After a restart of the
    camera's clock the file runs on by the host's monotonic clock, and `restarts` counts it. `early_us` leaves room before
    the first time: inertial samples and pictures do not arrive in the order of the camera's clock.
    """

    early_us: int = 0
    offset_us: int | None = None
    restarts: int = 0
    _shift_us: int = 0
    _last: tuple[int, int] = (0, 0)

    def file_us(self, device_ns: int, mono_ns: int) -> int:
        """The file's time of a moment; call it in the order of arrival."""
        device_us = device_ns // NS_PER_US
        if self.offset_us is None:
            self.offset_us = min(max(0, device_us - self.early_us), LARGEST_OFFSET_US)
        at_us = device_us - self.offset_us + self._shift_us
        last_us, last_mono_ns = self._last
        if at_us < max(0, last_us - RESTART_US):
            expected_us = last_us + max(1, (mono_ns - last_mono_ns) // NS_PER_US)
            self._shift_us += expected_us - at_us
            self.restarts += 1
            at_us = expected_us
        if at_us > last_us:
            self._last = (at_us, mono_ns)
        return at_us
