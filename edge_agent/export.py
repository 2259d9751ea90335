"""Finds the segments of a span or a clip in the bed's ring, for an export. Reads only; the agent may run meanwhile.

A span of wall time becomes monotonic time once, by the clocks at the start of the segment that was the newest then. From there
on the cut is by each frame's mono_ns, half-open, so two spans that touch share no frame and lose none.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from edge_agent.database import BUSY_TIMEOUT_MS, database_path, refuse_other_tables
from edge_agent.ring.catalogue import (
    SegmentRow,
    gaps_between,
    oldest_segment,
    row_of_found,
    segments_between,
)
from edge_agent.ring.coverage import accounts_between
from edge_agent.ring.folder import read_identity
from shared.clock import NS_PER_S, utc_text
from shared.contract import MAX_NS
from shared.errors import Refused, Transient
from shared.event import EventReport
from shared.export.excerpt import Excerpt, Piece, paired
from shared.export.formats import LONGEST_NS, check_length
from shared.frame import Stream
from shared.gap import Gap
from shared.lane import Lane

MOST_SEGMENTS = 800
"""An hour has some 360 segments, or 720 where colour lies apart; each is held open from the start, so that none is evicted meanwhile."""
_SECONDS = re.compile(r"^\d+(\.\d+)?$")


@dataclass(frozen=True, slots=True)
class Point:
    """A moment as monotonic time of a boot, and the sequence number of the segment that dated it."""

    boot_id: str
    mono_ns: int
    sequence: int


def moment(text: str, now_utc_ns: int) -> int:
    """UTC in ns from ISO 8601 with a time zone, or from seconds before now. Raises Refused for anything else."""
    if _SECONDS.match(text):
        return now_utc_ns - round(float(text) * NS_PER_S)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(
            f"{text} is no time: give seconds before now, or ISO 8601 such as 2026-03-01T22:10:00Z."
        ) from error
    if found.tzinfo is None:
        raise Refused(f"{text} has no time zone: write it in UTC with a Z at its end.")
    since = found.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000


@contextmanager
def span_excerpt(folder: Path, start_utc_ns: int, end_utc_ns: int) -> Iterator[Excerpt]:
    """The half-open span of wall time. Raises Refused when the ring holds nothing of it or it is over the limit."""
    check_length(start_utc_ns, end_utc_ns)
    with _reading(folder) as connection, ExitStack() as held:
        start, end = _point(connection, start_utc_ns), _point(connection, end_utc_ns)
        rows = _rows_between(connection, start, end)
        if not rows:
            raise Refused(
                f"The ring holds nothing of {utc_text(start_utc_ns)} to {utc_text(end_utc_ns)}. {_reach(connection)}"
            )
        length_ns = end_utc_ns - start_utc_ns
        gaps, coverage = _account(connection, start, end, rows, length_ns)
        pieces = _pieces(held, folder, rows, start, end)
        yield Excerpt(pieces, start_utc_ns, end_utc_ns, gaps, coverage)


@contextmanager
def clip_excerpt(folder: Path, event_id: UUID) -> Iterator[Excerpt]:
    """The clip of an event: from its pre-roll to its post-roll. Raises Refused when the bed does not know or hold it."""
    with _reading(folder) as connection, ExitStack() as held:
        found = connection.execute("SELECT report FROM events WHERE event_id = ?", (str(event_id),)).fetchone()
        if found is None:
            raise Refused(f"This bed knows no event {event_id}.")
        report = EventReport.model_validate_json(found[0])
        span = (report.boot_id, report.clip_start_mono_ns, report.clip_end_mono_ns)
        rows = segments_between(connection, *span)
        if not rows:
            raise Refused(f"The ring holds no segment of event {event_id} any more.")
        start = Point(report.boot_id, report.clip_start_mono_ns, 0)
        end = Point(report.boot_id, report.clip_end_mono_ns, 0)
        start_utc_ns = max(0, report.start_utc_ns - (report.start_mono_ns - report.clip_start_mono_ns))
        length_ns = end.mono_ns - start.mono_ns
        gaps, coverage = _account(connection, start, end, rows, length_ns)
        pieces = _pieces(held, folder, rows, start, end)
        yield Excerpt(pieces, start_utc_ns, start_utc_ns + length_ns, gaps, coverage, event_id)


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """The bed's database, for reading alone. Raises Misconfigured, Refused, and Transient when it cannot be read."""
    read_identity(folder)
    if not database_path(folder).is_file():
        raise Refused(f"The folder {folder} has no database: nothing was recorded here.")
    uri = f"{database_path(folder).resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
            connection.row_factory = sqlite3.Row
            refuse_other_tables(connection, folder)
            yield connection
    except sqlite3.DatabaseError as error:
        raise Transient(f"The database {database_path(folder)} cannot be read now: {error}.") from error


