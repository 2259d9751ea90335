"""An agent begins only with a sound database that belongs to its folder; every other case is one sentence and an exit code."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from edge_agent.database import SCHEMA_VERSION, database_path, open_database, transaction
from edge_agent.ring.folder import Identity, note_opened, prepare_folder, times_opened
from edge_agent.ring.opening import begin_work, damage_of, sound_identity
from shared.errors import Broken, Misconfigured, Transient
from tests.fakes.clock import FakeClock


@pytest.fixture
def bed(tmp_path: Path) -> tuple[Path, Identity]:
    folder = tmp_path / "bed"
    return folder, prepare_folder(folder, "north", "bed-4")


def begin(folder: Path, identity: Identity) -> None:
    begin_work(folder, identity, FakeClock())


def fill(connection: sqlite3.Connection, rows: int) -> None:
    with transaction(connection):
        connection.executemany("INSERT INTO garbage VALUES (?)", [(f"{number:080}",) for number in range(rows)])


def test_each_beginning_is_counted_in_both_places(bed: tuple[Path, Identity]) -> None:
    for _ in range(3):
        begin(*bed)
    assert times_opened(bed[0]) == 3
    connection = open_database(bed[0])
    assert connection.execute("SELECT value FROM ring_state WHERE name = 'opened'").fetchone()[0] == 3
    assert sound_identity(connection, *bed) is None


def test_a_power_cut_between_the_two_counts_is_no_fault(bed: tuple[Path, Identity]) -> None:
    begin(*bed)
    begin(*bed)
    note_opened(bed[0], 1)
    begin(*bed)
    assert times_opened(bed[0]) == 3


def test_a_database_that_was_restored_from_a_copy_is_named(bed: tuple[Path, Identity]) -> None:
    begin(*bed)
    shutil.copy(database_path(bed[0]), bed[0] / "copy")
    begin(*bed)
    (bed[0] / "copy").replace(database_path(bed[0]))
    with pytest.raises(Broken, match=r"is older than its folder \(opened 1 times, the folder 2\)"):
        begin(*bed)


def test_an_old_disk_under_a_newer_database_is_named(bed: tuple[Path, Identity]) -> None:
    for _ in range(4):
        begin(*bed)
    note_opened(bed[0], 2)
    with pytest.raises(Broken, match="is the right disk mounted"):
        begin(*bed)


def test_the_database_of_another_folder_is_named(bed: tuple[Path, Identity], tmp_path: Path) -> None:
    other = tmp_path / "other"
    begin(other, prepare_folder(other, "north", "bed-5"))
    shutil.copy(database_path(other), database_path(bed[0]))
    with pytest.raises(Broken, match="belongs to another folder, of bed bed-5"):
        begin(*bed)


def test_a_database_that_is_gone_is_named_and_none_is_made(bed: tuple[Path, Identity]) -> None:
    begin(*bed)
    (bed[0] / "segments" / "x.seg").touch()
    database_path(bed[0]).unlink()
    with pytest.raises(Broken, match=r"is missing although the folder holds segments.*check .* --repair"):
        begin(*bed)
    assert not database_path(bed[0]).exists()


def test_a_new_database_in_a_used_folder_is_named(bed: tuple[Path, Identity]) -> None:
    begin(*bed)
    database_path(bed[0]).unlink()
    with pytest.raises(Broken, match="is new although the folder was opened 1 times"):
        begin(*bed)


def test_a_database_of_newer_software_is_left_alone(bed: tuple[Path, Identity]) -> None:
    begin(*bed)
    with sqlite3.connect(database_path(bed[0])) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(Misconfigured, match="was written by newer software"):
        begin(*bed)


def test_damaged_pages_are_found_before_any_work(bed: tuple[Path, Identity]) -> None:
    begin(*bed)
    connection = open_database(bed[0])
    fill(connection, 2000)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    body = bytearray(database_path(bed[0]).read_bytes())
    body[len(body) // 2 : len(body) // 2 + 4096] = bytes(4096)
    database_path(bed[0]).write_bytes(body)
    with pytest.raises(Broken, match=r"is damaged: .*check .* --repair"):
        begin(*bed)


def test_a_check_that_takes_too_long_is_left(bed: tuple[Path, Identity]) -> None:
    connection = open_database(bed[0])
    fill(connection, 20_000)
    asked: list[bool] = []

    def late() -> bool:
        asked.append(True)
        return True

    assert damage_of(connection, "quick_check", late) is None
    assert asked
    assert damage_of(connection, "integrity_check") is None


def test_a_locked_database_is_waited_for_and_then_named(
    bed: tuple[Path, Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(*bed)
    monkeypatch.setattr("edge_agent.database.BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr("edge_agent.database._PRAGMAS", {"synchronous": 2, "foreign_keys": 1, "busy_timeout": 50})
    writer = sqlite3.connect(database_path(bed[0]), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(Transient, match="cannot be opened now: database is locked"):
        begin(*bed)
    writer.execute("ROLLBACK")
    begin(*bed)
