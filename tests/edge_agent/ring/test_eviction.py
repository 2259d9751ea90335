"""The evictor takes the oldest unpinned segment, never a pinned one, whatever the wall clock says."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from edge_agent.ring.catalogue import SegmentRow, all_segments
from edge_agent.ring.disk_space import Reserve, Room
from edge_agent.ring.eviction import MOST_A_BATCH, Eviction
from edge_agent.ring.promise import Limits
from edge_agent.ring.ring_check import check_ring
from shared.clock import NS_PER_S
from tests.edge_agent.ring.recording_bed import RecordingBed
from tests.fakes.clock import OTHER_BOOT, START_MONO_NS, FakeClock

MIB = 1 << 20


@pytest.fixture
def bed(tmp_path: Path) -> RecordingBed:
    """Five segments of half a second each."""
    bed = RecordingBed(tmp_path)
    for number in range(5):
        bed.play(range(15 * number, 15 * number + 15))
        bed.recorder.close_segment()
    return bed


class Disk:
    """A disk whose free space the test sets."""

    def __init__(self, free_bytes: int = 1 << 40, spare_names: int | None = None) -> None:
        self.free_bytes = free_bytes
        self.spare_names = spare_names

    def __call__(self) -> Room:
        return Room(self.free_bytes, self.spare_names)


def eviction_of(
    bed: RecordingBed, *, max_bytes: int = 1 << 40, max_hours: float = 72.0, disk: Disk | None = None
) -> Eviction:
    limits = Limits(max_bytes, max_hours)
    return Eviction(bed.folder, bed.connection, bed.clock, limits, Reserve(bed.folder, MIB), disk or Disk())


def pin(connection: sqlite3.Connection, row: SegmentRow, event: str = "event") -> None:
    connection.execute(
        "INSERT INTO pins (event_id, boot_id, start_mono_ns, end_mono_ns) VALUES (?, ?, ?, ?)",
        (event, row.boot_id, row.start_mono_ns + 1, row.end_mono_ns - 1),
    )


def left(bed: RecordingBed) -> list[int]:
    rows = all_segments(bed.connection)
    assert sorted(row.file for row in rows) == sorted(path.name for path in (bed.folder / "segments").iterdir())
    return [row.sequence for row in rows]


def test_within_its_limits_nothing_goes(bed: RecordingBed) -> None:
    assert eviction_of(bed).turn() == []
    assert left(bed) == [0, 1, 2, 3, 4]


def test_over_its_size_the_oldest_go_until_it_fits(bed: RecordingBed) -> None:
    gone = eviction_of(bed, max_bytes=sum(row.size_bytes for row in bed.sealed[2:])).turn()
    assert [(row.sequence, reason) for row, reason in gone] == [(0, "size"), (1, "size")]
    assert left(bed) == [2, 3, 4]
    assert check_ring(bed.folder, read_data=True).faults == []


def test_a_pinned_segment_stays_and_the_next_one_goes(bed: RecordingBed) -> None:
    pin(bed.connection, bed.sealed[0])
    pin(bed.connection, bed.sealed[1], "other")
    kept = [bed.sealed[number].size_bytes for number in (0, 1, 4)]
    eviction = eviction_of(bed, max_bytes=sum(kept))
    eviction.turn()
    assert left(bed) == [0, 1, 4]
    assert not eviction.blocked
    bed.connection.execute("DELETE FROM pins WHERE event_id = 'event'")
    eviction_of(bed, max_bytes=kept[1] + kept[2]).turn()
    assert left(bed) == [1, 4]
    assert check_ring(bed.folder).faults == []


def test_when_events_hold_everything_nothing_goes_and_it_says_so(bed: RecordingBed) -> None:
    for number, row in enumerate(bed.sealed):
        pin(bed.connection, row, f"event-{number}")
    eviction = eviction_of(bed, max_bytes=1)
    assert eviction.turn() == []
    assert eviction.blocked
    assert left(bed) == [0, 1, 2, 3, 4]


def test_a_pin_of_another_boot_holds_nothing_here(bed: RecordingBed) -> None:
    bed.connection.execute(
        "INSERT INTO pins (event_id, boot_id, start_mono_ns, end_mono_ns) VALUES ('e', ?, 0, ?)", (OTHER_BOOT, 1 << 62)
    )
    eviction_of(bed, max_bytes=1).turn()
    assert left(bed) == []


def test_a_full_disk_takes_the_oldest_until_there_is_room(bed: RecordingBed) -> None:
    Reserve(bed.folder, MIB).hold(1 << 40)
    sizes = [row.size_bytes for row in bed.sealed]
    disk = Disk(MIB - sizes[0] - sizes[1] // 2)
    assert [reason for _, reason in eviction_of(bed, disk=disk).turn()] == ["disk", "disk"]
    assert left(bed) == [2, 3, 4]


def test_while_the_reserve_is_not_held_twice_as_much_is_made_free(bed: RecordingBed) -> None:
    sizes = [row.size_bytes for row in bed.sealed]
    eviction = eviction_of(bed, disk=Disk(2 * MIB - sizes[0]))
    assert len(eviction.turn()) == 1
    Reserve(bed.folder, MIB).hold(1 << 40)
    assert eviction.turn() == []


def test_when_names_run_out_the_oldest_go_too(bed: RecordingBed) -> None:
    eviction = eviction_of(bed, disk=Disk(spare_names=-1))
    assert [reason for _, reason in eviction.turn()] == ["names", "names"]
    assert eviction.names_short
    assert left(bed) == [2, 3, 4]


def test_age_counts_the_time_since_the_segment_ended(bed: RecordingBed) -> None:
    eviction = eviction_of(bed, max_hours=1.0)
    bed.clock.advance(3600 - 0.6)
    assert [row.sequence for row, _ in eviction.turn()] == [0, 1, 2]
    bed.clock.advance(2)
    eviction.turn()
    assert left(bed) == []


@pytest.mark.parametrize("jump_s", [-10 * 365 * 86_400, 10 * 365 * 86_400])
def test_a_jump_of_the_wall_clock_deletes_nothing(bed: RecordingBed, jump_s: float) -> None:
    bed.clock.jump_utc(jump_s)
    assert eviction_of(bed, max_hours=1.0).turn() == []


def test_after_a_reboot_age_is_the_time_that_the_box_was_on(bed: RecordingBed) -> None:
    clock = FakeClock(OTHER_BOOT, mono_ns=100 * NS_PER_S)
    eviction = Eviction(bed.folder, bed.connection, clock, Limits(1 << 40, 1.0), Reserve(bed.folder, MIB), Disk())
    oldest, newest = bed.sealed[0], bed.sealed[-1]
    assert eviction.age_ns(newest) == 100 * NS_PER_S
    assert eviction.age_ns(oldest) == 100 * NS_PER_S + newest.end_mono_ns - oldest.end_mono_ns
    clock.advance(3600)
    assert len(eviction.turn()) == 5


@pytest.mark.parametrize("jump_s", [-3600, 3600, -1_790_000_000, 357_000_000])
def test_after_a_reboot_a_jump_of_the_wall_clock_deletes_nothing_either(bed: RecordingBed, jump_s: float) -> None:
    """By an hour, to 1970, to 2038: the age is the time that the box was on."""
    clock = FakeClock(OTHER_BOOT, mono_ns=100 * NS_PER_S)
    clock.jump_utc(jump_s)
    eviction = Eviction(bed.folder, bed.connection, clock, Limits(1 << 40, 1.0), Reserve(bed.folder, MIB), Disk())
    assert eviction.turn() == []
    clock.advance(3600)
    assert len(eviction.turn()) == 5


def test_time_on_counts_over_boots_in_which_nothing_was_recorded(bed: RecordingBed) -> None:
    """Three boots after that of the segments: 40 minutes with a camera that was gone, 30 minutes of the same, and this one."""
    for boot, minutes in ((OTHER_BOOT, 40), ("aaaaaaaa-0000-4000-8000-000000000003", 30)):
        clock = FakeClock(boot, mono_ns=minutes * 60 * NS_PER_S)
        Eviction(bed.folder, bed.connection, clock, Limits(1 << 40, 72), Reserve(bed.folder, MIB), Disk()).tidy()
    clock = FakeClock("aaaaaaaa-0000-4000-8000-000000000004", mono_ns=60 * NS_PER_S)
    eviction = Eviction(bed.folder, bed.connection, clock, Limits(1 << 40, 72), Reserve(bed.folder, MIB), Disk())
    age_s = eviction.age_ns(bed.sealed[-1]) / NS_PER_S
    assert age_s == pytest.approx(71 * 60, abs=1)


def test_a_boot_whose_segments_are_gone_is_forgotten(bed: RecordingBed) -> None:
    eviction_of(bed).tidy()
    eviction_of(bed, max_bytes=1).turn()
    later = RecordingBed(bed.folder, FakeClock(OTHER_BOOT))
    later.play(range(15))
    later.recorder.close_segment()
    Eviction(bed.folder, bed.connection, later.clock, Limits(1 << 40, 72), Reserve(bed.folder, MIB), Disk()).tidy()
    assert [row["boot_id"] for row in bed.connection.execute("SELECT boot_id FROM boots")] == [OTHER_BOOT]


def test_neighbours_that_went_are_one_removed_span(bed: RecordingBed) -> None:
    pin(bed.connection, bed.sealed[2])
    eviction_of(bed, max_bytes=bed.sealed[2].size_bytes).turn()
    found = [tuple(row) for row in bed.connection.execute("SELECT sequence, start_mono_ns, end_mono_ns FROM evicted")]
    rows = bed.sealed
    assert found == [
        (1, rows[0].start_mono_ns, rows[1].end_mono_ns), (4, rows[3].start_mono_ns, rows[4].end_mono_ns),
    ]  # fmt: skip
    assert check_ring(bed.folder).faults == []


def test_a_pin_that_comes_while_rows_are_chosen_is_seen(bed: RecordingBed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice was made before the pin; the transaction that deletes asks again."""
    stale = bed.sealed[0]
    pin(bed.connection, stale)
    monkeypatch.setattr("edge_agent.ring.eviction.oldest_unpinned", lambda _connection: stale)
    eviction = eviction_of(bed, max_bytes=1)
    assert eviction.turn() == []
    assert eviction.blocked
    assert left(bed) == [0, 1, 2, 3, 4]


