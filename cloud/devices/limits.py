"""What one bed may take of the cloud: requests, bytes and chunks at a time. In memory of one process; what is over waits.

With several api processes each keeps its own count, so a bed that is spread over n of them may reach n times the limit.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cloud.problems import HttpProblem
from cloud.settings import BedsSection
from shared.clock import NS_PER_S

BURST_S = 10.0
LONGEST_WAIT_S = 300
BEDS_REMEMBERED = 20_000


@dataclass(slots=True)
class Bucket:
    """Full at `rate` × `BURST_S`; a taking that finds it empty is refused, one that overdraws it is not."""

    left: float
    at_ns: int

    def wait_s(self, amount: float, rate: float, now_ns: int) -> int:
        """Takes and returns 0, or takes nothing and returns the seconds until it may."""
        self.left = min(rate * BURST_S, self.left + rate * (now_ns - self.at_ns) / NS_PER_S)
        self.at_ns = now_ns
        if self.left <= 0:
            return min(LONGEST_WAIT_S, max(1, math.ceil(-self.left / rate)))
        self.left -= amount
        return 0


@dataclass(slots=True)
class _Usage:
    requests: Bucket
    sent: Bucket
    chunks: int = 0


class BedLimits:
    """Use in one event loop. Beds that were not heard of for longest are forgotten past `BEDS_REMEMBERED`."""

    def __init__(self, section: BedsSection, monotonic_ns: Callable[[], int]) -> None:
        self._requests_per_s = section.requests_per_s
        self._bytes_per_s = section.bytes_per_s
        self._chunks_at_once = section.chunks_at_once
        self._now = monotonic_ns
        self._beds: OrderedDict[str, _Usage] = OrderedDict()

    def _usage(self, bed: str) -> _Usage:
        found = self._beds.get(bed)
        if found is None:
            now_ns = self._now()
            found = _Usage(Bucket(self._requests_per_s * BURST_S, now_ns), Bucket(self._bytes_per_s * BURST_S, now_ns))
            self._beds[bed] = found
            if len(self._beds) > BEDS_REMEMBERED:
                self._beds.popitem(last=False)
        self._beds.move_to_end(bed)
        return found

    def request(self, bed: str) -> None:
        """One request of this bed (`{site}.{bed}`). Raises HttpProblem 429 with Retry-After."""
        wait_s = self._usage(bed).requests.wait_s(1, self._requests_per_s, self._now())
        if wait_s:
            raise _too_many(f"The bed asks more than {self._requests_per_s:g} times a second.", wait_s)

    def take(self, bed: str, size_bytes: int) -> None:
        """So many bytes of a chunk are about to come. Raises HttpProblem 429 with Retry-After."""
        if not self._bytes_per_s:
            return
        wait_s = self._usage(bed).sent.wait_s(size_bytes, self._bytes_per_s, self._now())
        if wait_s:
            raise _too_many(f"The bed sends more than {self._bytes_per_s} bytes a second.", wait_s)

    @contextmanager
    def chunk(self, bed: str) -> Iterator[None]:
        """One chunk on its way. Raises HttpProblem 429 when the bed sends too many at a time."""
        usage = self._usage(bed)
        if usage.chunks >= self._chunks_at_once:
            raise _too_many(f"The bed sends more than {self._chunks_at_once} chunks at a time.", 1)
        usage.chunks += 1
        try:
            yield
        finally:
            usage.chunks -= 1


def _too_many(sentence: str, wait_s: int) -> HttpProblem:
    return HttpProblem(429, sentence, retry_after_s=wait_s)
