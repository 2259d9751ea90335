"""A span of wall time becomes what the ring holds of it: boots, stays and set clocks apart, never two patients in one part."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.database import open_database
from edge_agent.pulls.spans import STEP_NS, HeldSpan, held_spans
from edge_agent.ring.schema import DDL, FIRST_SUMS
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


runs = st.lists(
    st.tuples(
        st.integers(1, 60), st.integers(0, 40), st.sampled_from([0, 0, 0, 1, -30, 45]), st.sampled_from([None, ANNA, BERTA])
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(runs, st.integers(0, 500), st.integers(1, 400))
def test_whatever_was_recorded_in_the_span_is_in_exactly_one_part_and_nothing_else_is_far_from_it(
    runs: list[tuple[int, int, int, UUID | None]], start_s: int, length_s: int
) -> None:
    """Each run: seconds recorded, seconds of gap before it, step of the wall clock, who stays."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.executescript(DDL + FIRST_SUMS)
        at_s, offset_s, recorded = 0, 0, []
        for seconds_recorded, gap_s, step_s, stay_id in runs:
            at_s, offset_s = at_s + gap_s, offset_s + step_s
            add_rows(connection, at_s, at_s + seconds_recorded, offset_ns=UTC_NS + offset_s * NS_PER_S, stay_id=stay_id)
            recorded.append((at_s, at_s + seconds_recorded, offset_s, stay_id))
            at_s += seconds_recorded
        wanted = utc(start_s, start_s + length_s)
        parts = held_spans(connection, HandClock(mono_s=at_s + 1_000), wanted, None)
    for before, after in pairwise(parts):
        assert before.end_ns <= after.start_ns
    for part in parts:
        utc_span = (part.start_ns + part.offset_ns, part.end_ns + part.offset_ns)
        assert wanted[0] - STEP_NS <= utc_span[0] < utc_span[1] <= wanted[1] + STEP_NS
    for first_s, last_s, offset, stay_id in recorded:
        for second in range(first_s, last_s):
            if start_s <= second + offset < start_s + length_s:
                ns = second * NS_PER_S
                holding = [part for part in parts if part.start_ns <= ns < part.end_ns]
                assert [part.stay_id for part in holding] == [stay_id]
