"""The recorder and its disk: what is flushed and in which order, and what it does when disk or database refuse."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from edge_agent.database import open_database, wait_briefly
from shared.clock import NS_PER_S
from shared.frame import Stream
from tests.edge_agent.ring.recording_bed import RESERVE_BYTES, RecordingBed
from tests.fakes.clock import START_MONO_NS


@pytest.fixture
def bed(tmp_path: Path) -> RecordingBed:
    return RecordingBed(tmp_path)


def test_a_full_disk_seals_what_is_whole_and_recording_goes_on_when_there_is_room(bed: RecordingBed) -> None:
    bed.play(range(60))
    bed.free_bytes = RESERVE_BYTES // 8
    bed.play(range(60, 120))
    assert bed.recorder.disk_full
    assert len(bed.sealed) == 1
    bed.free_bytes = 1 << 30
    bed.play(range(120, 180))
    bed.stop()
    assert not bed.recorder.disk_full
    recorded = sum(row.frames[Stream.depth] for row in bed.sealed)
    assert bed.missing() == {"disk": 180 - recorded}
    assert bed.faults() == []


def test_a_write_without_room_gives_the_reserve_away_and_keeps_whole_frames(
    bed: RecordingBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = bed.folder / "reserve"
    reserve.write_bytes(bytes(1000))
    bed.play(range(60))
    real = os.writev
    writes = iter(range(1000))

    def full(descriptor: int, parts: list[bytes]) -> int:
        if next(writes) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, parts)

    monkeypatch.setattr(os, "writev", full)
    bed.play(range(60, 61))
    monkeypatch.undo()
    assert bed.recorder.disk_full
    assert not reserve.exists()
    assert bed.sealed[0].frames == {Stream.depth: 61, Stream.ir: 60, Stream.preview: 30}
    bed.wait(1.5)
    bed.play(range(110, 120))
    bed.stop()
    assert bed.faults() == []
    assert bed.missing(Stream.ir)["disk"] == 1


def test_what_was_recorded_is_flushed_each_second_at_least(bed: RecordingBed, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    real = os.fdatasync

    def note(descriptor: int) -> None:
        flushed.append(bed.clock.monotonic_ns())
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", note)
    bed.play(range(200))
    times = [START_MONO_NS, *flushed]
    assert len(flushed) >= 6
    assert all(after - before <= NS_PER_S for before, after in pairwise(times))
    bed.clock.advance(0.95)
    bed.recorder.tick()
    assert len(flushed) == len(times)


def test_while_another_process_locks_the_database_recording_goes_on(bed: RecordingBed) -> None:
    wait_briefly(bed.connection)
    bed.play(range(15))
    bed.recorder.close_segment()
    other = open_database(bed.folder)
    other.execute("BEGIN IMMEDIATE")
    for start in (15, 30):
        bed.play(range(start, start + 15))
        bed.recorder.close_segment()
    assert len(bed.sealed) == 1
    other.execute("ROLLBACK")
    bed.play(range(45, 60))
    bed.recorder.stop()
    assert [row.sequence for row in bed.sealed] == [0, 1, 2, 3]
    assert bed.missing() == {}
    assert bed.faults() == []


def test_a_number_that_only_a_left_file_knows_is_not_given_again(bed: RecordingBed) -> None:
    wait_briefly(bed.connection)
    other = open_database(bed.folder)
    bed.play(range(5))
    bed.recorder.close_segment()
    other.execute("BEGIN IMMEDIATE")
    bed.play(range(5, 10))
    bed.recorder.close_segment()
    bed.play(range(10, 15))
    bed.crash()
    other.execute("ROLLBACK")
    again = RecordingBed(bed.folder, bed.clock)
    again.play(range(20, 30))
    again.recorder.stop()
    assert [row.sequence for row in again.rows()] == [0, 1, 2, 3]
    assert again.faults() == []


def test_the_name_of_an_open_file_is_on_the_disk_with_its_first_bytes(
    bed: RecordingBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it a power cut takes the flushed bytes along. The kernel's own calls are watched, in their order."""
    steps: list[str] = []
    for name in ("fsync", "fdatasync"):
        real = getattr(os, name)

        def watched(descriptor: int, name: str = name, real: Callable[[int], None] = real) -> None:
            real(descriptor)
            steps.append(f"{name} {Path(f'/proc/self/fd/{descriptor}').readlink().suffix or 'folder'}")

        monkeypatch.setattr(os, name, watched)
    bed.play(range(80))
    assert steps == ["fdatasync .part", "fsync folder", "fdatasync .part"]


def test_sealing_goes_data_name_folders_row_in_this_order(bed: RecordingBed, monkeypatch: pytest.MonkeyPatch) -> None:
    bed.play(range(10))
    steps: list[str] = []
    sync, rename = os.fsync, Path.rename

    def note_sync(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().suffix or 'folder'}")
        sync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)

    def note_statement(statement: str) -> None:
        name = statement.split(" (", maxsplit=1)[0]
        if steps[-1:] != [name]:  # each deed of a trigger tells its statement again
            steps.append(name)

    bed.connection.set_trace_callback(note_statement)
    bed.recorder.close_segment()
    assert steps == ["sync .part", "rename", "sync folder", "sync folder", "INSERT INTO segments"]


def test_a_failed_flush_puts_the_file_into_quarantine_and_its_span_into_the_ledger(
    bed: RecordingBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.play(range(20))

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    bed.play(range(20, 40))
    monkeypatch.undo()
    bed.play(range(40, 100))
    bed.stop()
    assert len(list((bed.folder / "quarantine").iterdir())) == 1
    recorded = sum(row.frames[Stream.depth] for row in bed.sealed)
    assert 0 < recorded < 100
    assert bed.missing() == {"disk": 100 - recorded}
    assert bed.faults() == []


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_failure_while_sealing_condemns_the_segment(
    bed: RecordingBed, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    bed.play(range(20))

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "rename", fail)
    bed.recorder.close_segment()
    monkeypatch.undo()
    assert bed.sealed == []
    assert bed.missing()["disk"] == 20
    bed.stop()


def test_a_row_that_the_database_does_not_take_now_is_written_later(bed: RecordingBed) -> None:
    bed.play(range(20))
    bed.connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(bed.folder / "edge.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    bed.recorder.close_segment()
    assert bed.sealed == []
    other.execute("ROLLBACK")
    other.close()
    bed.play(range(20, 60))
    assert len(bed.sealed) == 1
    bed.stop()
    assert bed.faults() == []
