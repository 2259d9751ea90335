"""Reads what can still be read of a damaged database, table by table and row by row, into a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

REBUILT = frozenset({"identity", "segments", "garbage", "ring_sums", "boots", "sqlite_sequence"})
"""Tables that are made anew: from the files, or by the new database itself."""
MOST_TRIES = 10_000
"""So many times reading may fail in one table before the rest of it is given up."""
Say = Callable[[str], None]


def salvage(damaged: Path, connection: sqlite3.Connection, say: Say) -> None:
    """Copies every readable row of every table that both databases have, and says what was kept and what was lost."""
    try:
        old = sqlite3.connect(f"{damaged.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        old.row_factory = sqlite3.Row
        kept = {row[0] for row in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        say(f"No row of {damaged.name} can be read ({error}): events, messages, pins and gaps in it are lost.")
        return
    connection.execute("PRAGMA foreign_keys = 0")
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    for table in [table for table in tables if table not in REBUILT and not table.startswith("sqlite_")]:
        if table in kept:
            _copy(old, connection, table, say)
    old.close()
    _drop_orphans(connection, say)
    connection.execute("PRAGMA foreign_keys = 1")


def _copy(old: sqlite3.Connection, connection: sqlite3.Connection, table: str, say: Say) -> None:
    columns = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
    written = failed = 0
    connection.execute("BEGIN IMMEDIATE")
    for row in _readable(old, table):
        if row is None:
            failed += 1
            continue
        names = [name for name in row.keys() if name in columns]  # noqa: SIM118 - a Row is not a mapping
        places = ", ".join("?" * len(names))
        try:
            into = f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - our own tables
            connection.execute(into, [row[name] for name in names])
            written += 1
        except sqlite3.IntegrityError:
            failed += 1
    connection.execute("COMMIT")
    if written or failed:
        lost = f"; {failed} places of it could not be read, their rows are lost" if failed else ""
        say(f"Table {table}: {written} rows kept{lost}.")


def _readable(old: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row | None]:
    """Each row that can be read, None for each place that cannot: behind one, reading goes on at growing distance."""
    reached, step = -(1 << 62), 1
    rows = f"SELECT rowid AS salvaged_rowid, * FROM {table} WHERE rowid > ? ORDER BY rowid"  # noqa: S608 - our own tables
    for _ in range(MOST_TRIES):
        try:
            for row in old.execute(rows, (reached,)):
                reached, step = row["salvaged_rowid"], 1
                yield row
        except sqlite3.DatabaseError:
            yield None
            reached, step = max(0, reached) + step, step * 2
            if reached > 1 << 62:
                return
        else:
            return


def _drop_orphans(connection: sqlite3.Connection, say: Say) -> None:
    """Rows that name a lost row of another table mean nothing any more."""
    while found := connection.execute("PRAGMA foreign_key_check").fetchall():
        for row in found:
            connection.execute(f"DELETE FROM {row['table']} WHERE rowid = ?", (row["rowid"],))  # noqa: S608 - our own tables
        say(f"{len(found)} rows were dropped because the row that they belong to is lost.")
