"""Time in integer nanoseconds: wall time for people, monotonic time for order and durations, the boot that it belongs to."""

from __future__ import annotations

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
_TIME_ERROR = 5
_STA_UNSYNC = 0x40


class _Timex(ctypes.Structure):
    """`struct timex` of Linux up to the status word, with room for the rest (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


class Clock(Protocol):
    """What the core is handed instead of the machine's own clocks, so that tests need no waiting."""

    @property
    def boot_id(self) -> str: ...

    def monotonic_ns(self) -> int: ...

    def utc_ns(self) -> int: ...


class SystemClock:
    """The machine's clocks; monotonic times compare only within one `boot_id`."""

    def __init__(self) -> None:
        self._boot_id = str(UUID(Path("/proc/sys/kernel/random/boot_id").read_text().strip()))

    @property
    def boot_id(self) -> str:
        return self._boot_id

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def utc_ns(self) -> int:
        return time.time_ns()


def utc_error_ns() -> int | None:
    """The kernel's bound on the error of the wall clock; None when nothing keeps it synchronised, or the kernel cannot tell.

    It comes from whatever disciplines the clock (chrony with `rtcsync`, systemd-timesyncd, ntpd) and grows by 500 ppm meanwhile.
    """
    found = _Timex(modes=0)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(found))
    except (OSError, AttributeError):
        return None
    if state < 0 or state == _TIME_ERROR or found.status & _STA_UNSYNC:
        return None
    return int(found.maxerror) * 1000


def utc_text(utc_ns: int) -> str:
    """RFC 3339 text in UTC with microseconds, for messages and logs."""
    seconds, rest_ns = divmod(utc_ns, NS_PER_S)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1000).isoformat().replace("+00:00", "Z")
