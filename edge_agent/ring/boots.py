"""How old a segment is, in time that the box was on: monotonic time of its boot and of every boot since, never the wall clock.

The table `boots` has a row a boot with the longest time on that is known of it: noted each minute, and with every segment.
"""

from __future__ import annotations

import sqlite3

from edge_agent.ring.catalogue import SegmentRow
from shared.clock import Clock


def note_time_on(connection: sqlite3.Connection, clock: Clock) -> None:
    """Writes down how long this boot lasts so far, and forgets boots from before the oldest that has a segment."""
    connection.execute(
        "INSERT INTO boots (boot_id, on_ns) VALUES (?, ?) ON CONFLICT (boot_id) DO UPDATE SET on_ns = MAX(on_ns, excluded.on_ns)",
        (clock.boot_id, clock.monotonic_ns()),
    )
    connection.execute(
        "DELETE FROM boots WHERE number < (SELECT b.number FROM boots AS b WHERE EXISTS "
        "(SELECT 1 FROM segments AS s WHERE s.boot_id = b.boot_id) ORDER BY b.number LIMIT 1)"
    )


def age_ns(connection: sqlite3.Connection, clock: Clock, row: SegmentRow) -> int:
    """How long ago the segment ended, at least: time off does not count, nor what a power cut kept from being noted."""
    now_ns = clock.monotonic_ns()
    if row.boot_id == clock.boot_id:
        return now_ns - row.end_mono_ns
    found = connection.execute(
        "SELECT own.on_ns AS own_ns, (SELECT COALESCE(SUM(later.on_ns), 0) FROM boots AS later "
        "WHERE later.number > own.number AND later.boot_id <> ?) AS later_ns FROM boots AS own WHERE own.boot_id = ?",
        (clock.boot_id, row.boot_id),
    ).fetchone()
    if found is None:
        return now_ns
    return int(now_ns + found["later_ns"] + max(0, found["own_ns"] - row.end_mono_ns))