def _point(connection: sqlite3.Connection, utc_ns: int) -> Point:
    """By the newest segment that began at that time or before; before all of them, by the oldest. Raises Refused for none."""
    found = connection.execute(
        "SELECT * FROM segments WHERE start_utc_ns <= ? ORDER BY start_utc_ns DESC LIMIT 1", (utc_ns,)
    ).fetchone()
    row = oldest_segment(connection) if found is None else row_of_found(found)
    if row is None:
        raise Refused("The ring is empty.")
    return Point(row.boot_id, row.start_mono_ns + utc_ns - row.start_utc_ns, row.sequence)


def _rows_between(connection: sqlite3.Connection, start: Point, end: Point) -> list[SegmentRow]:
    """The segments with a part in the span, colour that lies apart included: its number is one off.

    Raises Refused when they are more than fit a span of that length.
    """
    found = connection.execute(
        "SELECT * FROM segments WHERE sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?",
        (start.sequence - 1, end.sequence + 1, MOST_SEGMENTS + 1),
    ).fetchall()
    rows = [row for row in (row_of_found(each) for each in found) if _length_ns(row, start, end) > 0]
    total_ns = sum(_length_ns(row, start, end) for row in rows if row.lane is not Lane.colour)
    if len(rows) > MOST_SEGMENTS or total_ns > LONGEST_NS + 60 * NS_PER_S:
        raise Refused(
            f"The span holds {len(rows)} segments and {total_ns / NS_PER_S:.0f} s of recording; the limits are "
            f"{MOST_SEGMENTS} and {LONGEST_NS // NS_PER_S}. Was the bed's clock set within it? Ask for a shorter one."
        )
    return rows


def _part(row: SegmentRow, start: Point, end: Point) -> tuple[int, int]:
    """The half-open cut of the boot's monotonic time. It is not narrowed to the row: samples come before its first picture."""
    first = start.mono_ns if row.boot_id == start.boot_id else 0
    last = end.mono_ns if row.boot_id == end.boot_id else MAX_NS
    return first, last


def _length_ns(row: SegmentRow, start: Point, end: Point) -> int:
    """How much of the row's segment lies in the cut."""
    first, last = _part(row, start, end)
    return max(0, min(row.end_mono_ns, last) - max(row.start_mono_ns, first))


def _pieces(held: ExitStack, folder: Path, rows: list[SegmentRow], start: Point, end: Point) -> list[Piece]:
    return paired(((row.boot_id, row.sequence), _piece(held, folder, row, start, end)) for row in rows)


def _piece(held: ExitStack, folder: Path, row: SegmentRow, start: Point, end: Point) -> Piece:
    """Holds the file open until the export ends: an evicted file is read to its end all the same."""
    try:
        descriptor = os.open(row.path(folder), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"The segment {row.file} cannot be opened: {error.strerror}.", sequence=row.sequence) from error
    held.callback(os.close, descriptor)
    first, last = _part(row, start, end)
    return Piece(lambda: nullcontext(Path(f"/proc/self/fd/{descriptor}")), first, last, row.frames)


def _account(
    connection: sqlite3.Connection, start: Point, end: Point, rows: list[SegmentRow], length_ns: int
) -> tuple[list[Gap], dict[Stream, float]]:
    """Gaps and recorded shares of the span; a span over several boots adds up what each boot recorded of it."""
    gaps: list[Gap] = []
    shares: dict[Stream, float] = {}
    for boot_id in dict.fromkeys([start.boot_id, *(row.boot_id for row in rows), end.boot_id]):
        own = [row.start_mono_ns for row in rows if row.boot_id == boot_id]
        first = start.mono_ns if boot_id == start.boot_id else min([end.mono_ns - length_ns, *own])
        last = end.mono_ns if boot_id == end.boot_id else first + length_ns
        gaps += gaps_between(connection, boot_id, first, last)
        for stream, account in accounts_between(connection, boot_id, (first, last)).items():
            shares[stream] = shares.get(stream, 0.0) + account.recorded_ns / length_ns
    return gaps, {stream: min(1.0, max(0.0, share)) for stream, share in shares.items()}


def _reach(connection: sqlite3.Connection) -> str:
    found = connection.execute("SELECT MIN(start_utc_ns), MAX(end_utc_ns) FROM segments").fetchone()
    return f"It reaches from {utc_text(found[0])} to {utc_text(found[1])}."
