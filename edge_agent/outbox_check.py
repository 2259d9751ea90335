"""Proves from outside what the bed owes the cloud (I4, and the delivery's part of I3), and writes its history for the cloud's check.

In: a bed's folder, agent running or not. Out: faults as sentences; pages of the history as lines. Nothing is changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edge_agent.clips.store import KEPT_FINISHED
from edge_agent.database import REPAIR, database_path
from edge_agent.outbox.dead_letters import LETTERS_DROPPED, delivery_alarms
from edge_agent.outbox.history import History
from edge_agent.outbox.store import MESSAGE_SEQUENCE, Outbox
from edge_agent.outbox.transaction import read_counter
from edge_agent.ring.folder import read_identity
from shared.errors import Broken
from shared.history_file import HistoryHead
from shared.ids import uuid7
from shared.reconciliation import PAGE_MESSAGES

MOST_TOLD = 1_000
OVERLAP = 100
"""Events whose messages may lie among one another; below them a number may belong to an event that was forgotten."""
_HOLES = (
    "WITH numbers AS (SELECT sequence FROM messages UNION SELECT sequence FROM delivered"
    " UNION SELECT sequence FROM dead_letters WHERE sequence NOT NULL),"
    " steps AS (SELECT sequence, lag(sequence, 1, 0) OVER (ORDER BY sequence) AS previous FROM numbers)"
    " SELECT previous + 1, sequence - 1 FROM steps WHERE sequence > previous + 1 ORDER BY 1 LIMIT ?"
)
_FLOOR = (
    "SELECT max(sequence) FROM delivered WHERE event_id IN (SELECT event_id FROM clips"
    " WHERE stage IN ('stored', 'released') ORDER BY event_id LIMIT ?)"
)
_STATEMENTS = {
    "clip {0} waits to be sent and nothing holds its segments": (
        "SELECT event_id FROM clips WHERE stage IN ('recording', 'ready')"
        " AND event_id NOT IN (SELECT event_id FROM pins) LIMIT ?"
    ),
    "clip {0} is dead and no dead letter says why": (
        "SELECT event_id FROM clips WHERE stage = 'dead' AND event_id NOT IN (SELECT event_id FROM dead_letters) LIMIT ?"
    ),
    "event {0} has no clip": "SELECT event_id FROM events WHERE event_id NOT IN (SELECT event_id FROM clips) LIMIT ?",
    "event {0} was never told to the cloud and nothing waits to tell it": (
        "SELECT event_id FROM events WHERE known = 0 AND phase = 'closed'"
        " AND event_id NOT IN (SELECT event_id FROM messages) AND event_id NOT IN (SELECT event_id FROM dead_letters)"
        " AND event_id NOT IN (SELECT event_id FROM deeds) LIMIT ?"
    ),
}


def outbox_faults(folder: Path) -> Iterator[str]:
    """Every number is waiting, delivered or a dead letter; what waits is pinned; what is dead is visible and raises an alarm.

    Numbers of events that the bed has forgotten (it keeps 5,000 finished ones) are not looked for; numbers of events that a
    person gave up are gone by that deed, and so are those that a repaired database lost. Raises Broken when the database cannot be read.
    """
    with _read_only(folder) as connection:
        yield from _holes(connection)
        for sentence, query in _STATEMENTS.items():
            for row in connection.execute(query, (MOST_TOLD,)):
                yield sentence.format(row[0])
        letters = connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
        if letters and not delivery_alarms(connection):
            yield f"{letters} dead letters raise no alarm"


def _holes(connection: sqlite3.Connection) -> Iterator[str]:
    if connection.execute("SELECT 1 FROM deeds WHERE deed IN ('given_up', 'database_lost') LIMIT 1").fetchone():
        return
    if read_counter(connection, LETTERS_DROPPED):
        return
    finished = connection.execute("SELECT count(*) FROM clips WHERE stage IN ('stored', 'released')").fetchone()[0]
    floor = 0
    if finished >= KEPT_FINISHED:
        floor = connection.execute(_FLOOR, (OVERLAP,)).fetchone()[0] or 0
    for first, last in connection.execute(_HOLES, (MOST_TOLD,)):
        if last > floor:
            yield _hole(max(first, floor + 1), last)
    highest = read_counter(connection, MESSAGE_SEQUENCE)
    top = max(
        connection.execute(f"SELECT coalesce(max(sequence), 0) FROM {table}").fetchone()[0]  # noqa: S608
        for table in ("messages", "delivered", "dead_letters")
    )
    if highest > max(top, floor):
        yield _hole(max(top, floor) + 1, highest)


def _hole(first: int, last: int) -> str:
    which = f"message {first} is" if first == last else f"messages {first} to {last} are"
    return f"{which} neither waiting, nor delivered, nor a dead letter"


def history_lines(folder: Path, utc_ns: int) -> Iterator[str]:
    """The bed's history as JSON lines: who it is, then pages from the newest down. The cloud's check compares it with its own."""
    identity = read_identity(folder)
    with _read_only(folder) as connection:
        history = History(connection, Outbox(connection, identity.site, identity.bed))
        yield HistoryHead(site=identity.site, bed=identity.bed, written_utc_ns=utc_ns).model_dump_json()
        run, above, number = uuid7(utc_ns), None, 0
        while above is None or above > 0:
            page = history.page(run, number, above, PAGE_MESSAGES)
            yield page.model_dump_json()
            above, number = page.first - 1, number + 1


@contextmanager
def _read_only(folder: Path) -> Iterator[sqlite3.Connection]:
    """Damage may show at any row; it is one sentence wherever it does."""
    path = database_path(folder)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection
    except sqlite3.DatabaseError as error:
        raise Broken(f"The database {path} cannot be read: {error}; {REPAIR.format(folder=folder)}.") from error
