"""Which parts of the ring a span of wall time is: by the clocks of the segments of that time, boot by boot, stay by stay.

A wall clock that was set makes two parts, since the segments on both sides are dated differently. Reads the rows of the span alone.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from uuid import UUID

from edge_agent.ring.catalogue import SegmentRow, Span, newest_segment, row_of_found
from edge_agent.ring.coverage_hours import NOT_SEALED_NS
from shared.clock import NS_PER_S, Clock

STEP_NS = 2 * NS_PER_S
"""Segments of one boot whose wall clocks differ by more are on two sides of a step."""


@dataclass(frozen=True, slots=True)
class HeldSpan:
    """[start_ns, end_ns) of a boot's monotonic time in one stay; `offset_ns` is UTC minus monotonic time there."""

    boot_id: str
    stay_id: UUID | None
    start_ns: int
    end_ns: int
    offset_ns: int


def held_spans(
    connection: sqlite3.Connection, clock: Clock, wanted_utc: Span, present_stay: UUID | None
) -> list[HeldSpan]:
    """The parts of the ring that lie in [start, end) of wall time, in the order of recording. `present_stay` is who stays now.

    A part reaches to the ends of the wanted span where its boot knows that time, so that gaps at its ends are part of it. What
    is being recorded now counts as held, also what is not sealed yet or comes a little later.
    """
    parts: list[HeldSpan] = []
    for row in _rows_of(connection, wanted_utc):
        own = _part_of(row, wanted_utc)
        if own is None:
            continue
        if parts and _goes_on(parts[-1], own):
            parts[-1] = replace(parts[-1], end_ns=max(parts[-1].end_ns, own.end_ns))
        else:
            parts.append(own)
    present = _present(connection, clock, wanted_utc, present_stay)
    if present is not None:
        if parts and _goes_on(parts[-1], present):
            parts[-1] = replace(parts[-1], end_ns=max(parts[-1].end_ns, present.end_ns))
        else:
            parts.append(present)
    return _widened(parts, clock, wanted_utc)


def _rows_of(connection: sqlite3.Connection, wanted_utc: Span) -> list[SegmentRow]:
    found = connection.execute(
        "SELECT * FROM segments WHERE start_utc_ns > :start - (SELECT longest_ns FROM ring_sums) - :step "
        "AND start_utc_ns < :end AND lane <> 'colour' ORDER BY sequence",
        {"start": wanted_utc[0], "end": wanted_utc[1], "step": STEP_NS},
    )
    return [row_of_found(each) for each in found]


def _part_of(row: SegmentRow, wanted_utc: Span) -> HeldSpan | None:
    offset_ns = row.start_utc_ns - row.start_mono_ns
    start_ns = max(row.start_mono_ns, wanted_utc[0] - offset_ns)
    end_ns = min(row.end_mono_ns, wanted_utc[1] - offset_ns)
    return HeldSpan(row.boot_id, row.stay_id, start_ns, end_ns, offset_ns) if end_ns > start_ns else None


def _goes_on(before: HeldSpan, after: HeldSpan) -> bool:
    same = (before.boot_id, before.stay_id) == (after.boot_id, after.stay_id)
    return same and abs(after.offset_ns - before.offset_ns) <= STEP_NS


def _present(connection: sqlite3.Connection, clock: Clock, wanted_utc: Span, stay_id: UUID | None) -> HeldSpan | None:
    """What is recorded now and is not in the catalogue yet; None when the recorder has sealed nothing for a while."""
    newest, now_ns = newest_segment(connection), clock.monotonic_ns()
    if newest is None or newest.boot_id != clock.boot_id or now_ns - newest.end_mono_ns > NOT_SEALED_NS:
        return None
    offset_ns = clock.utc_ns() - now_ns
    start_ns, end_ns = max(newest.end_mono_ns, wanted_utc[0] - offset_ns), wanted_utc[1] - offset_ns
    return HeldSpan(clock.boot_id, stay_id, start_ns, end_ns, offset_ns) if end_ns > start_ns else None


def _widened(parts: list[HeldSpan], clock: Clock, wanted_utc: Span) -> list[HeldSpan]:
    """Each part out to the ends of the wanted span, but not over its neighbour in the same boot nor into another boot's future."""
    wide: list[HeldSpan] = []
    for number, part in enumerate(parts):
        before = wide[-1] if wide and wide[-1].boot_id == part.boot_id else None
        after = next((each for each in parts[number + 1 :] if each.boot_id == part.boot_id), None)
        least_ns = before.end_ns if before is not None else 0
        start_ns = part.start_ns if before is not None else max(least_ns, wanted_utc[0] - part.offset_ns)
        end_ns = part.end_ns
        if part.boot_id == clock.boot_id:
            end_ns = max(end_ns, min(wanted_utc[1] - part.offset_ns, clock.monotonic_ns()))
        if after is not None:
            end_ns = max(part.end_ns, min(end_ns, after.start_ns))
        wide.append(replace(part, start_ns=min(start_ns, part.start_ns), end_ns=end_ns))
    return wide
