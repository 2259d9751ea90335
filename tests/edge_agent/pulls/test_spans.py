"""A span of wall time becomes what the ring holds of it: boots, stays and set clocks apart, never two patients in one part."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.database import open_database
from edge_agent.pulls.spans import HeldSpan, held_spans
from shared.clock import NS_PER_S
from shared.ids import uuid7
from tests.edge_agent.hand_clock import BOOT, UTC_NS, HandClock
from tests.edge_agent.pulls.catalogued import BEFORE, add_rows

ANNA, BERTA = uuid7(UTC_NS), uuid7(UTC_NS + 1)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path)) as opened:
        yield opened


def seconds(spans: list[HeldSpan]) -> list[tuple[str, float, float]]:
    return [(span.boot_id, span.start_ns / NS_PER_S, span.end_ns / NS_PER_S) for span in spans]


def utc(start_s: float, end_s: float, offset_ns: int = UTC_NS) -> tuple[int, int]:
    return offset_ns + round(start_s * NS_PER_S), offset_ns + round(end_s * NS_PER_S)


def test_a_span_in_the_middle_of_a_recording_is_cut_to_the_nanosecond(connection: sqlite3.Connection) -> None:
    add_rows(connection, 100, 900)
    spans = held_spans(connection, HandClock(), utc(203.5, 487.25), None)
    assert seconds(spans) == [(BOOT, 203.5, 487.25)]
    assert spans[0].offset_ns == UTC_NS


def test_a_pause_at_the_end_of_the_span_belongs_to_the_part(connection: sqlite3.Connection) -> None:
    add_rows(connection, 100, 300)
    add_rows(connection, 600, 800)
    assert seconds(held_spans(connection, HandClock(), utc(250, 500), None)) == [(BOOT, 250, 500)]
    assert seconds(held_spans(connection, HandClock(), utc(250, 650), None)) == [(BOOT, 250, 650)]


def test_two_boots_are_two_parts(connection: sqlite3.Connection) -> None:
    add_rows(connection, 5_000, 5_100, boot_id=BEFORE, offset_ns=UTC_NS - 5_000 * NS_PER_S)
    add_rows(connection, 130, 300)
    spans = held_spans(connection, HandClock(), utc(50, 200), None)
    assert seconds(spans) == [(BEFORE, 5_050, 5_100), (BOOT, 50, 200)]


def test_two_stays_are_two_parts_and_share_nothing(connection: sqlite3.Connection) -> None:
    add_rows(connection, 100, 205, stay_id=ANNA)
    add_rows(connection, 205, 400, stay_id=BERTA)
    spans = held_spans(connection, HandClock(), utc(150, 350), BERTA)
    assert [(span.stay_id, span.start_ns / NS_PER_S, span.end_ns / NS_PER_S) for span in spans] == [
        (ANNA, 150, 205),
        (BERTA, 205, 350),
    ]


def test_a_wall_clock_that_was_set_back_brings_both_times_that_bore_the_name(connection: sqlite3.Connection) -> None:
    add_rows(connection, 100, 300)
    add_rows(connection, 300, 500, offset_ns=UTC_NS - 200 * NS_PER_S)
    spans = held_spans(connection, HandClock(), utc(150, 200), None)
    assert seconds(spans) == [(BOOT, 150, 200), (BOOT, 350, 400)]


def test_a_wall_clock_that_was_set_forward_leaves_no_part_longer_than_the_wish(connection: sqlite3.Connection) -> None:
    add_rows(connection, 100, 300)
    add_rows(connection, 300, 500, offset_ns=UTC_NS + 100 * NS_PER_S)
    spans = held_spans(connection, HandClock(), utc(250, 450), None)
    assert seconds(spans) == [(BOOT, 250, 300), (BOOT, 300, 350)]


def test_what_is_being_recorded_now_counts_and_a_little_of_what_comes(connection: sqlite3.Connection) -> None:
    clock = HandClock(mono_s=405)
    add_rows(connection, 100, 400)
    assert seconds(held_spans(connection, clock, utc(380, 465), None)) == [(BOOT, 380, 465)]
    assert seconds(held_spans(connection, clock, utc(402, 465), None)) == [(BOOT, 402, 465)]


def test_a_recorder_that_stands_still_promises_nothing(connection: sqlite3.Connection) -> None:
    add_rows(connection, 100, 400)
    assert held_spans(connection, HandClock(mono_s=900), utc(402, 465), None) == []
    assert seconds(held_spans(connection, HandClock(mono_s=900), utc(380, 465), None)) == [(BOOT, 380, 465)]


def test_a_span_of_which_nothing_is_held_has_no_part(connection: sqlite3.Connection) -> None:
    add_rows(connection, 100, 400)
    assert held_spans(connection, HandClock(), utc(0, 100), None) == []
