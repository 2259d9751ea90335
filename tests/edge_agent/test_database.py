"""The bed's database keeps what it commits, and the desired state outlives a restart."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from edge_agent.database import database_path, open_database, transaction
from edge_agent.desired import BEFORE_ANY_WORD, load_desired, save_desired
from shared.errors import Broken, Transient
from tests.edge_agent.ring.recording_bed import desired


def test_every_connection_has_the_durability_that_is_promised(tmp_path: Path) -> None:
    for connection in (open_database(tmp_path), open_database(tmp_path)):
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_opening_again_keeps_what_was_written(tmp_path: Path) -> None:
    open_database(tmp_path).execute("INSERT INTO garbage (file) VALUES ('a')")
    assert open_database(tmp_path).execute("SELECT count(*) FROM garbage").fetchone()[0] == 1


def test_many_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    faults: list[BaseException] = []

    def opening() -> None:
        try:
            open_database(tmp_path).close()
        except BaseException as error:  # noqa: BLE001 - a thread's fault must reach the test
            faults.append(error)

    threads = [threading.Thread(target=opening) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    connection = open_database(tmp_path)

    def half() -> None:
        with transaction(connection):
            connection.execute("INSERT INTO garbage (file) VALUES ('a')")
            raise ValueError("midway")

    with pytest.raises(ValueError, match="midway"):
        half()
    assert connection.execute("SELECT count(*) FROM garbage").fetchone()[0] == 0
    assert not connection.in_transaction


def test_a_damaged_database_is_named_in_a_sentence(tmp_path: Path) -> None:
    database_path(tmp_path).write_bytes(b"no database at all" * 1000)
    with pytest.raises(Broken, match="is damaged"):
        open_database(tmp_path)


def test_a_folder_that_is_not_there_is_named_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="cannot be opened"):
        open_database(tmp_path / "none")


def test_before_any_word_of_the_cloud_the_bed_records_without_a_stay(tmp_path: Path) -> None:
    state = load_desired(open_database(tmp_path))
    assert state == BEFORE_ANY_WORD
    assert (state.paused, state.record_unassigned, state.stay_id) == (False, True, None)


def test_the_newest_desired_state_counts_and_outlives_a_restart(tmp_path: Path) -> None:
    connection = open_database(tmp_path)
    assert save_desired(connection, desired(3, paused=True))
    assert not save_desired(connection, desired(3))
    assert not save_desired(connection, desired(2))
    connection.close()
    assert load_desired(open_database(tmp_path)) == desired(3, paused=True)


def test_a_pin_is_one_row_an_event(tmp_path: Path) -> None:
    connection = open_database(tmp_path)
    insert = "INSERT INTO pins (event_id, boot_id, start_mono_ns, end_mono_ns) VALUES ('e', 'b', 0, 1)"
    connection.execute(insert)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(insert)
