"""What a crash took that no word is on the disk about: a gap's row is durable at once, frames each second, and neither waits.

Two holes can be left: unflushed frames before a short gap that was told already, and the time before a segment whose frames
reached the disk and the row of the gap before them did not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import pairwise

from edge_agent.ring.catalogue import SegmentRow, Span, merged, row_of_found
from edge_agent.ring.coverage import evicted_between
from edge_agent.ring.time_check import largest_seam_ns
from shared.contract import MAX_NS
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.lane import COLOUR_APART, Lane

LOOK_BACK = 100
"""Newest segments of the boot that are looked at: what came before them was looked at by earlier starts."""
LEAST_PERIODS = 0.75
"""A shorter hole before a gap is jitter between two frames."""


def lost_spans(connection: sqlite3.Connection, boot_id: str, stream: Stream, cause: GapCause) -> Iterator[Gap]:
    """The holes of a boot in one stream as gaps: `cause` for the tail; between segments a restart, or the disk if a file is missing."""
    rows = [
        row_of_found(found)
        for found in connection.execute(
            "SELECT * FROM segments WHERE boot_id = ? ORDER BY start_mono_ns DESC LIMIT ?", (boot_id, LOOK_BACK)
        )
    ][::-1]
    if not rows:
        return
    known = _known(connection, boot_id, stream, rows[0].start_mono_ns)
    for earlier, later in pairwise([row for row in rows if row.lane.holds(stream)]):
        if earlier.frames.get(stream) and later.frames.get(stream):
            step = 1 if later.lane is Lane.whole else len(COLOUR_APART)
            between = GapCause.restart if later.sequence <= earlier.sequence + step else GapCause.disk
            period_ns = _period_ns(earlier, stream, known)
            least_ns = round(largest_seam_ns(stream, period_ns))
            for hole in _holes((earlier.end_mono_ns, later.start_mono_ns), known, least_ns):
                yield _gap(later, stream, between, hole, period_ns)
    newest = next((row for row in reversed(rows) if row.frames.get(stream)), None)
    if newest is None:
        yield from _between_what_is_gone(connection, rows, stream, known)
    elif known:
        period_ns = _period_ns(newest, stream, known)
        least_ns = round(LEAST_PERIODS * period_ns)
        for hole in _holes((newest.end_mono_ns, known[-1][0]), known, least_ns):
            yield _gap(newest, stream, cause, hole, period_ns)


def _between_what_is_gone(
    connection: sqlite3.Connection, rows: list[SegmentRow], stream: Stream, known: list[Span]
) -> Iterator[Gap]:
    """Lost files of a stream of which retention left no segment: the holes lie between removals and gaps that were told."""
    told = connection.execute(
        "SELECT (end_mono_ns - start_mono_ns) / missing_frames FROM gaps WHERE boot_id = ? AND stream = ?"
        " AND missing_frames > 0 ORDER BY gap_id DESC LIMIT 1",
        (rows[0].boot_id, stream.value),
    ).fetchone()
    if told is None or not known:
        return
    period_ns = max(1, told[0])
    known = merged([*known, *((row.start_mono_ns, row.end_mono_ns) for row in rows if row.lane.holds(stream))])
    for hole in _holes((known[0][1], known[-1][0]), known, round(largest_seam_ns(stream, period_ns))):
        yield _gap(rows[-1], stream, GapCause.disk, hole, period_ns)


def _known(connection: sqlite3.Connection, boot_id: str, stream: Stream, since_ns: int) -> list[Span]:
    """Spans that gaps and removals account for, in the order of time."""
    found = connection.execute(
        "SELECT start_mono_ns, end_mono_ns FROM gaps WHERE boot_id = :boot AND stream = :stream AND end_mono_ns > :since",
        {"boot": boot_id, "stream": stream.value, "since": since_ns},
    )
    gaps = [(row["start_mono_ns"], row["end_mono_ns"]) for row in found]
    removed = evicted_between(connection, boot_id, (since_ns, MAX_NS))
    return merged([*gaps, *(span for lane, span in removed if lane.holds(stream))])


def _holes(within: Span, known: list[Span], least_ns: int) -> Iterator[Span]:
    reached = within[0]
    for start, end in [*known, (within[1], within[1])]:
        if min(start, within[1]) - reached > least_ns:
            yield reached, min(start, within[1])
        reached = max(reached, end)


def _period_ns(row: SegmentRow, stream: Stream, known: list[Span]) -> int:
    """Time from frame to frame: what gaps inside the segment took does not make it longer."""
    missing_ns = sum(max(0, min(end, row.end_mono_ns) - max(start, row.start_mono_ns)) for start, end in known)
    return max(1, (row.end_mono_ns - row.start_mono_ns - missing_ns) // row.frames[stream])


def _gap(row: SegmentRow, stream: Stream, cause: GapCause, span: Span, period_ns: int) -> Gap:
    offset_ns = row.start_utc_ns - row.start_mono_ns
    return Gap(
        stream=stream, cause=cause, boot_id=row.boot_id, start_mono_ns=span[0], end_mono_ns=span[1],
        start_utc_ns=max(0, span[0] + offset_ns), end_utc_ns=max(0, span[1] + offset_ns),
        missing_frames=max(1, round((span[1] - span[0]) / period_ns)),
    )  # fmt: skip
