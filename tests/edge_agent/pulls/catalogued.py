"""Rows of segments without files, for tests that only ask the catalogue; times in seconds of the boot."""

from __future__ import annotations

import sqlite3
from uuid import UUID

from edge_agent.ring.catalogue import SegmentRow, insert_gap, insert_segment, next_sequence
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import Gap, GapCause
from shared.ids import uuid7
from tests.edge_agent.hand_clock import BOOT, UTC_NS

BEFORE = "99999999-2222-4333-8444-555555555555"


def add_rows(
    connection: sqlite3.Connection,
    start_s: float,
    end_s: float,
    *,
    boot_id: str = BOOT,
    offset_ns: int = UTC_NS,
    stay_id: UUID | None = None,
) -> None:
    """Segments of 10 s from start to end, whose wall clock is `offset_ns` ahead of the monotonic one."""
    at_s = start_s
    while at_s < end_s:
        sequence = next_sequence(connection)
        sha256 = f"{sequence:064x}"
        start_ns, until_ns = round(at_s * NS_PER_S), round(min(at_s + 10, end_s) * NS_PER_S)
        row = SegmentRow(
            sha256=sha256, segment_id=uuid7(UTC_NS), sequence=sequence, boot_id=boot_id, stay_id=stay_id,
            start_mono_ns=start_ns, end_mono_ns=until_ns, start_utc_ns=offset_ns + start_ns,
            end_utc_ns=offset_ns + until_ns, size_bytes=1_000, frames={Stream.depth: 300, Stream.ir: 300},
            file=f"{sha256}.seg",
        )  # fmt: skip
        insert_segment(connection, row)
        at_s += 10


def add_gap(connection: sqlite3.Connection, start_s: float, end_s: float, cause: GapCause) -> None:
    """A gap of depth and ir."""
    for stream in (Stream.depth, Stream.ir):
        start_ns, end_ns = round(start_s * NS_PER_S), round(end_s * NS_PER_S)
        gap = Gap(
            stream=stream, cause=cause, boot_id=BOOT, start_mono_ns=start_ns, end_mono_ns=end_ns,
            start_utc_ns=UTC_NS + start_ns, end_utc_ns=UTC_NS + end_ns, missing_frames=round(30 * (end_s - start_s)),
        )  # fmt: skip
        insert_gap(connection, gap)
