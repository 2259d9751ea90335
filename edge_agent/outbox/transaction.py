"""What the delivery side's writes share: a transaction whose failure is Transient, and durable counters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent import database
from shared.errors import Transient


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """`database.transaction`, for loops that live on: a locked database, a full disk or a failed write is Transient."""
    try:
        with database.transaction(connection):
            yield connection
    except sqlite3.OperationalError as error:
        raise Transient(f"The bed's database cannot be written now: {error}.") from error


def add_to_counter(connection: sqlite3.Connection, name: str, step: int = 1) -> int:
    """Adds to a durable counter (0 at first) and returns its new value; call it inside a transaction."""
    row = connection.execute(
        "INSERT INTO counters (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value",
        (name, step),
    ).fetchone()
    return int(row[0])


def read_counter(connection: sqlite3.Connection, name: str) -> int:
    """The value of a durable counter; 0 when it was never written."""
    row = connection.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0
