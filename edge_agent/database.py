"""The bed's one SQLite file: opened with the durability that the promises need, every table made if it is missing.

Connections are in autocommit mode; `transaction` is the one way to write several rows at once. Keep transactions short:
all processes of the bed write to this file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.outbox.schema import DDL as OUTBOX_DDL
from shared.errors import Broken, Transient

BUSY_TIMEOUT_MS = 10_000
RING_DDL = """
CREATE TABLE IF NOT EXISTS identity (
    one INTEGER PRIMARY KEY CHECK (one = 1), folder_id TEXT NOT NULL, site TEXT NOT NULL, bed TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS segments (
    sha256 TEXT PRIMARY KEY, segment_id TEXT NOT NULL UNIQUE, sequence INTEGER NOT NULL UNIQUE, boot_id TEXT NOT NULL,
    stay_id TEXT, start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL, start_utc_ns INTEGER NOT NULL,
    end_utc_ns INTEGER NOT NULL, size_bytes INTEGER NOT NULL, frames TEXT NOT NULL, file TEXT NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS segments_by_time ON segments (boot_id, start_mono_ns);
CREATE TABLE IF NOT EXISTS gaps (
    gap_id INTEGER PRIMARY KEY, stream TEXT NOT NULL, cause TEXT NOT NULL, boot_id TEXT NOT NULL,
    start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL, start_utc_ns INTEGER NOT NULL,
    end_utc_ns INTEGER NOT NULL, missing_frames INTEGER NOT NULL, UNIQUE (stream, cause, boot_id, start_mono_ns)
);
CREATE INDEX IF NOT EXISTS gaps_by_time ON gaps (boot_id, start_mono_ns);
CREATE TABLE IF NOT EXISTS ring_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS desired (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS garbage (file TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS evicted (
    sequence INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS pins (
    event_id TEXT PRIMARY KEY, boot_id TEXT NOT NULL, start_mono_ns INTEGER NOT NULL, end_mono_ns INTEGER NOT NULL
);
"""
_PRAGMAS = {"synchronous": 2, "foreign_keys": 1, "busy_timeout": BUSY_TIMEOUT_MS}


def database_path(folder: Path) -> Path:
    """Where the bed's database lies."""
    return folder / "edge.db"


def open_database(folder: Path) -> sqlite3.Connection:
    """A connection of the caller's own (one thread), rows by name, WAL and synchronous=FULL checked, tables made.

    Raises Transient when the file is locked for 10 s or the disk is full, Broken when it is damaged.
    """
    try:
        connection = sqlite3.connect(database_path(folder), timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
        connection.row_factory = sqlite3.Row
        _set_pragmas(connection)
        with transaction(connection):
            for statement in (RING_DDL + OUTBOX_DDL).split(";"):
                if statement.strip():
                    connection.execute(statement)
    except sqlite3.OperationalError as error:
        raise Transient(f"The database {database_path(folder)} cannot be opened now: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise Broken(f"The database {database_path(folder)} is damaged: {error}.") from error
    return connection


def _set_pragmas(connection: sqlite3.Connection) -> None:
    for name, value in _PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    for name, wanted in {**{key: str(value) for key, value in _PRAGMAS.items()}, "journal_mode": "wal"}.items():
        found = str(connection.execute(f"PRAGMA {name}").fetchone()[0])
        if found != wanted:
            raise Broken(
                f"SQLite does not keep {name} = {wanted} here (it says {found}): the disk's promises do not hold."
            )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """BEGIN IMMEDIATE … COMMIT; any exception rolls all of it back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
