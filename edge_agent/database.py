"""The bed's one SQLite file: opened with the durability that the promises need, every table made if it is missing.

Connections are in autocommit mode; `transaction` is the one way to write several rows at once. Keep transactions short:
all processes of the bed write to this file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.outbox.schema import DDL as OUTBOX_DDL
from edge_agent.pulls.schema import DDL as PULLS_DDL
from edge_agent.releases.schema import DDL as RELEASES_DDL
from edge_agent.ring.schema import ADDED_COLUMNS, FIRST_SUMS
from edge_agent.ring.schema import DDL as RING_DDL
from shared.errors import Broken, Misconfigured, Transient

BUSY_TIMEOUT_MS = 10_000
BRIEF_TIMEOUT_MS = 100
SCHEMA_VERSION = 2
"""In the file as `user_version`; a higher one was written by software that this one does not know."""
REPAIR = "`deepepil-edge check {folder} --repair` rebuilds it from the files and keeps the old one"
_PRAGMAS = {"synchronous": 2, "foreign_keys": 1, "busy_timeout": BUSY_TIMEOUT_MS}


def database_path(folder: Path) -> Path:
    """Where the bed's database lies."""
    return folder / "edge.db"


def open_database(folder: Path) -> sqlite3.Connection:
    """A connection of the caller's own (one thread), rows by name, WAL and synchronous=FULL checked, tables made.

    Raises Transient when the file is locked for 10 s or the disk is full, Broken when it is damaged or missing beside
    recorded segments, Misconfigured when newer software wrote it.
    """
    if not database_path(folder).exists() and _holds_segments(folder):
        raise Broken(
            f"The database {database_path(folder)} is missing although the folder holds segments; {REPAIR.format(folder=folder)}."
        )
    return make_database(folder)


def make_database(folder: Path) -> sqlite3.Connection:
    """As `open_database`, and a new one where there is none, whatever the folder holds."""
    try:
        connection = sqlite3.connect(database_path(folder), timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
        connection.row_factory = sqlite3.Row
        _set_pragmas(connection)
        _refuse_future(connection, folder)
        with transaction(connection):
            _add_columns(connection)
            for statement in _statements(RING_DDL + OUTBOX_DDL + PULLS_DDL + RELEASES_DDL):
                connection.execute(statement)
            if connection.execute("SELECT 1 FROM ring_sums").fetchone() is None:
                for statement in _statements(FIRST_SUMS):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except sqlite3.OperationalError as error:
        raise Transient(f"The database {database_path(folder)} cannot be opened now: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise Broken(
            f"The database {database_path(folder)} is damaged: {error}; {REPAIR.format(folder=folder)}."
        ) from error
    return connection


def _holds_segments(folder: Path) -> bool:
    try:
        with os.scandir(folder / "segments") as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def _refuse_future(connection: sqlite3.Connection, folder: Path) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > SCHEMA_VERSION:
        connection.close()
        raise Misconfigured(
            f"The database {database_path(folder)} was written by newer software (version {found} of its tables, this one "
            f"knows {SCHEMA_VERSION}): install that software again."
        )


def refuse_other_tables(connection: sqlite3.Connection, folder: Path) -> None:
    """For who only reads: the tables must be those that this software makes. Raises Misconfigured, Transient."""
    _refuse_future(connection, folder)
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found < SCHEMA_VERSION:
        raise Transient(
            f"The database {database_path(folder)} has the tables of older software (version {found}, this one reads "
            f"{SCHEMA_VERSION}): start the agent once, it takes them over."
        )


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one at a time: those of a trigger stay together."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _add_columns(connection: sqlite3.Connection) -> None:
    """Before the tables are made: an index or a trigger may name the column. Tables that are still to come have it."""
    for table, column, kind in ADDED_COLUMNS:
        known = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
        if known and column not in known:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def wait_briefly(connection: sqlite3.Connection) -> None:
    """For a loop that may not stand still: a lock is waited for `BRIEF_TIMEOUT_MS` only, the caller tries again later."""
    connection.execute(f"PRAGMA busy_timeout = {BRIEF_TIMEOUT_MS}")


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
