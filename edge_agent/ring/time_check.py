"""I7 of the ring: order is by boot, sequence and monotonic time, and every hole in a stream has a gap that says why.

One pass over segments, gaps and removals of a boot, merged by time: memory does not grow with the ring.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from heapq import merge

from edge_agent.ring.catalogue import Span
from edge_agent.ring.ledger import LATE_PERIODS
from shared.clock import NS_PER_S
from shared.frame import RECORDED_STREAMS, Stream
from shared.lane import Lane

LARGEST_SEAM_NS = NS_PER_S // 4
"""Between two segments, or two gaps, this much may lie unaccounted: a few frame periods of jitter."""

_TOLD = (
    "SELECT start_mono_ns, end_mono_ns, -1, lane, '' FROM evicted WHERE boot_id = ? ORDER BY start_mono_ns",
    "SELECT start_mono_ns, end_mono_ns, -1, '', stream FROM gaps WHERE boot_id = ? ORDER BY start_mono_ns",
    "SELECT start_mono_ns, end_mono_ns, sequence, lane, frames FROM segments WHERE boot_id = ? ORDER BY start_mono_ns",
)


def largest_seam_ns(stream: Stream, period_ns: float) -> float:
    """What may lie unaccounted in a stream; colour comes at a rate of its own, so that a file of it alone may begin a period late."""
    return max(LARGEST_SEAM_NS, LATE_PERIODS * period_ns) if stream is Stream.colour else LARGEST_SEAM_NS


@dataclass(frozen=True, slots=True)
class Hole:
    """A span of one stream that neither a segment nor a gap nor a removal accounts for."""

    stream: Stream
    boot_id: str
    start_mono_ns: int
    end_mono_ns: int

    @property
    def sentence(self) -> str:
        length_s = (self.end_mono_ns - self.start_mono_ns) / NS_PER_S
        where = f"{self.start_mono_ns / NS_PER_S:.1f} s after the boot {self.boot_id}"
        return f"{self.stream.value}: {length_s:.1f} s are missing {where}, and no gap says why."


@dataclass(frozen=True, slots=True)
class Disorder:
    """Two segments that lie in time otherwise than their numbers say."""

    sequence: int
    earlier: int

    @property
    def sentence(self) -> str:
        return f"Segment {self.sequence} begins before segment {self.earlier} ended."


@dataclass(slots=True)
class _Account:
    """One stream of one boot, fed in the order of time. `reached` is None until the account begins."""

    stream: Stream
    boot_id: str
    reached: int | None
    period_ns: float = 0.0
    recorded: bool = False
    pending: list[Span] = field(default_factory=list)

    def known(self, start: int, end: int) -> None:
        """A gap or a removal, or time in which nothing was due."""
        if self.reached is None:
            return
        if start - self.reached > largest_seam_ns(self.stream, self.period_ns):
            self.pending.append((self.reached, start))
        self.reached = max(self.reached, end)

    def segment(self, start: int, end: int, frames: int) -> Iterator[Hole]:
        """A segment with so many frames of the stream; what was missing before frames came again is a hole."""
        if frames == 0:
            if end - start <= LATE_PERIODS * self.period_ns:
                self.known(start, end)
            return
        self.period_ns, self.recorded = (end - start) / frames, True
        self.reached = start if self.reached is None else self.reached
        self.known(start, end)
        for hole in self.pending:
            yield Hole(self.stream, self.boot_id, *hole)
        self.pending.clear()


def time_faults(connection: sqlite3.Connection) -> Iterator[Hole | Disorder]:
    """Every hole and every disorder of the catalogue, boot by boot."""
    before: frozenset[Stream] = frozenset()
    boots = connection.execute("SELECT boot_id FROM segments GROUP BY boot_id ORDER BY MIN(sequence)").fetchall()
    for row in boots:
        before = yield from _faults_of_boot(connection, row["boot_id"], before)


def _faults_of_boot(
    connection: sqlite3.Connection, boot_id: str, before: frozenset[Stream]
) -> Generator[Hole | Disorder, None, frozenset[Stream]]:
    accounts = {each: _Account(each, boot_id, 0 if each in before else None) for each in RECORDED_STREAMS}
    last: dict[bool, tuple[int, int]] = {}
    for start, end, sequence, lane, detail in merge(*_told(connection, boot_id)):
        touched = [
            each for each in accounts.values() if (Lane(lane).holds(each.stream) if lane else each.stream == detail)
        ]
        if sequence < 0:
            for account in touched:
                account.known(start, end)
            continue
        before_it = last.get(lane == Lane.colour)
        if before_it is not None and sequence < before_it[0]:
            yield Disorder(before_it[0], sequence)
        elif before_it is not None and start < before_it[1] - LARGEST_SEAM_NS:
            yield Disorder(sequence, before_it[0])
        last[lane == Lane.colour] = (sequence, end)
        counts = json.loads(detail)
        for account in touched:
            yield from account.segment(start, end, counts.get(account.stream.value, 0))
    return frozenset(stream for stream, account in accounts.items() if account.recorded)


def _told(connection: sqlite3.Connection, boot_id: str) -> Iterator[Iterator[tuple[int, int, int, str, str]]]:
    """Removals, gaps and segments of a boot, each in the order of time: start, end, sequence (-1: no segment), lane, detail."""
    for question in _TOLD:
        yield (tuple(row) for row in connection.execute(question, (boot_id,)))
