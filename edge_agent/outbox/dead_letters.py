"""Dead letters: what will never be delivered, kept with its reason for a person; and the alarms that they raise."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge_agent.outbox.transaction import add_to_counter, read_counter

LETTER_LIMIT = 10_000
LETTERS_DROPPED = "dead_letters_dropped"
NEARLY_FULL_MESSAGES = 40_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One thing that was not delivered. kind: message, clip or event; sequence is None but for messages."""

    kind: str
    event_id: str
    sequence: int | None
    reason: str
    utc_ns: int


def add_dead_letter(
    connection: sqlite3.Connection,
    kind: str,
    event_id: str,
    reason: str,
    utc_ns: int,
    *,
    sequence: int | None = None,
    body: bytes | None = None,
) -> None:
    """Inside the caller's transaction. Past `LETTER_LIMIT` the oldest letter goes and is counted."""
    connection.execute(
        "INSERT INTO dead_letters (kind, event_id, sequence, body, reason, utc_ns) VALUES (?, ?, ?, ?, ?, ?)",
        (kind, event_id, sequence, body, reason, utc_ns),
    )
    dropped = connection.execute(
        "DELETE FROM dead_letters WHERE number <= (SELECT max(number) FROM dead_letters) - ?", (LETTER_LIMIT,)
    ).rowcount
    if dropped:
        add_to_counter(connection, LETTERS_DROPPED, dropped)


def dead_letters(connection: sqlite3.Connection, limit: int = 100) -> list[DeadLetter]:
    """The newest dead letters, newest first."""
    found = connection.execute(
        "SELECT kind, event_id, sequence, reason, utc_ns FROM dead_letters ORDER BY number DESC LIMIT ?", (limit,)
    )
    return [DeadLetter(*row) for row in found]


def delivery_alarms(connection: sqlite3.Connection) -> list[str]:
    """Sentences for the heartbeat: an outbox that fills, dead letters, events that were refused. Empty when all is well."""
    alarms = []
    waiting = connection.execute("SELECT count(*) FROM messages").fetchone()[0]
    if waiting >= NEARLY_FULL_MESSAGES:
        alarms.append(f"{waiting} messages wait for the cloud's receipt; at 50000 new events are refused.")
    letters = connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
    if letters:
        newest = dead_letters(connection, 1)[0]
        alarms.append(f"{letters} dead letters; the newest: {newest.reason}"[:400])
    dropped = read_counter(connection, LETTERS_DROPPED)
    if dropped:
        alarms.append(f"{dropped} dead letters were dropped for want of room.")
    return alarms
