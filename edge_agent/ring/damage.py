"""Segments whose bytes are not what was sealed: out of the catalogue, into quarantine, their span a gap of cause `disk`.

Nothing is silent then: coverage falls, a clip that needs the span states the gap, and the table `damaged` keeps the row.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_agent.database import transaction
from edge_agent.ring.catalogue import SegmentRow, insert_gap
from edge_agent.ring.recovery import finish_quarantines
from shared.frame import RECORDED_STREAMS
from shared.gap import Gap, GapCause

_LIST_AS_DAMAGED = """
INSERT OR REPLACE INTO damaged (sha256, segment_id, sequence, boot_id, stay_id, start_mono_ns, end_mono_ns, start_utc_ns,
end_utc_ns, size_bytes, frames, file, reason, found_utc_ns) SELECT sha256, segment_id, sequence, boot_id, stay_id,
start_mono_ns, end_mono_ns, start_utc_ns, end_utc_ns, size_bytes, frames, file, ?, ? FROM segments WHERE sha256 = ?
"""


def put_damaged_aside(folder: Path, connection: sqlite3.Connection, row: SegmentRow, reason: str, utc_ns: int) -> None:
    """Takes a segment out of the catalogue for that reason (a sentence), then moves its file. Raises OSError."""
    with transaction(connection):
        connection.execute(_LIST_AS_DAMAGED, (reason, utc_ns, row.sha256))
        connection.execute("DELETE FROM segments WHERE sha256 = ?", (row.sha256,))
        for stream in RECORDED_STREAMS:
            if row.frames.get(stream):
                insert_gap(
                    connection,
                    Gap(
                        stream=stream, cause=GapCause.disk, boot_id=row.boot_id, start_mono_ns=row.start_mono_ns,
                        end_mono_ns=row.end_mono_ns, start_utc_ns=row.start_utc_ns, end_utc_ns=row.end_utc_ns,
                        missing_frames=row.frames[stream],
                    ),
                )  # fmt: skip
    finish_quarantines(folder, connection)


def damaged_lines(connection: sqlite3.Connection, most: int = 100) -> list[str]:
    """The newest damaged segments, a sentence each."""
    found = connection.execute("SELECT sequence, file, reason FROM damaged ORDER BY sequence DESC LIMIT ?", (most,))
    return [f"Segment {row['sequence']} ({row['file']}) was put aside: {row['reason']}" for row in found]


def damage_alarm(connection: sqlite3.Connection) -> str | None:
    """A sentence while a damaged segment is younger than the oldest of the ring: it ends as the ring moves on."""
    found = connection.execute(
        "SELECT count(*) AS number, MAX(sequence) AS newest FROM damaged "
        "WHERE sequence > (SELECT COALESCE(MIN(sequence), -1) FROM segments)"
    ).fetchone()
    if not found["number"]:
        return None
    return f"{found['number']} segments of the ring were damaged on the disk and are in quarantine, the newest is {found['newest']}."
