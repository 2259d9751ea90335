"""The check names each planted fault, and finds none where there is none."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.frame_pool import PoolInfo
from edge_agent.ring.ring_check import check_ring
from shared.errors import Broken, Misconfigured
from shared.frame import Stream
from shared.segment import hash_file
from tests.edge_agent.ring.recording_bed import RecordingBed
from tests.fakes.clock import OTHER_BOOT
from tests.fakes.frame_source import ALL, BOTH, camera_info

Deed = Callable[[RecordingBed, Path], object]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordingBed:
    bed = RecordingBed(tmp_path_factory.mktemp("bed"))
    for number in range(4):
        bed.play(range(15 * number, 15 * number + 15))
        bed.recorder.close_segment()
    bed.recorder.stop()
    bed.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return bed


@pytest.fixture
def folder(recorded: RecordingBed, tmp_path: Path) -> Path:
    return shutil.copytree(recorded.folder, tmp_path / "bed")


def flip(path: Path, place: int) -> None:
    body = bytearray(path.read_bytes())
    body[place] ^= 4
    path.write_bytes(body)


def run(folder: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(folder / "edge.db") as connection:
        connection.execute(statement, values)


def unsealed(bed: RecordingBed, folder: Path) -> None:
    """A file without a footer under the hash of its bytes."""
    old = bed.sealed[1].path(folder)
    flip(old, -5)
    sha256 = hash_file(old)
    old.rename(folder / "segments" / f"{sha256}.seg")
    run(folder, "UPDATE segments SET sha256 = ?, file = ? WHERE sequence = 1", sha256, f"{sha256}.seg")


def pinned_and_removed(bed: RecordingBed, folder: Path) -> None:
    run(folder, "INSERT INTO pins VALUES ('e', ?, 0, ?)", bed.clock.boot_id, 1 << 62)
    run(folder, "INSERT INTO evicted VALUES (0, ?, 5, 6, 'whole')", bed.clock.boot_id)


def forgotten(bed: RecordingBed, folder: Path) -> None:
    run(folder, "DELETE FROM segments WHERE sequence = 1")
    bed.sealed[1].path(folder).unlink()


def restored(_: RecordingBed, folder: Path) -> None:
    run(folder, "INSERT INTO ring_state VALUES ('opened', 1)")
    (folder / "opened").write_text("5")


def test_a_sound_ring_has_no_fault(folder: Path) -> None:
    report = check_ring(folder, read_data=True)
    assert report.faults == []
    assert report.segments == 4
    assert "I1, I2, I3 and I7 hold" in report.sentence


def test_the_check_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.seg")}
    check_ring(folder, read_data=True)
    assert {path: path.read_bytes() for path in folder.rglob("*.seg")} == before


@pytest.mark.parametrize(
    ("invariant", "words", "deed"),
    [
        ("I1", "is in the catalogue and not on the disk", lambda bed, folder: bed.sealed[1].path(folder).unlink()),
        ("I1", "the catalogue says", lambda bed, folder: bed.sealed[1].path(folder).write_bytes(b"short")),
        ("I1", "does not hold the bytes", lambda bed, folder: flip(bed.sealed[1].path(folder), 5000)),
        ("I1", "footer or index do not hold", unsealed),
        ("I1", "do not say what the catalogue says", lambda _, folder: run(
            folder, "UPDATE segments SET frames = '{\"depth\": 9}' WHERE sequence = 1")),
        ("I1", "is not named by its hash", lambda bed, folder: run(
            folder, "UPDATE segments SET sha256 = ? WHERE sequence = 1", bed.sealed[2].sha256[::-1])),
        ("I1", "The sums that the catalogue keeps", lambda _, folder: run(
            folder, "UPDATE ring_sums SET size_bytes = size_bytes + 1")),
        ("I1", "was restored from a copy", restored),
        ("I1", "belongs to another folder", lambda _, folder: run(
            folder, "INSERT INTO identity VALUES (1, 'other', 'north', 'bed-4')")),
        ("I2", "neither catalogued nor garbage-listed", lambda _, folder: (folder / "segments/stray").touch()),
        ("I2", "is no open segment", lambda _, folder: (folder / "open/stray").touch()),
        ("I2", "catalogued and garbage-listed at once", lambda bed, folder: run(
            folder, "INSERT INTO garbage (file) VALUES (?)", bed.sealed[2].file)),
        ("I3", "was removed although event e holds it", pinned_and_removed),
        ("I7", "are missing", forgotten),
        ("I7", "begins before", lambda _, folder: run(
            folder, "UPDATE segments SET sequence = 9 - sequence")),
        ("I7", "are missing 0.0 s after the boot", lambda _, folder: run(
            folder, "UPDATE segments SET boot_id = ? WHERE sequence > 1", OTHER_BOOT)),
    ],
)  # fmt: skip
def test_each_planted_fault_is_named(
    recorded: RecordingBed, folder: Path, invariant: str, words: str, deed: Deed
) -> None:
    deed(recorded, folder)
    faults = check_ring(folder, read_data=True).faults
    assert any(fault.invariant == invariant and words in fault.sentence for fault in faults), faults


def test_a_flipped_bit_is_found_only_when_the_bytes_are_read(recorded: RecordingBed, folder: Path) -> None:
    flip(recorded.sealed[1].path(folder), 5000)
    quick = check_ring(folder)
    assert quick.faults == []
    assert "bytes were not read" in quick.sentence


def test_what_was_gone_before_the_pin_came_is_no_fault(recorded: RecordingBed, folder: Path) -> None:
    """A span that the cloud asks for may reach behind the end of the ring."""
    row = recorded.sealed[0]
    run(folder, "DELETE FROM segments WHERE sequence = 0")
    row.path(folder).unlink()
    run(folder, "INSERT INTO evicted VALUES (0, ?, ?, ?, 'whole')", row.boot_id, row.start_mono_ns, row.end_mono_ns)
    run(folder, "INSERT INTO pins VALUES ('e', ?, ?, ?)", row.boot_id, row.start_mono_ns, row.end_mono_ns + 9)
    assert check_ring(folder).faults == []
    run(folder, "UPDATE evicted SET end_mono_ns = end_mono_ns + 5")
    assert [fault.invariant for fault in check_ring(folder).faults] == ["I3"]
    run(folder, "DELETE FROM pins")
    assert check_ring(folder).faults == []


def test_what_is_no_fault_is_noted(recorded: RecordingBed, folder: Path) -> None:
    (folder / "quarantine" / "x.part").write_bytes(b"123")
    (folder / "open" / "y.left").write_bytes(b"123")
    (folder / "segments" / "z.seg").write_bytes(b"123")
    run(folder, "INSERT INTO garbage VALUES ('z.seg')")
    report = check_ring(folder, read_data=True)
    assert report.faults == []
    assert report.notes == ["quarantine/x.part, 3 bytes, is in quarantine."]


def test_progress_is_told_with_what_is_known(recorded: RecordingBed, folder: Path) -> None:
    heard: list[tuple[int, int, int]] = []
    check_ring(folder, read_data=True, progress=lambda *told: heard.append(told))
    assert [each[:2] for each in heard] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert heard[-1][2] == sum(row.size_bytes for row in recorded.sealed)


def test_a_thousand_faults_are_told_and_all_are_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.ring.ring_check.MOST_TOLD", 3)
    for number in range(3):
        (folder / "segments" / f"stray-{number}").touch()
        (folder / "open" / f"stray-{number}").touch()
    report = check_ring(folder)
    assert len(report.faults) == 3
    assert report.fault_count == 6
    assert report.sentence.startswith("6 faults")


def test_the_catalogue_is_read_in_pages(recorded: RecordingBed, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.ring.catalogue.PAGE_ROWS", 3)
    assert check_ring(folder).segments == 4


def test_a_folder_of_no_bed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is not the folder of a bed"):
        check_ring(tmp_path)


def test_a_folder_without_a_database_is_named(folder: Path) -> None:
    for path in folder.glob("edge.db*"):
        path.unlink()
    with pytest.raises(Broken, match="cannot be read"):
        check_ring(folder)


class SlowColour(RecordingBed):
    """Colour comes with every fifteenth frame: twice a second."""

    def session(self) -> PoolInfo:
        return PoolInfo(camera=camera_info(2.0), streams=list(ALL))

    def streams_of(self, index: int) -> tuple[Stream, ...]:
        return ALL if index % 15 == 0 else BOTH


def test_a_segment_too_short_for_a_colour_picture_is_no_fault(tmp_path: Path) -> None:
    """A segment that was sealed early may hold no picture of a slow stream, and none is missing."""
    bed = SlowColour(tmp_path / "bed", colour=True)
    for indices in (range(46), range(46, 58), range(58, 100)):
        bed.play(indices)
        bed.recorder.close_segment()
    bed.recorder.stop()
    assert [row.frames.get(Stream.colour, 0) for row in bed.sealed] == [4, 0, 3]
    assert not check_ring(bed.folder).faults
