"""A disk that is really full: nothing recorded is lost, the account is right, and recording goes on when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.ring.disk_space import Reserve, free_bytes_of, room_of
from edge_agent.ring.eviction import Eviction
from edge_agent.ring.promise import Limits
from shared.frame import Stream
from tests.edge_agent.ring.recording_bed import RESERVE_BYTES, RecordingBed

DISK_MIB = 24


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.fixture
def bed(small_disk: Path) -> RecordingBed:
    bed = RecordingBed(small_disk / "bed")
    bed.recorder._free_bytes = free_bytes_of(small_disk)
    return bed


def recorded(bed: RecordingBed) -> int:
    return sum(row.frames[Stream.depth] for row in bed.sealed)


def eviction_of(bed: RecordingBed) -> Eviction:
    reserve = Reserve(bed.folder, RESERVE_BYTES)
    return Eviction(bed.folder, bed.connection, bed.clock, Limits(1 << 40, 72), reserve, room_of(bed.folder))


def test_the_oldest_goes_and_recording_goes_on(bed: RecordingBed) -> None:
    eviction = eviction_of(bed)
    for start in range(0, 900, 15):
        bed.play(range(start, start + 15))
        bed.recorder.close_segment()
        eviction.turn()
    bed.recorder.stop()
    assert eviction.evicted > 20
    assert bed.missing() == {}
    assert recorded(bed) == 900
    assert bed.faults() == []


def test_when_events_hold_everything_recording_pauses_and_says_so(bed: RecordingBed) -> None:
    eviction = eviction_of(bed)
    bed.connection.execute("INSERT INTO pins VALUES ('e', ?, 0, ?)", (bed.clock.boot_id, 1 << 62))
    for start in range(0, 600, 15):
        bed.play(range(start, start + 15))
        eviction.turn()
    assert bed.recorder.disk_full
    assert eviction.blocked
    bed.connection.execute("DELETE FROM pins")
    eviction.turn()
    bed.play(range(600, 700))
    bed.recorder.stop()
    assert not bed.recorder.disk_full
    assert bed.missing() == {"disk": 700 - recorded(bed)}
    assert bed.faults() == []


def test_another_program_may_fill_the_disk_to_the_last_byte(bed: RecordingBed, small_disk: Path) -> None:
    eviction = eviction_of(bed)
    eviction.tidy()
    assert (bed.folder / "reserve").exists()
    bed.recorder._free_bytes = lambda: 1 << 40
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for start in range(0, 300, 5):
            bed.play(range(start, start + 5))
            try:
                file.write(bytes(700_000))
            except OSError:
                continue
    assert not (bed.folder / "reserve").exists()
    assert len(list((bed.folder / "open").iterdir())) <= 1
    filler.unlink()
    bed.wait(2)
    bed.play(range(400, 430))
    bed.recorder.stop()
    assert bed.missing(Stream.ir).get("disk", 0) > 0
    assert bed.faults() == []
    assert list((bed.folder / "open").iterdir()) == []
    total = sum(bed.missing(Stream.ir).values()) + sum(row.frames[Stream.ir] for row in bed.sealed)
    assert total == pytest.approx(430, abs=1)


def test_when_names_run_out_the_oldest_goes_and_recording_goes_on(tmp_path: Path) -> None:
    """Inodes are a limit of their own: bytes are plenty."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=40", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        bed = RecordingBed(tmp_path / "bed")
        eviction = eviction_of(bed)
        for start in range(0, 600, 15):
            bed.play(range(start, start + 15))
            bed.recorder.close_segment()
            eviction.turn()
        bed.recorder.stop()
        assert eviction.evicted > 10
        assert bed.missing() == {}
        assert bed.faults() == []
        bed.connection.close()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
