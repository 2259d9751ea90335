"""What waits to be taken in, by bed: each bed has its turn, and a bed that floods fills its own share and no other's. Pure."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.clock import NS_PER_S

Item = TypeVar("Item")
BEDS_REMEMBERED = 20_000
BURST_S = 2.0
LEAST_BURST = 10.0


class FairQueue(Generic[Item]):
    """At most `limit` items, at most `share` of one bed; taken bed by bed in turn. Use in one event loop."""

    def __init__(self, limit: int, share: int) -> None:
        self._limit = limit
        self._share = share
        self._beds: OrderedDict[str, deque[Item]] = OrderedDict()
        self._count = 0
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return self._count

    def put(self, bed: str, item: Item) -> bool:
        """False: the queue or the bed's share is full, and the item was not taken."""
        line = self._beds.get(bed)
        if self._count >= self._limit or (line is not None and len(line) >= self._share):
            return False
        self._beds.setdefault(bed, deque()).append(item)
        self._count += 1
        self._filled.set()
        return True

    async def take(self, most: int) -> list[Item]:
        """Waits for the first item, then returns up to `most`: one of each bed, then the second of each, and so on."""
        while not self._count:
            self._filled.clear()
            await self._filled.wait()
        taken: list[Item] = []
        while self._count and len(taken) < most:
            bed, line = self._beds.popitem(last=False)
            taken.append(line.popleft())
            self._count -= 1
            if line:
                self._beds[bed] = line
        return taken


@dataclass(slots=True)
class _Bucket:
    left: float
    at_ns: int
    shed: int = 0


class Quotas:
    """How many of a bed's things pass: `per_minute`, and two seconds' worth or ten at once. What is shed is counted by bed.

    Any thread may use it.
    """

    def __init__(self, per_minute: float, monotonic_ns: Callable[[], int]) -> None:
        self._rate = per_minute / 60.0
        self._burst = max(LEAST_BURST, self._rate * BURST_S)
        self._now = monotonic_ns
        self._beds: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def allow(self, bed: str) -> bool:
        """Takes one of the bed's allowance; False when there is none left."""
        with self._lock:
            now_ns = self._now()
            bucket = self._bucket(bed, now_ns)
            bucket.left = min(self._burst, bucket.left + self._rate * (now_ns - bucket.at_ns) / NS_PER_S)
            bucket.at_ns = now_ns
            if bucket.left < 1.0:
                bucket.shed += 1
                return False
            bucket.left -= 1.0
            return True

    def _bucket(self, bed: str, now_ns: int) -> _Bucket:
        bucket = self._beds.setdefault(bed, _Bucket(self._burst, now_ns))
        self._beds.move_to_end(bed)
        if len(self._beds) > BEDS_REMEMBERED:
            self._beds.popitem(last=False)
        return bucket

    def note_shed(self, bed: str) -> None:
        """One more that did not pass, for another reason."""
        with self._lock:
            self._bucket(bed, self._now()).shed += 1

    def take_shed(self, bed: str | None = None) -> dict[str, int]:
        """How many did not pass since the last asking, by bed; of one bed alone where it is given."""
        with self._lock:
            beds = self._beds.items() if bed is None else [(bed, self._beds[bed])] if bed in self._beds else []
            counts = {name: bucket.shed for name, bucket in beds if bucket.shed}
            for name in counts:
                self._beds[name].shed = 0
            return counts
