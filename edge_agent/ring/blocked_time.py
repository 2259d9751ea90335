"""Remembers when the recorder hung in a write, a flush or a commit, so that a frame lost meanwhile is the disk's loss. Pure."""

from __future__ import annotations

from collections import deque

from shared.clock import NS_PER_MS, Clock

LONG_NS = 100 * NS_PER_MS
"""A frame is coded and written in a tenth of this; what is shorter cannot make the recorder late."""
BLAME_SHARE = 0.5
REMEMBERED = 256


class _Watch:
    """A class and no generator: it is entered a hundred times a second."""

    __slots__ = ("_blocked", "_clock", "_start_ns")

    def __init__(self, blocked: BlockedTime, clock: Clock) -> None:
        self._blocked, self._clock = blocked, clock

    def __enter__(self) -> None:
        self._start_ns = self._clock.monotonic_ns()

    def __exit__(self, *_: object) -> None:
        self._blocked.note(self._start_ns, self._clock.monotonic_ns())


class BlockedTime:
    """Wrap each call that may wait for the disk in `watch`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spans: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        self.longest_ns = 0
        """The longest that one call took."""

    def watch(self) -> _Watch:
        """Notes how long the calls inside a `with` took, also when they fail."""
        return _Watch(self, self._clock)

    def note(self, start_ns: int, end_ns: int) -> None:
        """One call, from when to when."""
        self.longest_ns = max(self.longest_ns, end_ns - start_ns)
        if end_ns - start_ns >= LONG_NS:
            self._spans.append((start_ns, end_ns))

    def was_to_blame(self, since_ns: int) -> bool:
        """Whether the recorder hung for most of the time from then until now: it would have read the frame otherwise."""
        now_ns = self._clock.monotonic_ns()
        hung_ns = sum(max(0, min(end, now_ns) - max(start, since_ns)) for start, end in self._spans)
        return hung_ns > 0 and hung_ns >= BLAME_SHARE * (now_ns - since_ns)
