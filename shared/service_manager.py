"""What a service manager (systemd) is told: ready, alive, stopping. Does nothing where none listens. Protocol: sd_notify(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from shared.clock import NS_PER_S

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"
_US = 1_000


class ServiceManager:
    """The socket named by NOTIFY_SOCKET, and how often the watchdog wants to hear (WATCHDOG_USEC, a third of it is our period)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        limit_us = environment.get("WATCHDOG_USEC", "0")
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._period_ns = int(limit_us) * _US // 3 if mine and limit_us.isdecimal() else 0
        self._next_ns = 0

    @property
    def period_s(self) -> float | None:
        """Seconds between two signs of life; None when no watchdog waits for them."""
        return self._period_ns / NS_PER_S if self._address and self._period_ns else None

    def tell(self, word: str) -> None:
        """Sends one word. A manager that cannot hear is no reason to stop: a missing sign of life is its own alarm."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)
            line.sendto(word.encode(), self._address)

    def alive(self, now_ns: int) -> None:
        """A sign of life, sent when a third of the watchdog's patience has gone since the last one. Monotonic nanoseconds."""
        if self.period_s is None or now_ns < self._next_ns:
            return
        self._next_ns = now_ns + self._period_ns
        self.tell(ALIVE)
