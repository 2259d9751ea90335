"""Frames between the last one on the disk and a gap that was told already: a gap's row is durable at once, frames each second.

Without this, a power cut right after a short gap would leave the unflushed frames before that gap with no word about them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from edge_agent.ring.catalogue import SegmentRow, row_of_found
from shared.frame import Stream
from shared.gap import Gap, GapCause

_NEWEST_ROWS = 1_000
LEAST_PERIODS = 0.75
"""A shorter hole is jitter between two frames."""


def lost_tails(connection: sqlite3.Connection, boot_id: str, stream: Stream, cause: GapCause) -> Iterator[Gap]:
    """The holes of a boot that ended, from its newest segment with the stream to its newest gap, as gaps of that cause."""
    found = connection.execute(
        "SELECT * FROM (SELECT * FROM segments WHERE boot_id = ? ORDER BY start_mono_ns DESC LIMIT ?) "
        "WHERE json_extract(frames, '$.' || ?) > 0 LIMIT 1",
        (boot_id, _NEWEST_ROWS, stream.value),
    ).fetchone()
    if found is None:
        return
    newest = row_of_found(found)
    period_ns = max(1, (newest.end_mono_ns - newest.start_mono_ns) // newest.frames[stream])
    reached_ns = newest.end_mono_ns
    later = connection.execute(
        "SELECT start_mono_ns, end_mono_ns FROM gaps WHERE boot_id = ? AND stream = ? AND end_mono_ns > ? ORDER BY start_mono_ns",
        (boot_id, stream.value, reached_ns),
    ).fetchall()
    for gap in later:
        if gap["start_mono_ns"] - reached_ns > LEAST_PERIODS * period_ns:
            yield _gap(newest, stream, cause, (reached_ns, gap["start_mono_ns"]), period_ns)
        reached_ns = max(reached_ns, gap["end_mono_ns"])


def _gap(row: SegmentRow, stream: Stream, cause: GapCause, span: tuple[int, int], period_ns: int) -> Gap:
    offset_ns = row.end_utc_ns - row.end_mono_ns
    return Gap(
        stream=stream, cause=cause, boot_id=row.boot_id, start_mono_ns=span[0], end_mono_ns=span[1],
        start_utc_ns=max(0, span[0] + offset_ns), end_utc_ns=max(0, span[1] + offset_ns),
        missing_frames=max(1, round((span[1] - span[0]) / period_ns)),
    )  # fmt: skip
