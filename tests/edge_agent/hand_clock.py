"""A clock that moves when the test says so."""

from __future__ import annotations

from shared.clock import NS_PER_S

BOOT = "11111111-2222-4333-8444-555555555555"
UTC_NS = 1_800_000_000 * NS_PER_S


class HandClock:
    """Starts at 1000 s after boot; wall time runs along, `utc_offset_ns` ahead."""

    def __init__(self, boot_id: str = BOOT, mono_s: float = 1000.0) -> None:
        self._boot_id = boot_id
        self.now_ns = round(mono_s * NS_PER_S)
        self.utc_offset_ns = UTC_NS

    @property
    def boot_id(self) -> str:
        return self._boot_id

    def monotonic_ns(self) -> int:
        return self.now_ns

    def utc_ns(self) -> int:
        return self.utc_offset_ns + self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS_PER_S)
