"""Time in integer nanoseconds: wall time for people, monotonic time for order and durations, the boot that it belongs to."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


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


def utc_text(utc_ns: int) -> str:
    """RFC 3339 text in UTC with microseconds, for messages and logs."""
    seconds, rest_ns = divmod(utc_ns, NS_PER_S)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1000).isoformat().replace("+00:00", "Z")
