"""Virtual time and chance of one simulated run: a heap of what is due, clocks that show it, ids that come from the seed."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from hashlib import sha256

from shared.clock import NS_PER_S

UTC_START_NS = 1_800_000_000 * NS_PER_S
TRACE_LINES = 2_000


class VirtualTime:
    """Nothing waits: `run_until` jumps from one due call to the next. `trace` is what happened, newest last, bounded."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.trace: deque[str] = deque(maxlen=TRACE_LINES)
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._stamps = 0
        self._told = sha256()

    @property
    def now_s(self) -> float:
        return self.now_ns / NS_PER_S

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Calls it so many virtual seconds from now; of two at one time the earlier told goes first."""
        self._number += 1
        heapq.heappush(self._due, (self.now_ns + max(0, round(seconds * NS_PER_S)), self._number, call))

    def run_until(self, end_ns: int) -> None:
        """Everything that is due up to then; afterwards it is then."""
        while self._due and self._due[0][0] <= end_ns:
            at_ns, _, call = heapq.heappop(self._due)
            self.now_ns = max(self.now_ns, at_ns)
            call()
        self.now_ns = end_ns

    def utc_stamp_ns(self) -> int:
        """The cloud's wall clock: virtual time, never the same twice, as on a real machine."""
        self._stamps += 1
        return UTC_START_NS + self.now_ns + self._stamps

    def note(self, text: str) -> None:
        """One line of the trace."""
        line = f"{self.now_s:>14.3f} s  {text}"
        self.trace.append(line)
        self._told.update(line.encode())

    def digest(self) -> str:
        """SHA-256 over every line that was ever noted."""
        return self._told.hexdigest()


class BoxClock:
    """The clocks of one bed: monotonic since its boot, wall time that may be wrong."""

    def __init__(self, time: VirtualTime, boot_number: int) -> None:
        self.offset_ns = 0
        self._time = time
        self._start_ns = time.now_ns - 100 * NS_PER_S
        self._boot_id = f"{boot_number:08x}-2222-4333-8444-555555555555"

    @property
    def boot_id(self) -> str:
        return self._boot_id

    def monotonic_ns(self) -> int:
        return self._time.now_ns - self._start_ns

    def utc_ns(self) -> int:
        return UTC_START_NS + self._time.now_ns + self.offset_ns


class SeededSecrets:
    """Stands for the module `secrets` where ids are made, so that a seed has the same ids each time."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def randbits(self, bits: int) -> int:
        return self._dice.getrandbits(bits)

    def token_hex(self, size: int) -> str:
        return f"{self._dice.getrandbits(8 * size):0{2 * size}x}"
