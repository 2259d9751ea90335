"""Reads sealed segments again, slowly and for ever: bytes that the disk changed are found before somebody needs them.

From the oldest to the newest, then anew, a lap a day at most. What a segment's hash does not name any more goes into quarantine (`damage.py`).
The share of the ring that was read in the last week of time on is kept in the database.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.database import transaction
from edge_agent.ring.catalogue import SegmentRow, row_of_found, segment_by_sha256, total_bytes
from edge_agent.ring.damage import put_damaged_aside
from shared.clock import NS_PER_S, Clock

PIECE_BYTES = 1 << 18
MOST_SAVED_S = 2
"""Reading that was not done is made up for at most so many seconds: the disk is never flooded."""
HOUR_NS = 3600 * NS_PER_S
LAP_NS = 24 * HOUR_NS
WEEK_HOURS = 7 * 24


@dataclass(frozen=True, slots=True)
class Damaged:
    """A segment that is not what was sealed, with the reason in a sentence."""

    row: SegmentRow
    reason: str


@dataclass(slots=True)
class _Reading:
    """One segment on its way through the hash."""

    row: SegmentRow
    descriptor: int
    digest: Any = field(default_factory=hashlib.sha256)


class Scrub:
    """Call `turn` about once a second; it reads what the rate allows since the last call."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, clock: Clock, bytes_per_s: int) -> None:
        self._folder, self._connection, self._clock = folder, connection, clock
        self._bytes_per_s = bytes_per_s
        self._last_ns = self._noted_ns = clock.monotonic_ns()
        self._allowed = 0
        self._reading: _Reading | None = None

    def turn(self) -> Damaged | None:
        """Reads on; returns a segment that was found damaged and is in quarantine now. Raises OSError, sqlite3.OperationalError."""
        now_ns = self._clock.monotonic_ns()
        gained = (now_ns - self._last_ns) * self._bytes_per_s // NS_PER_S
        if gained:
            self._last_ns = now_ns
            self._allowed = min(self._allowed + gained, MOST_SAVED_S * self._bytes_per_s)
        while self._allowed > 0:
            reading = self._reading or self._next()
            if not isinstance(reading, _Reading):
                self._allowed = 0
                return reading
            self._reading = reading
            try:
                piece = os.read(reading.descriptor, min(PIECE_BYTES, self._allowed))
            except OSError as error:
                return self._finish(reading, f"It cannot be read: {error.strerror}.")
            self._allowed -= len(piece)
            if piece:
                reading.digest.update(piece)
                continue
            sound = reading.digest.hexdigest() == reading.row.sha256
            found = self._finish(reading, None if sound else "Its bytes are not those that were sealed.")
            if found is not None:
                return found
        return None

    def close(self) -> None:
        """Lets go of the file that is being read."""
        if self._reading is not None:
            os.close(self._reading.descriptor)
            self._reading = None

    def _next(self) -> _Reading | Damaged | None:
        """The segment after the last one that was read; None at the end of a lap. A lost file is damage."""
        found = self._connection.execute(
            "SELECT * FROM segments WHERE sequence = (SELECT MIN(sequence) FROM segments WHERE sequence > ?)",
            (self._state("scrub_sequence", -1),),
        ).fetchone()
        if found is None:
            self._begin_lap()
            return None
        row = row_of_found(found)
        try:
            descriptor = os.open(row.path(self._folder), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            return self._judge(row, f"It cannot be opened: {error.strerror}.")
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return _Reading(row, descriptor)

    def _begin_lap(self) -> None:
        """From the oldest again, once the last lap began a day ago: a small ring is not read for ever."""
        on_ns = self._on_ns()
        if on_ns >= self._state("scrub_next_lap_ns", LAP_NS):
            with transaction(self._connection):
                self._put("scrub_next_lap_ns", on_ns + LAP_NS)
                self._put("scrub_sequence", -1)

    def _finish(self, reading: _Reading, reason: str | None) -> Damaged | None:
        os.posix_fadvise(reading.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        self.close()
        return self._judge(reading.row, reason)

    def _judge(self, row: SegmentRow, reason: str | None) -> Damaged | None:
        self._note(row, row.size_bytes)
        if reason is None or segment_by_sha256(self._connection, row.sha256) is None:
            return None
        put_damaged_aside(self._folder, self._connection, row, reason, self._clock.utc_ns())
        return Damaged(row, reason)

    def _note(self, row: SegmentRow, size_bytes: int) -> None:
        on_ns = self._on_ns()
        self._noted_ns = self._clock.monotonic_ns()
        with transaction(self._connection):
            self._put("scrub_sequence", row.sequence)
            self._put("scrub_on_ns", on_ns)
            self._connection.execute(
                "INSERT INTO scrubbed (hour, size_bytes) VALUES (?, ?) "
                "ON CONFLICT (hour) DO UPDATE SET size_bytes = size_bytes + excluded.size_bytes",
                (on_ns // HOUR_NS, size_bytes),
            )
            self._connection.execute("DELETE FROM scrubbed WHERE hour <= ?", (on_ns // HOUR_NS - WEEK_HOURS,))

    def _on_ns(self) -> int:
        """Time on of the box since it began to read, over restarts."""
        return self._state("scrub_on_ns", 0) + self._clock.monotonic_ns() - self._noted_ns

    def _put(self, name: str, value: int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO ring_state (name, value) VALUES (?, ?)", (name, value))

    def _state(self, name: str, default: int) -> int:
        found = self._connection.execute("SELECT value FROM ring_state WHERE name = ?", (name,)).fetchone()
        return default if found is None else int(found[0])


def week_share(connection: sqlite3.Connection) -> float:
    """How much of the ring was read again in the last week that the box was on, 0..1; 1 when the ring is empty."""
    size_bytes = total_bytes(connection)
    read = connection.execute("SELECT COALESCE(SUM(size_bytes), 0) FROM scrubbed").fetchone()[0]
    return min(1.0, read / size_bytes) if size_bytes else 1.0
