"""Takes the oldest unpinned segments away when the ring is over its size, its age or its disk; a pinned one never.

Colour that lies in files of its own may leave before the rest, by its own age and otherwise in the same way.

The policy is docs/decisions/0010-eviction.md. Order: the rows move to the garbage list in the one transaction that asked the
pins, then the files go, then the folder is flushed, then the list entries go.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from edge_agent.database import transaction
from edge_agent.ring.boots import age_ns, note_time_on
from edge_agent.ring.catalogue import SegmentRow, bounds_of_boot, total_bytes
from edge_agent.ring.disk_space import Reserve, Room
from edge_agent.ring.pins import is_pinned, oldest_unpinned
from edge_agent.ring.promise import Limits
from edge_agent.ring.quarantine import bound_quarantine
from edge_agent.ring.recovery import finish_quarantines, finish_removals
from shared.clock import NS_PER_S, Clock
from shared.failpoints import hit

MOST_A_BATCH = 20
MOST_A_TURN = 100
KEPT_EVICTIONS = 30_000
KEPT_DAMAGED = 1_000
QUARANTINE_SHARE = 0.01
SEAM_NS = NS_PER_S // 4
"""Removed neighbours that lie closer than this are told as one removed span."""
Gone = tuple[SegmentRow, str]


class Eviction:
    """One `turn` removes what is over the limits, at most 100 segments, 20 with each three flushes of the disk."""

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, clock: Clock, limits: Limits, reserve: Reserve,
        room: Callable[[], Room],
    ) -> None:  # fmt: skip
        self._folder, self._connection, self._clock = folder, connection, clock
        self._limits, self._reserve, self._room = limits, reserve, room
        self.evicted = 0
        self.blocked = False
        """The ring is over a limit and every segment is pinned, or none is left."""
        self.names_short = False
        """The file system is running out of names (inodes)."""

    def turn(self) -> list[Gone]:
        """The removed segments with the reason of each. Raises OSError or sqlite3.OperationalError; the next turn goes on."""
        finish_removals(self._folder, self._connection)
        finish_quarantines(self._folder, self._connection)
        gone: list[Gone] = []
        self.blocked = False
        while len(gone) < MOST_A_TURN and not self.blocked:
            batch = self._remove_batch()
            gone += batch
            if len(batch) < MOST_A_BATCH:
                break
        self.evicted += len(gone)
        return gone

    def tidy(self) -> None:
        """Now and then: notes the time, holds the reserve, bounds the quarantine and the old rows of the ledger."""
        self._reserve.hold(self._room().free_bytes)
        bound_quarantine(self._folder, self._limits.max_bytes * QUARANTINE_SHARE)
        with transaction(self._connection):
            note_time_on(self._connection, self._clock)
            self._connection.execute(
                "DELETE FROM evicted WHERE sequence <= (SELECT sequence FROM evicted ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
                (KEPT_EVICTIONS,),
            )
            self._connection.execute(
                "DELETE FROM damaged WHERE sequence <= (SELECT sequence FROM damaged ORDER BY sequence DESC LIMIT 1 OFFSET ?)",
                (KEPT_DAMAGED,),
            )
            self._forget_old_gaps()

    def make_room_for_rows(self) -> None:
        """The database has no room for the rows of a removal: gives it the reserve's."""
        self._reserve.release()

    def age_ns(self, row: SegmentRow) -> int:
        """How long ago the segment ended, in time that the box was on."""
        return age_ns(self._connection, self._clock, row)

    def _remove_batch(self) -> list[Gone]:
        """Chooses and lists in one transaction, so that a pin that comes meanwhile waits for it or is seen by it."""
        room = self._room()
        self.names_short = room.spare_names is not None and room.spare_names <= 0
        if self._next(room)[1] is None:
            return []
        batch: list[Gone] = []
        with transaction(self._connection):
            while len(batch) < MOST_A_BATCH:
                oldest, reason = self._next(room)
                if reason is None:
                    break
                if oldest is None or is_pinned(self._connection, oldest):
                    self.blocked = True
                    break
                self._list_as_garbage(oldest)
                batch.append((oldest, reason))
                names = None if room.spare_names is None else room.spare_names + 1
                room = Room(room.free_bytes + oldest.size_bytes, names)
        if batch:
            hit("after_eviction_row")
            finish_removals(self._folder, self._connection)
        return batch

    def _next(self, room: Room) -> tuple[SegmentRow | None, str | None]:
        """What goes next and why: the oldest of all, or else the oldest colour; no reason: nothing has to."""
        oldest = oldest_unpinned(self._connection)
        reason = self._reason(room, oldest)
        if reason is None and self._limits.colour_hours is not None:
            oldest = oldest_unpinned(self._connection, colour_apart=True)
            if oldest is not None and self.age_ns(oldest) > self._limits.colour_hours * 3600 * NS_PER_S:
                reason = "colour_age"
        return oldest, reason

    def _reason(self, room: Room, oldest: SegmentRow | None) -> str | None:
        if total_bytes(self._connection) > self._limits.max_bytes:
            return "size"
        if room.free_bytes < self._reserve.least_free_bytes:
            return "disk"
        if room.spare_names is not None and room.spare_names <= 0:
            return "names"
        if oldest is not None and self.age_ns(oldest) > self._limits.max_hours * 3600 * NS_PER_S:
            return "age"
        return None

    def _list_as_garbage(self, row: SegmentRow) -> None:
        self._connection.execute("INSERT INTO garbage (file) VALUES (?)", (row.file,))
        self._connection.execute("DELETE FROM segments WHERE sha256 = ?", (row.sha256,))
        grown = self._connection.execute(
            "UPDATE evicted SET sequence = ?, end_mono_ns = MAX(end_mono_ns, ?) WHERE sequence IN (?, ?) AND boot_id = ? "
            "AND lane = ? AND end_mono_ns BETWEEN ? AND ?",
            (
                row.sequence, row.end_mono_ns, row.sequence - 1, row.sequence - 2, row.boot_id, row.lane.value,
                row.start_mono_ns - SEAM_NS, row.start_mono_ns + SEAM_NS,
            ),
        )  # fmt: skip
        if grown.rowcount == 0:
            self._connection.execute(
                "INSERT OR REPLACE INTO evicted (sequence, boot_id, start_mono_ns, end_mono_ns, lane) VALUES (?, ?, ?, ?, ?)",
                (row.sequence, row.boot_id, row.start_mono_ns, row.end_mono_ns, row.lane.value),
            )

    def _forget_old_gaps(self) -> None:
        """Gaps from before the oldest segment of their boot tell nothing that anybody can ask for."""
        boot_id = ""
        while (
            found := self._connection.execute("SELECT MIN(boot_id) FROM gaps WHERE boot_id > ?", (boot_id,)).fetchone()
        )[0]:
            boot_id = found[0]
            bounds = bounds_of_boot(self._connection, boot_id)
            if bounds is not None:
                self._connection.execute("DELETE FROM gaps WHERE boot_id = ? AND end_mono_ns < ?", (boot_id, bounds[0]))
            elif boot_id != self._clock.boot_id:
                self._connection.execute("DELETE FROM gaps WHERE boot_id = ?", (boot_id,))
