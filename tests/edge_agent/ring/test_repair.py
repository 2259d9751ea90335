"""`check --repair` makes a bed's folder whole again from its files, keeps what was damaged, and says each deed."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from edge_agent.database import database_path, open_database, transaction
from edge_agent.outbox.store import Outbox
from edge_agent.ring.catalogue import all_segments, next_sequence
from edge_agent.ring.folder import locked, note_opened
from edge_agent.ring.repair import LOST_COUNTER_STEP, repair
from edge_agent.ring.ring_check import check_ring
from shared.errors import Broken, Misconfigured, Transient
from shared.frame import Stream
from tests.edge_agent.outbox.reports import make_report
from tests.edge_agent.ring.recording_bed import RecordingBed
from tests.fakes.clock import OTHER_BOOT, FakeClock


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordingBed:
    """Two boots, five segments, a gap inside one of them, an event with its message and pin."""
    folder = tmp_path_factory.mktemp("bed")
    bed = RecordingBed(folder)
    for number in range(3):
        bed.play(range(15 * number, 15 * number + 15), lapped=(20,))
        bed.recorder.close_segment()
    bed.stop()
    bed = RecordingBed(folder, FakeClock(OTHER_BOOT))
    bed.play(range(30))
    bed.recorder.close_segment()
    bed.play(range(30, 45))
    bed.recorder.stop()
    bed.connection.execute("INSERT INTO pins VALUES ('e', ?, 0, 5)", (OTHER_BOOT,))
    Outbox(bed.connection, "north", "bed-4").record(make_report("opened"), 1)
    with transaction(bed.connection):
        for number in range(3000):
            bed.connection.execute("INSERT INTO scores VALUES (?, 'b', ?, 0, 0.5)", (number, number))
    bed.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    bed.connection.close()
    return bed


@pytest.fixture
def folder(recorded: RecordingBed, tmp_path: Path) -> Path:
    return shutil.copytree(recorded.folder, tmp_path / "bed")


def mended(folder: Path, *, read_data: bool = False) -> str:
    deeds: list[str] = []
    repair(folder, FakeClock(OTHER_BOOT), deeds.append, read_data=read_data)
    assert check_ring(folder, read_data=True).faults == []
    return "\n".join(deeds)


def rows(folder: Path) -> list[tuple[object, ...]]:
    connection = open_database(folder)
    found: list[tuple[object, ...]] = [
        (row.sequence, row.sha256, row.start_mono_ns, row.end_mono_ns) for row in all_segments(connection)
    ]
    connection.close()
    return found


def flip(path: Path, place: int) -> None:
    body = bytearray(path.read_bytes())
    body[place] ^= 4
    path.write_bytes(body)


def test_a_sound_folder_is_left_as_it_is(folder: Path) -> None:
    before = rows(folder)
    assert not mended(folder)
    assert rows(folder) == before


def test_a_missing_catalogue_is_made_from_the_files(folder: Path) -> None:
    before = rows(folder)
    gaps = open_database(folder).execute("SELECT count(*) FROM gaps WHERE cause = 'bus'").fetchone()[0]
    database_path(folder).unlink()
    said = mended(folder)
    assert "edge.db was missing" in said
    assert said.count("had no row: it is catalogued") == 5
    assert rows(folder) == before
    connection = open_database(folder)
    assert connection.execute("SELECT count(*) FROM gaps WHERE cause = 'bus'").fetchone()[0] == gaps
    assert [row[0] for row in connection.execute("SELECT boot_id FROM boots ORDER BY number")][-1] == OTHER_BOOT
    assert next_sequence(connection) == 5
    outbox = Outbox(connection, "north", "bed-4")
    second = FakeClock().utc_ns() // 10**9
    assert outbox.next_session() == second + 1
    assert outbox.record(make_report("opened"), 1) == second + 1


def test_a_damaged_database_is_kept_aside_and_its_readable_rows_are_taken_over(folder: Path) -> None:
    before = rows(folder)
    path = database_path(folder)
    root = sqlite3.connect(path).execute("SELECT rootpage FROM sqlite_master WHERE name = 'scores'").fetchone()[0]
    leaf = sqlite3.connect(path).execute("PRAGMA page_count").fetchone()[0]
    assert leaf > root
    body = bytearray(path.read_bytes())
    for page in range(leaf - 12, leaf - 10):
        body[page * 4096 : page * 4096 + 4096] = bytes(4096)
    path.write_bytes(body)
    said = mended(folder)
    assert "edge.db was damaged" in said
    assert "Table pins: 2 rows kept." in said
    assert "Table messages: 1 rows kept." in said
    assert "could not be read, their rows are lost" in said
    assert len(list(folder.glob("edge.db.damaged-*[0-9]"))) == 1
    assert rows(folder) == before
    connection = open_database(folder)
    assert 1000 < connection.execute("SELECT count(*) FROM scores").fetchone()[0] < 3000
    assert connection.execute("SELECT count(*) FROM pins WHERE event_id = 'e'").fetchone()[0] == 1
    assert Outbox(connection, "north", "bed-4").record(make_report("closed"), 1) == 2


def test_a_lost_counter_of_messages_goes_on_far_above_what_is_known(folder: Path) -> None:
    connection = open_database(folder)
    connection.execute("DELETE FROM counters")
    connection.close()
    mended(folder)
    sequence = Outbox(open_database(folder), "north", "bed-4").record(make_report("closed"), 1)
    assert sequence == 1 + LOST_COUNTER_STEP + 1


def test_a_file_that_is_no_database_at_all_is_kept_aside(folder: Path) -> None:
    database_path(folder).write_bytes(b"nothing that anybody can read" * 1000)
    said = mended(folder)
    assert "No row of edge.db.damaged-" in said
    assert len(rows(folder)) == 5


def test_a_database_restored_from_a_copy_is_brought_up_to_the_files(folder: Path) -> None:
    note_opened(folder, 9)
    connection = open_database(folder)
    connection.execute("INSERT INTO ring_state VALUES ('opened', 2)")
    connection.execute("DELETE FROM segments WHERE sequence = 4")
    connection.close()
    assert "restored from a copy" in " ".join(fault.sentence for fault in check_ring(folder).faults)
    said = mended(folder)
    assert "From now on they belong together" in said
    assert "Segment 4" in said


def test_the_database_of_another_bed_is_not_touched(folder: Path) -> None:
    connection = open_database(folder)
    connection.execute("INSERT INTO identity VALUES (1, 'f', 'north', 'bed-9')")
    connection.close()
    with pytest.raises(Broken, match="is that of bed bed-9 of site north"):
        mended(folder)
    assert open_database(folder).execute("SELECT bed FROM identity").fetchone()[0] == "bed-9"
    assert len(rows(folder)) == 5


@pytest.mark.parametrize("read_data", [True, False])
def test_a_damaged_segment_goes_into_quarantine_and_its_span_is_a_gap(
    recorded: RecordingBed, folder: Path, read_data: bool
) -> None:
    row = recorded.sealed[0]
    flip(row.path(folder), 5000 if read_data else -5)
    said = mended(folder, read_data=read_data)
    assert f"({row.file})" in said
    assert "is in quarantine" in said
    assert (folder / "quarantine" / row.file).exists()
    gaps = open_database(folder).execute(
        "SELECT missing_frames FROM gaps WHERE cause = 'disk' AND stream = 'depth' AND boot_id = ?", (row.boot_id,)
    )
    assert [gap[0] for gap in gaps] == [row.frames[Stream.depth]]


def test_a_row_without_a_file_leaves_the_catalogue(recorded: RecordingBed, folder: Path) -> None:
    recorded.sealed[1].path(folder).unlink()
    assert "is in the catalogue and not on the disk" in mended(folder)
    assert len(rows(folder)) == 4


def test_strays_and_half_done_removals_are_settled(recorded: RecordingBed, folder: Path) -> None:
    (folder / "segments" / "stray").write_bytes(b"x")
    (folder / "open" / "stray").write_bytes(b"x")
    connection = open_database(folder)
    connection.execute("INSERT INTO garbage VALUES (?)", (recorded.sealed[1].file,))
    connection.execute("INSERT INTO garbage VALUES ('gone.seg')")
    connection.close()
    (folder / "segments" / "gone.seg").write_bytes(b"x")
    said = mended(folder)
    assert "open/stray is no open segment" in said
    assert "stray cannot be trusted" in said
    assert "was taken off the garbage list" in said
    assert "1 removals that were begun are finished" in said
    assert len(rows(folder)) == 5


def test_what_nobody_explains_becomes_a_gap_of_the_disk(folder: Path) -> None:
    (folder / "segments" / f"{rows(folder)[1][1]}.seg").unlink()
    for path in folder.glob("edge.db*"):
        path.unlink()
    assert "It is a gap of cause disk now" in mended(folder)


def test_while_the_agent_runs_nothing_is_repaired(folder: Path) -> None:
    with locked(folder, "supervisor"), pytest.raises(Transient, match="Another agent uses the folder"):
        mended(folder)
    with locked(folder, "recorder"), pytest.raises(Transient, match="The process recorder works"):
        mended(folder)


def test_the_folder_of_no_bed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is not the folder of a bed"):
        mended(tmp_path)
