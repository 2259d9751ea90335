"""What events hold: the pinned spans of the ring, and the oldest segment that nothing holds.

A segment is pinned while any pin of its boot overlaps its half-open span. The spans of all pins are merged first and
walked by index, so that the cost grows with the number of pins and never with the length of the ring.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right

from edge_agent.ring.catalogue import SegmentRow, Span, merged, row_of_found

_AFTER = "SELECT * FROM segments WHERE sequence = (SELECT MIN(sequence) FROM segments WHERE sequence > ?)"
_COLOUR_AFTER = "SELECT * FROM segments WHERE sequence = (SELECT MIN(sequence) FROM segments WHERE sequence > ? AND lane = 'colour')"
_BEHIND_SPAN = (
    "SELECT sequence FROM segments WHERE boot_id = ? AND start_mono_ns >= ? ORDER BY start_mono_ns, sequence LIMIT 1"
)
_LAST_OF_BOOT = "SELECT sequence FROM segments WHERE boot_id = ? ORDER BY start_mono_ns DESC LIMIT 1"

_A_PAIR = 2
"""So many files may begin at one time: their numbers say nothing of which comes first by time."""


def is_pinned(connection: sqlite3.Connection, row: SegmentRow) -> bool:
    """True while some event holds the segment: the question that a removal asks inside its own transaction."""
    found = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pins WHERE boot_id = ? AND start_mono_ns < ? AND end_mono_ns > ?)",
        (row.boot_id, row.end_mono_ns, row.start_mono_ns),
    )
    return bool(found.fetchone()[0])


def pinned_spans(connection: sqlite3.Connection) -> dict[str, list[Span]]:
    """By boot: the half-open spans that events hold, in order, overlapping ones joined."""
    spans: dict[str, list[Span]] = {}
    for row in connection.execute("SELECT boot_id, start_mono_ns, end_mono_ns FROM pins"):
        spans.setdefault(row["boot_id"], []).append((row["start_mono_ns"], row["end_mono_ns"]))
    return {boot_id: merged(found) for boot_id, found in spans.items()}


def pinned_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the segments that some event holds."""
    total = 0
    for boot_id, spans in pinned_spans(connection).items():
        counted_until = -1
        for start, end in spans:
            found = connection.execute(
                "SELECT COALESCE(SUM(size_bytes), 0) AS held, MAX(start_mono_ns) AS last_ns FROM segments "
                "WHERE boot_id = :boot AND start_mono_ns > MAX(:counted, :start - (SELECT longest_ns FROM ring_sums) - 1) "
                "AND start_mono_ns < :end AND end_mono_ns > :start",
                {"boot": boot_id, "counted": counted_until, "start": start, "end": end},
            ).fetchone()
            total += found["held"]
            counted_until = max(counted_until, found["last_ns"] if found["last_ns"] is not None else -1)
    return total


def oldest_unpinned(connection: sqlite3.Connection, *, colour_apart: bool = False) -> SegmentRow | None:
    """The segment with the lowest sequence number that no event holds; None when there is none.

    colour_apart: among those that hold colour alone.
    """
    spans = pinned_spans(connection)
    reached, after = -1, _COLOUR_AFTER if colour_apart else _AFTER
    while (found := connection.execute(after, (reached,)).fetchone()) is not None:
        row = row_of_found(found)
        span = _span_over(spans.get(row.boot_id, []), row)
        if span is None:
            return row
        behind = connection.execute(_BEHIND_SPAN, (row.boot_id, span[1])).fetchone()
        if behind is None:
            behind = connection.execute(_LAST_OF_BOOT, (row.boot_id,)).fetchone()
            reached = max(row.sequence, behind["sequence"])
        else:
            reached = max(row.sequence, behind["sequence"] - _A_PAIR)
    return None


def _span_over(spans: list[Span], row: SegmentRow) -> Span | None:
    """The pinned span that overlaps the segment; merged spans lie apart, so the last one that begins before its end will do."""
    place = bisect_right(spans, (row.end_mono_ns - 1, 1 << 63)) - 1
    if place >= 0 and spans[place][1] > row.start_mono_ns:
        return spans[place]
    return None