def test_a_turn_goes_on_with_the_next_batch(tmp_path: Path) -> None:
    bed = RecordingBed(tmp_path)
    for number in range(2 * MOST_A_BATCH + 3):
        bed.play(range(number, number + 1))
        bed.recorder.close_segment()
    assert len(eviction_of(bed, max_bytes=1).turn()) == 2 * MOST_A_BATCH + 3
    assert bed.connection.execute("SELECT count(*) FROM garbage").fetchone()[0] == 0


def test_a_removal_that_was_cut_short_is_finished(bed: RecordingBed) -> None:
    file = bed.sealed[0].file
    with bed.connection:
        bed.connection.execute("INSERT INTO garbage (file) VALUES (?)", (file,))
        bed.connection.execute("DELETE FROM segments WHERE file = ?", (file,))
    assert check_ring(bed.folder).faults == []
    eviction_of(bed).turn()
    assert left(bed) == [1, 2, 3, 4]
    assert bed.connection.execute("SELECT count(*) FROM garbage").fetchone()[0] == 0


def test_quarantined_files_are_kept_up_to_a_hundredth_of_the_ring(bed: RecordingBed) -> None:
    for number in range(4):
        path = bed.folder / "quarantine" / f"{number}.part"
        path.write_bytes(bytes(1000))
        os.utime(path, (number, number))
    eviction_of(bed, max_bytes=250_000).tidy()
    assert sorted(path.name for path in (bed.folder / "quarantine").iterdir()) == ["2.part", "3.part"]


def test_the_ledger_forgets_gaps_of_what_is_gone(bed: RecordingBed) -> None:
    insert = (
        "INSERT INTO gaps (stream, cause, boot_id, start_mono_ns, end_mono_ns, start_utc_ns, end_utc_ns, missing_frames) "
        "VALUES ('depth', 'bus', ?, ?, ?, 0, 0, 1)"
    )
    rows = [(OTHER_BOOT, 5, 6), (bed.clock.boot_id, 5, 6), (bed.clock.boot_id, START_MONO_NS, START_MONO_NS + 9)]
    bed.connection.executemany(insert, rows)
    eviction_of(bed).tidy()
    found = bed.connection.execute("SELECT start_mono_ns FROM gaps").fetchall()
    assert [row["start_mono_ns"] for row in found] == [START_MONO_NS]


def test_the_reserve_is_held_when_there_is_room_for_it(bed: RecordingBed) -> None:
    disk = Disk(MIB)
    eviction = eviction_of(bed, disk=disk)
    eviction.tidy()
    assert not (bed.folder / "reserve").exists()
    disk.free_bytes = 3 * MIB
    eviction.tidy()
    assert (bed.folder / "reserve").stat().st_size == MIB
