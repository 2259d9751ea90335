"""Takes the oldest unpinned segments away when the ring is over its size, its age or its disk; a pinned one never.

Order: the row moves to the garbage list in the same transaction that asked the pins, then the file goes, then the list entry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.database import transaction
from edge_agent.ring.catalogue import SegmentRow, segment_by_sha256, total_bytes
from edge_agent.ring.disk_space import Reserve
from edge_agent.ring.folder import QUARANTINE
from edge_agent.ring.recovery import finish_removals
from shared.clock import NS_PER_S, Clock

MOST_A_TURN = 100
KEPT_EVICTIONS = 30_000
QUARANTINE_SHARE = 0.01
_UNPINNED = """
SELECT s.sha256 FROM segments AS s WHERE NOT EXISTS (
    SELECT 1 FROM pins AS p
    WHERE p.boot_id = s.boot_id AND p.start_mono_ns < s.end_mono_ns AND p.end_mono_ns > s.start_mono_ns
) ORDER BY s.sequence LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large and how old the ring may be; age counts time that the box was on."""

    max_bytes: int
    max_hours: float


class Eviction:
    """One `turn` removes what is over the limits, at most 100 segments."""

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, clock: Clock, limits: Limits, reserve: Reserve,
        free_bytes: Callable[[], int],
    ) -> None:  # fmt: skip
        self._folder, self._connection, self._clock = folder, connection, clock
        self._limits, self._reserve, self._free_bytes = limits, reserve, free_bytes
        self.evicted = 0
        self.blocked = False
        """The ring is over a limit and every segment is pinned, or none is left."""

    def turn(self) -> list[tuple[SegmentRow, str]]:
        """The removed segments with the reason of each. Raises OSError or sqlite3.OperationalError; the next turn goes on."""
        finish_removals(self._folder, self._connection)
        gone: list[tuple[SegmentRow, str]] = []
        self.blocked = False
        while len(gone) < MOST_A_TURN:
            oldest = self._oldest_unpinned()
            reason = self._reason(oldest)
            if reason is None:
                break
            if oldest is None:
                self.blocked = True
                break
            if self._remove(oldest):
                gone.append((oldest, reason))
        self.evicted += len(gone)
        return gone

    def tidy(self) -> None:
        """Now and then: holds the reserve, bounds the quarantine and the old rows of the ledger."""
        self._reserve.hold(self._free_bytes())
        self._bound_quarantine()
        with transaction(self._connection):
            self._connection.execute(
                "DELETE FROM evicted WHERE sequence <= (SELECT MAX(sequence) FROM evicted) - ?", (KEPT_EVICTIONS,)
            )
            self._connection.execute(
                "DELETE FROM gaps WHERE boot_id <> ? AND boot_id NOT IN (SELECT boot_id FROM segments)",
                (self._clock.boot_id,),
            )
            self._connection.execute(
                "DELETE FROM gaps WHERE end_mono_ns < (SELECT MIN(start_mono_ns) FROM segments AS s "
                "WHERE s.boot_id = gaps.boot_id)"
            )

    def _oldest_unpinned(self) -> SegmentRow | None:
        found = self._connection.execute(_UNPINNED).fetchone()
        return None if found is None else segment_by_sha256(self._connection, found["sha256"])

    def _reason(self, oldest: SegmentRow | None) -> str | None:
        if total_bytes(self._connection) > self._limits.max_bytes:
            return "size"
        if self._free_bytes() < self._reserve.size_bytes:
            return "disk"
        if oldest is not None and self.age_ns(oldest) > self._limits.max_hours * 3600 * NS_PER_S:
            return "age"
        return None

    def age_ns(self, row: SegmentRow) -> int:
        """How long ago the segment ended, at least: by monotonic time, so that a wrong wall clock deletes nothing.

        For an earlier boot it is this boot's time, plus what the boots after it recorded, plus its own boot's rest.
        """
        now_ns = self._clock.monotonic_ns()
        if row.boot_id == self._clock.boot_id:
            return now_ns - row.end_mono_ns
        boots = self._connection.execute(
            "SELECT boot_id, MAX(end_mono_ns) AS last_ns FROM segments WHERE sequence >= ? GROUP BY boot_id",
            (row.sequence,),
        ).fetchall()
        later_ns = sum(boot["last_ns"] for boot in boots if boot["boot_id"] not in {row.boot_id, self._clock.boot_id})
        own_ns = next(boot["last_ns"] for boot in boots if boot["boot_id"] == row.boot_id) - row.end_mono_ns
        return int(now_ns + later_ns + own_ns)

    def _remove(self, row: SegmentRow) -> bool:
        with transaction(self._connection):
            chosen = self._connection.execute(_UNPINNED).fetchone()
            if chosen is None or chosen["sha256"] != row.sha256:
                return False
            self._connection.execute("INSERT INTO garbage (file) VALUES (?)", (row.file,))
            self._connection.execute(
                "INSERT OR REPLACE INTO evicted (sequence, boot_id, start_mono_ns, end_mono_ns) VALUES (?, ?, ?, ?)",
                (row.sequence, row.boot_id, row.start_mono_ns, row.end_mono_ns),
            )
            self._connection.execute("DELETE FROM segments WHERE sha256 = ?", (row.sha256,))
        finish_removals(self._folder, self._connection)
        return True

    def _bound_quarantine(self) -> None:
        """Condemned files are kept for ops to look at, the newest up to a hundredth of the ring."""
        left = self._limits.max_bytes * QUARANTINE_SHARE
        for path in sorted((self._folder / QUARANTINE).iterdir(), reverse=True):
            left -= path.stat().st_size
            if left < 0:
                path.unlink()
