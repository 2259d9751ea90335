"""The catalogue of the ring: which sealed segments there are, which gaps, and how much of a span was recorded."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field

from edge_agent.ring.folder import SEGMENTS
from shared.clock import NS_PER_S
from shared.contract import Bytes, Contract, Count, Nanoseconds, Text
from shared.frame import Stream
from shared.gap import Gap
from shared.ids import BootId, Sha256, Uuid7
from shared.lane import Lane

PAGE_ROWS = 1000


class SegmentRow(Contract):
    """One sealed segment: half-open span [start_mono_ns, end_mono_ns) of its boot, counts of records by stream.

    lane says which streams its file is for; colour in a file of its own has the number before that of the rest.
    """

    sha256: Sha256
    segment_id: Uuid7
    sequence: Count
    boot_id: BootId
    stay_id: Uuid7 | None
    start_mono_ns: Nanoseconds
    end_mono_ns: Nanoseconds
    start_utc_ns: Nanoseconds
    end_utc_ns: Nanoseconds
    size_bytes: Bytes
    frames: dict[Stream, Count]
    file: Text = Field(max_length=80, pattern=r"^[0-9a-f]{64}\.seg$")
    lane: Lane = Lane.whole

    def path(self, folder: Path) -> Path:
        """Where the file lies in the bed's folder."""
        return folder / SEGMENTS / self.file


def row_of_found(found: sqlite3.Row) -> SegmentRow:
    """The row as it came from the table."""
    fields = dict(found)
    fields["frames"] = json.loads(fields["frames"])
    return SegmentRow.model_validate(fields)


def insert_segment(connection: sqlite3.Connection, row: SegmentRow) -> None:
    """Adds the row of a sealed file; a row that is there already stays as it is."""
    frames = json.dumps({stream.value: count for stream, count in sorted(row.frames.items())})
    connection.execute(
        "INSERT INTO segments (sha256, segment_id, sequence, boot_id, stay_id, start_mono_ns, end_mono_ns, start_utc_ns, "
        "end_utc_ns, size_bytes, frames, file, lane) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (sha256) DO NOTHING",
        (
            row.sha256, str(row.segment_id), row.sequence, row.boot_id, str(row.stay_id) if row.stay_id else None,
            row.start_mono_ns, row.end_mono_ns, row.start_utc_ns, row.end_utc_ns, row.size_bytes, frames, row.file,
            row.lane.value,
        ),
    )  # fmt: skip


def segments_in_order(connection: sqlite3.Connection) -> Iterator[SegmentRow]:
    """Every segment in the order of its sequence number, read in pages: no snapshot is held, no list grows with the ring."""
    reached = -1
    while page := connection.execute(
        "SELECT * FROM segments WHERE sequence > ? ORDER BY sequence LIMIT ?", (reached, PAGE_ROWS)
    ).fetchall():
        yield from (row_of_found(found) for found in page)
        reached = page[-1]["sequence"]


def all_segments(connection: sqlite3.Connection) -> list[SegmentRow]:
    """Every segment in the order of its sequence number, at once: for rings that are known to be small."""
    return list(segments_in_order(connection))


def segment_by_sha256(connection: sqlite3.Connection, sha256: str) -> SegmentRow | None:
    """The row of that hash, or None when the ring does not hold it (any more)."""
    found = connection.execute("SELECT * FROM segments WHERE sha256 = ?", (sha256,)).fetchone()
    return None if found is None else row_of_found(found)


def segments_between(
    connection: sqlite3.Connection, boot_id: str, start_mono_ns: int, end_mono_ns: int
) -> list[SegmentRow]:
    """The sealed segments of a boot that overlap the half-open span, in the order of time."""
    found = connection.execute(
        "SELECT * FROM segments WHERE boot_id = :boot AND start_mono_ns > :start - (SELECT longest_ns FROM ring_sums) - 1 "
        "AND start_mono_ns < :end AND end_mono_ns > :start ORDER BY start_mono_ns, sequence",
        {"boot": boot_id, "start": start_mono_ns, "end": end_mono_ns},
    )
    return [row_of_found(each) for each in found]


