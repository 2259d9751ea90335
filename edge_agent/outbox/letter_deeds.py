"""What a person does with a dead letter: send it again, or give it up and with it the event's pin. Each deed is written down."""

from __future__ import annotations

import sqlite3

from edge_agent.outbox.dead_letters import letters_of, note_deed
from edge_agent.outbox.store import Outbox
from edge_agent.outbox.transaction import transaction
from shared.errors import Refused

REASON_LIMIT = 400


def retry(connection: sqlite3.Connection, outbox: Outbox, event_id: str, utc_ns: int) -> list[int]:
    """Queues the event's newest report under the numbers of its dead messages, and lets its clip go on.

    Returns the sequence numbers that wait now. Raises Refused when the event has no dead letter or no row any more.
    """
    with transaction(connection):
        letters = letters_of(connection, event_id)
        if not letters:
            raise Refused(f"There is no dead letter of event {event_id}.", event_id=event_id)
        numbers = {letter.sequence for letter in letters if letter.kind != "clip"}
        queued = [outbox.queue_again(event_id, utc_ns, number) for number in sorted(numbers, key=lambda n: n or 0)]
        if numbers and not any(queued):
            raise Refused(f"The bed has no report of event {event_id} any more; give it up.", event_id=event_id)
        connection.execute(
            "UPDATE clips SET stage = CASE WHEN manifest IS NULL THEN 'recording' ELSE 'ready' END, reason = ''"
            " WHERE event_id = ? AND stage = 'dead'",
            (event_id,),
        )
        connection.execute("DELETE FROM dead_letters WHERE event_id = ?", (event_id,))
        note_deed(
            connection, "retried", event_id, "; ".join(letter.reason for letter in letters)[:REASON_LIMIT], utc_ns
        )
    return [sequence for sequence in queued if sequence is not None]


def give_up(connection: sqlite3.Connection, event_id: str, reason: str, utc_ns: int) -> int:
    """Ends the event's letters and its pin: the evictor may take its segments. Returns how many letters ended.

    Raises Refused when the event has no dead letter, without a reason, and for an event of which a message still waits.
    """
    if not reason.strip():
        raise Refused("Giving up an event needs a reason.")
    with transaction(connection):
        count = len(letters_of(connection, event_id))
        if not count:
            raise Refused(f"There is no dead letter of event {event_id}.", event_id=event_id)
        if connection.execute("SELECT 1 FROM messages WHERE event_id = ? LIMIT 1", (event_id,)).fetchone():
            raise Refused(f"A message of event {event_id} still waits for its receipt; it is not given up.")
        connection.execute(
            "UPDATE clips SET stage = 'released', reason = ? WHERE event_id = ? AND stage IN ('recording', 'ready', 'dead')",
            (f"given up: {reason}"[:REASON_LIMIT], event_id),
        )
        connection.execute("DELETE FROM pins WHERE event_id = ?", (event_id,))
        connection.execute("DELETE FROM dead_letters WHERE event_id = ?", (event_id,))
        note_deed(connection, "given_up", event_id, reason[:REASON_LIMIT], utc_ns)
    return count
