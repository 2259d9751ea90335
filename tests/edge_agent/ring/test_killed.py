"""Killed at any named point of the storage, a bed loses nothing that was confirmed, and its folder has no fault afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.ring.catalogue import all_segments
from edge_agent.ring.disk_space import Reserve, Room
from edge_agent.ring.eviction import Eviction
from edge_agent.ring.promise import Limits
from shared import failpoints
from shared.failpoints import STORAGE_POINTS, read_plans
from shared.frame import Stream
from tests.edge_agent.ring.recording_bed import RecordingBed
from tests.fakes.clock import FakeClock

KILLED = -9
RECOVERY = {"after_recovery_cut", "after_recovery_seal"}
EVICTION = {"after_eviction_row", "after_eviction_unlink"}
ARMED = {
    point: "after_segment_flush=eio@2,after_quarantine_rename=kill" if "quarantine" in point else f"{point}=kill@2"
    for point in STORAGE_POINTS
    if point not in RECOVERY
} | {point: f"{point}=kill" for point in RECOVERY}


def in_child(armed: str, deed: Callable[[], None]) -> int:
    """The exit code of a forked process that did the deed with these points armed; nothing of it reaches this one."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            failpoints._plans.clear()
            failpoints._plans.update(read_plans(armed))
            deed()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def recording(folder: Path, witness: Path, *, evicting: bool = False, segments: int = 4) -> None:
    """Records segments of a second and more; notes outside of the folder what was confirmed. Segment 0 is pinned."""
    bed = RecordingBed(folder)
    with witness.open("a", buffering=1) as told:
        for number in range(segments):
            bed.play(range(40 * number, 40 * number + 40))
            bed.recorder.close_segment()
            for row in bed.sealed:
                told.write(f"{row.sha256}\n")
            bed.sealed.clear()
            if number == 0:
                bed.connection.execute("INSERT OR IGNORE INTO pins VALUES ('e', ?, 0, 1)", (bed.clock.boot_id,))
                bed.connection.execute("UPDATE pins SET end_mono_ns = (SELECT MIN(end_mono_ns) FROM segments)")
            if evicting:
                evict(bed)


def evict(bed: RecordingBed) -> None:
    size = max(row.size_bytes for row in all_segments(bed.connection))
    Eviction(
        bed.folder, bed.connection, bed.clock, Limits(2 * size, 72), Reserve(bed.folder, 4096), lambda: Room(1 << 40)
    ).turn()


@pytest.mark.parametrize("point", STORAGE_POINTS)
def test_a_kill_at_each_point_loses_nothing_that_was_confirmed(tmp_path: Path, point: str) -> None:
    folder, witness = tmp_path / "bed", tmp_path / "witness"
    witness.touch()
    if point in RECOVERY:
        left_open = "after_segment_flush=kill@3"
        assert in_child(left_open, lambda: recording(folder, witness)) == KILLED
    evicting = point in EVICTION
    assert in_child(ARMED[point], lambda: recording(folder, witness, evicting=evicting)) == KILLED
    bed = RecordingBed(folder, FakeClock(mono_ns=FakeClock().monotonic_ns() + 60 * 10**9))
    bed.play(range(1800, 1840))
    bed.recorder.stop()
    assert bed.faults() == []
    kept = {row.sha256 for row in all_segments(bed.connection)}
    confirmed = witness.read_text().split()
    assert set(confirmed if not evicting else confirmed[:1]) <= kept
    assert len(list((folder / "open").iterdir())) == 0
    assert bed.connection.execute("SELECT count(*) FROM garbage").fetchone()[0] == 0
    assert len(list((folder / "quarantine").iterdir())) == (point == "after_quarantine_rename")
    came_back = bed.connection.execute(
        "SELECT count(*) FROM segments AS s JOIN evicted AS e ON e.boot_id = s.boot_id "
        "AND s.start_mono_ns < e.end_mono_ns AND s.end_mono_ns > e.start_mono_ns"
    )
    assert came_back.fetchone()[0] == 0
    assert all_segments(bed.connection)[-1].frames[Stream.depth] == 40


def test_a_deed_that_is_not_killed_ends_well(tmp_path: Path) -> None:
    """Else a child that fails early would look like one that was killed late."""
    folder, witness = tmp_path / "bed", tmp_path / "witness"
    assert in_child("", lambda: recording(folder, witness, evicting=True)) == 0
    assert len(witness.read_text().split()) == 4
