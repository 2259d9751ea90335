"""Dead letters: what is not delivered, kept with its reason for a person; what the person does; and the alarms that they raise.

Ending a letter is an explicit act: `retry` sends again, `give_up` ends the event's pin. Both are written down in `deeds`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge_agent.outbox.transaction import add_to_counter, read_counter

LETTER_LIMIT = 10_000
DEED_LIMIT = 10_000
LETTERS_DROPPED = "dead_letters_dropped"
NEARLY_FULL_MESSAGES = 40_000
ALARMS_TOLD = 8


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
    """Inside the caller's transaction. Past `LETTER_LIMIT` the oldest letter goes and is counted; its event and pin stay."""
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


def letters_of(connection: sqlite3.Connection, event_id: str) -> list[DeadLetter]:
    """The dead letters of one event, oldest first."""
    found = connection.execute(
        "SELECT kind, event_id, sequence, reason, utc_ns FROM dead_letters WHERE event_id = ? ORDER BY number",
        (event_id,),
    )
    return [DeadLetter(*row) for row in found]


def note_deed(connection: sqlite3.Connection, deed: str, event_id: str, reason: str, utc_ns: int) -> None:
    """Inside the caller's transaction: what a person did with a letter; the newest ten thousand are kept."""
    connection.execute(
        "INSERT INTO deeds (deed, event_id, reason, utc_ns) VALUES (?, ?, ?, ?)", (deed, event_id, reason, utc_ns)
    )
    connection.execute("DELETE FROM deeds WHERE number <= (SELECT max(number) FROM deeds) - ?", (DEED_LIMIT,))


def set_alarm(connection: sqlite3.Connection, name: str, sentence: str | None, utc_ns: int) -> None:
    """Raises, changes or (None) ends one standing alarm of the delivery side; the caller may be in a transaction or not."""
    if sentence is None:
        connection.execute("DELETE FROM alarms WHERE name = ?", (name,))
        return
    connection.execute(
        "INSERT INTO alarms (name, sentence, utc_ns) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
        " SET sentence = excluded.sentence, utc_ns = excluded.utc_ns",
        (name, sentence[:400], utc_ns),
    )


def delivery_alarms(connection: sqlite3.Connection) -> list[str]:
    """Sentences for the heartbeat: an outbox that fills, dead letters, what the link found. Empty when all is well."""
    alarms = []
    waiting = connection.execute("SELECT count(*) FROM messages").fetchone()[0]
    if waiting >= NEARLY_FULL_MESSAGES:
        alarms.append(
            f"{waiting} messages wait for the cloud's receipt; from 50000 on new events are parked at the bed."
        )
    parked = connection.execute("SELECT count(*) FROM dead_letters WHERE kind = 'event'").fetchone()[0]
    if parked:
        alarms.append(f"{parked} events are parked at the bed until the outbox has room.")
    letters = connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
    if letters:
        newest = dead_letters(connection, 1)[0]
        alarms.append(f"{letters} dead letters; the newest: {newest.reason}"[:400])
    dropped = read_counter(connection, LETTERS_DROPPED)
    if dropped:
        alarms.append(f"{dropped} dead letters were dropped for want of room; their events and pins are kept.")
    found = connection.execute("SELECT sentence FROM alarms ORDER BY name LIMIT ?", (ALARMS_TOLD,))
    return alarms + [str(row[0]) for row in found]
