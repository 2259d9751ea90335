"""Rows on their way into the catalogue: written at once, kept in order while the database cannot be written."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable

from edge_agent.ring.catalogue import SegmentRow, insert_gap, insert_segment
from shared.failpoints import hit
from shared.gap import Gap

MOST_WAITING = 10_000
"""Beyond this the oldest gap is given up; a sealed file without a row gets it within the hour, by the evictor's sweep."""


class CatalogueQueue:
    """Tells a sealed segment or a gap only after its row is committed."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        on_sealed: Callable[[SegmentRow, float], None],
        on_gap: Callable[[Gap], None],
    ) -> None:
        self._connection = connection
        self._on_sealed, self._on_gap = on_sealed, on_gap
        self.database_full = False
        """The last write failed because the disk is full."""
        self._waiting: deque[tuple[SegmentRow, float] | Gap] = deque(maxlen=MOST_WAITING)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, entry: tuple[SegmentRow, float] | Gap) -> bool:
        """Adds an entry and writes what waits. False when the database does not take it now."""
        self._waiting.append(entry)
        return self.write()

    def write(self) -> bool:
        """Writes all that waits, in order. False when the database does not take it now."""
        while self._waiting:
            entry = self._waiting[0]
            try:
                if isinstance(entry, Gap):
                    insert_gap(self._connection, entry)
                else:
                    insert_segment(self._connection, entry[0])
                    hit("after_segment_row")
            except sqlite3.OperationalError as error:
                self.database_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
                return False
            self.database_full = False
            self._waiting.popleft()
            if isinstance(entry, Gap):
                self._on_gap(entry)
            else:
                self._on_sealed(*entry)
        return True
