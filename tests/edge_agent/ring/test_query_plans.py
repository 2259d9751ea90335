"""What is asked every second or heartbeat goes by index, however long the ring is: the plans say so, no time is measured."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.database import open_database
from edge_agent.ring.catalogue import (
    bounds_of_boot,
    gaps_between,
    newest_segment,
    oldest_segment,
    segments_between,
    total_bytes,
    total_hours,
)
from edge_agent.ring.coverage import accounts_between
from edge_agent.ring.coverage_hours import CoverageHours
from edge_agent.ring.damage import damage_alarm
from edge_agent.ring.disk_space import Reserve, Room
from edge_agent.ring.eviction import Eviction
from edge_agent.ring.pins import is_pinned, oldest_unpinned, pinned_bytes
from edge_agent.ring.promise import Limits, promise
from edge_agent.ring.recovery import LaterRecovery, accounts
from edge_agent.ring.scrub import Scrub, week_share
from shared.clock import NS_PER_S
from tests.edge_agent.ring.recording_bed import RecordingBed

BIG = ("segments", "gaps", "evicted", "s", "b")
Deed = Callable[[RecordingBed], object]


def eviction(bed: RecordingBed, max_bytes: int = 1) -> Eviction:
    limits = Limits(max_bytes, 72)
    return Eviction(bed.folder, bed.connection, bed.clock, limits, Reserve(bed.folder, 4096), lambda: Room(1 << 40))


def scrubbed(bed: RecordingBed) -> object:
    scrub = Scrub(bed.folder, bed.connection, bed.clock, 1 << 20)
    bed.clock.advance(1)
    return scrub.turn()


DEEDS: dict[str, Deed] = {
    "total_bytes": lambda bed: total_bytes(bed.connection),
    "total_hours": lambda bed: total_hours(bed.connection),
    "newest": lambda bed: newest_segment(bed.connection),
    "oldest": lambda bed: oldest_segment(bed.connection),
    "bounds": lambda bed: bounds_of_boot(bed.connection, bed.clock.boot_id),
    "between": lambda bed: segments_between(bed.connection, bed.clock.boot_id, 0, 1 << 60),
    "gaps": lambda bed: gaps_between(bed.connection, bed.clock.boot_id, 0, 1 << 60),
    "coverage": lambda bed: accounts_between(bed.connection, bed.clock.boot_id, (0, 1 << 60)),
    "coverage_hours": lambda bed: CoverageHours(bed.connection, bed.clock).hours(),
    "pinned": lambda bed: pinned_bytes(bed.connection),
    "is_pinned": lambda bed: is_pinned(bed.connection, bed.sealed[0]),
    "oldest_unpinned": lambda bed: oldest_unpinned(bed.connection),
    "promise": lambda bed: promise(bed.connection, Limits(1 << 40, 72), 1 << 40),
    "damage_alarm": lambda bed: damage_alarm(bed.connection),
    "week_share": lambda bed: week_share(bed.connection),
    "eviction": lambda bed: eviction(bed).turn(),
    "tidy": lambda bed: eviction(bed).tidy(),
    "recovery": lambda bed: LaterRecovery(bed.folder, bed.connection, bed.clock).turn(),
    "accounts": lambda bed: list(accounts(bed.folder, bed.connection, bed.clock.boot_id)),
    "scrub": scrubbed,
}  # fmt: skip


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> RecordingBed:
    bed = RecordingBed(tmp_path_factory.mktemp("bed"))
    for number in range(3):
        bed.play([*range(10 * number, 10 * number + 4), *range(10 * number + 7, 10 * number + 10)])
        bed.recorder.close_segment()
    bed.connection.execute(
        "INSERT INTO pins VALUES ('e', ?, ?, ?)", (bed.clock.boot_id, bed.sealed[0].start_mono_ns, 501 * NS_PER_S)
    )
    return bed


def scans(connection: sqlite3.Connection, statements: list[str]) -> list[str]:
    """Steps that read a whole big table or index; one that ends at its first row (LIMIT 1) is none."""
    found = []
    for statement in statements:
        if not statement.lstrip().upper().startswith(("SELECT", "DELETE", "UPDATE")):
            continue
        for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}"):
            words = row["detail"].split()
            if words[0] == "SCAN" and words[1] in BIG and "LIMIT" not in statement:
                found.append(f"{row['detail']}: {statement}")
            if "TEMP B-TREE" in row["detail"] and "SORT" in statement:
                found.append(f"{row['detail']}: {statement}")
    return found


@pytest.mark.parametrize("name", DEEDS)
def test_no_table_that_grows_with_the_ring_is_read_whole(bed: RecordingBed, name: str) -> None:
    statements: list[str] = []
    bed.connection.set_trace_callback(statements.append)
    DEEDS[name](bed)
    bed.connection.set_trace_callback(None)
    assert statements
    assert scans(open_database(bed.folder), statements) == []


def test_a_scan_would_be_noticed(bed: RecordingBed, tmp_path: Path) -> None:
    statement = "SELECT SUM(size_bytes) FROM segments WHERE size_bytes > 1"
    assert len(scans(open_database(bed.folder), [statement])) == 1
