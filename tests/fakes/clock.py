"""A clock that moves only when the test moves it."""

from __future__ import annotations

from shared.clock import NS_PER_S

BOOT = "aaaaaaaa-0000-4000-8000-000000000001"
OTHER_BOOT = "aaaaaaaa-0000-4000-8000-000000000002"
START_MONO_NS = 500 * NS_PER_S
START_UTC_NS = 1_790_000_000 * NS_PER_S


class FakeClock:
    """Both times run along together; `jump_utc` moves the wall clock alone."""

    def __init__(self, boot_id: str = BOOT, mono_ns: int = START_MONO_NS, utc_ns: int = START_UTC_NS) -> None:
        self.boot_id = boot_id
        self._mono_ns, self._utc_ns = mono_ns, utc_ns

    def monotonic_ns(self) -> int:
        return self._mono_ns

    def utc_ns(self) -> int:
        return self._utc_ns

    def advance(self, seconds: float) -> None:
        self.advance_ns(round(seconds * NS_PER_S))

    def advance_ns(self, ns: int) -> None:
        self._mono_ns += ns
        self._utc_ns += ns

    def jump_utc(self, seconds: float) -> None:
        self._utc_ns += round(seconds * NS_PER_S)

    def wait(self, until_mono_ns: int) -> bool:
        """A source's wait: time passes at once, nobody asks to stop."""
        self.advance_ns(max(0, until_mono_ns - self._mono_ns))
        return False
