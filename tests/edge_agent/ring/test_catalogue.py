"""The catalogue finds segments and gaps by time and says how much of a span was recorded."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from uuid import UUID

import pytest

from edge_agent.database import open_database
from edge_agent.ring.catalogue import (
    SegmentRow,
    gaps_between,
    insert_gap,
    insert_segment,
    newest_segment,
    next_sequence,
    oldest_segment,
    segment_by_sha256,
    segments_between,
    total_bytes,
    total_hours,
)
from edge_agent.ring.pins import pinned_bytes
from shared.clock import NS_PER_S
from shared.frame import Stream
from shared.gap import Gap, GapCause
from tests.fakes.clock import BOOT, OTHER_BOOT


def row(
    sequence: int, start_s: float, end_s: float, boot: str = BOOT, frames: dict[Stream, int] | None = None
) -> SegmentRow:
    sha256 = f"{sequence:064x}"
    return SegmentRow(
        sha256=sha256, segment_id=UUID(int=0x0199_0000_0000_7000_8000 << 48 | sequence), sequence=sequence, boot_id=boot, stay_id=None,
        start_mono_ns=round(start_s * NS_PER_S), end_mono_ns=round(end_s * NS_PER_S), start_utc_ns=0, end_utc_ns=0,
        size_bytes=1000, frames=frames or {Stream.depth: 300, Stream.preview: 150}, file=f"{sha256}.seg",
    )  # fmt: skip


def gap(start_s: float, end_s: float, stream: Stream = Stream.depth, boot: str = BOOT) -> Gap:
    return Gap(
        stream=stream, cause=GapCause.bus, boot_id=boot, start_mono_ns=round(start_s * NS_PER_S),
        end_mono_ns=round(end_s * NS_PER_S), start_utc_ns=0, end_utc_ns=0, missing_frames=1,
    )  # fmt: skip


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    connection = open_database(tmp_path)
    for sequence in range(3):
        insert_segment(connection, row(sequence, 10 * sequence, 10 * sequence + 10))
    insert_segment(connection, row(3, 0, 10, OTHER_BOOT))
    return connection


def test_segments_are_found_by_overlap_within_their_boot(connection: sqlite3.Connection) -> None:
    def found(start_s: float, end_s: float, boot: str = BOOT) -> list[int]:
        rows = segments_between(connection, boot, round(start_s * NS_PER_S), round(end_s * NS_PER_S))
        return [each.sequence for each in rows]

    assert found(0, 30) == [0, 1, 2]
    assert found(10, 20) == [1]
    assert found(9.9, 20.1) == [0, 1, 2]
    assert found(30, 40) == []
    assert found(0, 30, OTHER_BOOT) == [3]


def test_a_row_comes_back_as_it_went_in_and_only_once(connection: sqlite3.Connection) -> None:
    insert_segment(connection, row(1, 10, 20))
    assert segment_by_sha256(connection, f"{1:064x}") == row(1, 10, 20)
    assert segment_by_sha256(connection, "0" * 63 + "f") is None
    oldest, newest = oldest_segment(connection), newest_segment(connection)
    assert oldest is not None
    assert newest is not None
    assert (oldest.sequence, newest.sequence) == (0, 3)
    assert total_bytes(connection) == 4000
    assert total_hours(connection) == pytest.approx(40 / 3600)


def test_sequence_numbers_are_never_given_twice(connection: sqlite3.Connection, tmp_path: Path) -> None:
    given_out = [next_sequence(connection), next_sequence(open_database(tmp_path)), next_sequence(connection)]
    assert given_out == [0, 1, 2]


def test_a_pin_holds_every_segment_that_it_touches(connection: sqlite3.Connection) -> None:
    insert = "INSERT INTO pins (event_id, boot_id, start_mono_ns, end_mono_ns) VALUES (?, ?, ?, ?)"
    connection.execute(insert, ("a", BOOT, 9 * NS_PER_S, 11 * NS_PER_S))
    connection.execute(insert, ("b", BOOT, 9 * NS_PER_S, 10 * NS_PER_S))
    assert pinned_bytes(connection) == 2000


def test_a_gap_that_is_told_twice_is_kept_once(connection: sqlite3.Connection) -> None:
    insert_gap(connection, gap(3, 4))
    insert_gap(connection, gap(3, 4))
    insert_gap(connection, gap(50, 51))
    assert gaps_between(connection, BOOT, 0, 10 * NS_PER_S) == [gap(3, 4)]