def newest_segment(connection: sqlite3.Connection) -> SegmentRow | None:
    """The segment with the highest sequence number."""
    found = connection.execute(
        "SELECT * FROM segments WHERE sequence = (SELECT MAX(sequence) FROM segments)"
    ).fetchone()
    return None if found is None else row_of_found(found)


def oldest_segment(connection: sqlite3.Connection) -> SegmentRow | None:
    """The segment with the lowest sequence number."""
    found = connection.execute(
        "SELECT * FROM segments WHERE sequence = (SELECT MIN(sequence) FROM segments)"
    ).fetchone()
    return None if found is None else row_of_found(found)


def total_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of all catalogued segments."""
    return int(connection.execute("SELECT size_bytes FROM ring_sums").fetchone()[0])


def total_hours(connection: sqlite3.Connection) -> float:
    """Hours that the catalogued segments hold; colour that lies apart is not counted again."""
    return int(connection.execute("SELECT length_ns FROM ring_sums").fetchone()[0]) / (3600 * NS_PER_S)


def bounds_of_boot(connection: sqlite3.Connection, boot_id: str) -> tuple[int, int] | None:
    """Start of the first and end of the last segment of a boot, in ns of its clock; None when it has none."""
    bounds = connection.execute(
        "SELECT (SELECT MIN(start_mono_ns) FROM segments WHERE boot_id = :boot), "
        "(SELECT end_mono_ns FROM segments WHERE boot_id = :boot ORDER BY start_mono_ns DESC LIMIT 1)",
        {"boot": boot_id},
    ).fetchone()
    return None if bounds[0] is None else (bounds[0], bounds[1])


def next_sequence(connection: sqlite3.Connection, at_least: int = 0) -> int:
    """Takes the next per-bed sequence number of a segment; a number is never given twice, also after a power cut."""
    found = connection.execute(
        "INSERT INTO ring_state (name, value) VALUES ('next_sequence', :least + 1) "
        "ON CONFLICT (name) DO UPDATE SET value = MAX(value, :least) + 1 RETURNING value",
        {"least": at_least},
    )
    return int(found.fetchone()[0]) - 1


class SequenceNumbers:
    """The numbers of one recorder, the only one who takes any.

    While others lock the database it counts on by itself: the number is in the segment's header, and is written down with
    the next one. Make it after recovery, which knows the headers of what was left.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._next: int | None = None

    def next(self) -> int:
        """The next number. Raises sqlite3.OperationalError when the database refuses for another reason than a lock."""
        if self._next is None:
            newest = self._connection.execute("SELECT MAX(sequence) FROM segments").fetchone()[0]
            self._next = 0 if newest is None else newest + 1
        try:
            number = next_sequence(self._connection, self._next)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise
            number = self._next
        self._next = number + 1
        return number


def insert_gap(connection: sqlite3.Connection, gap: Gap) -> None:
    """Adds a gap; telling one twice (it is in a recovered segment too) changes nothing."""
    connection.execute(
        "INSERT INTO gaps (stream, cause, boot_id, start_mono_ns, end_mono_ns, start_utc_ns, end_utc_ns, missing_frames, "
        "share) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            gap.stream.value, gap.cause.value, gap.boot_id, gap.start_mono_ns, gap.end_mono_ns, gap.start_utc_ns,
            gap.end_utc_ns, gap.missing_frames, gap.share,
        ),
    )  # fmt: skip


def gaps_between(connection: sqlite3.Connection, boot_id: str, start_mono_ns: int, end_mono_ns: int) -> list[Gap]:
    """The gaps of a boot that overlap the half-open span, in the order of time."""
    found = connection.execute(
        "SELECT * FROM gaps INDEXED BY gaps_by_end WHERE boot_id = ? AND start_mono_ns < ? AND end_mono_ns > ? "
        "ORDER BY start_mono_ns, stream, cause",
        (boot_id, end_mono_ns, start_mono_ns),
    )
    return [Gap.model_validate({name: each[name] for name in Gap.model_fields}) for each in found]


Span = tuple[int, int]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Half-open spans in order, overlapping and touching ones joined, empty ones left out."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
