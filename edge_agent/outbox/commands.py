"""What `deepepil-edge outbox` does: opens the bed's database beside the running agent, which sees the change within a second."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from edge_agent.database import database_path, open_database
from edge_agent.outbox import letter_deeds
from edge_agent.outbox.dead_letters import dead_letters
from edge_agent.outbox.store import Outbox
from edge_agent.ring.folder import prepare_folder
from edge_agent.settings import Settings
from shared.clock import SystemClock, utc_text
from shared.errors import Misconfigured

_log = structlog.get_logger(__name__)


@contextmanager
def _opened(settings: Settings) -> Iterator[sqlite3.Connection]:
    folder = settings.storage.folder
    if not database_path(folder).exists():
        raise Misconfigured(f"No agent ever ran in {folder}.")
    prepare_folder(folder, settings.bed.site, settings.bed.bed)
    connection = open_database(folder)
    try:
        yield connection
    finally:
        connection.close()


def letter_lines(settings: Settings, limit: int) -> Iterator[str]:
    """One line a dead letter, newest first. Raises Misconfigured where no agent ever ran, Transient on a locked database."""
    with _opened(settings) as connection:
        found = dead_letters(connection, limit)
    for letter in found:
        number = f"message {letter.sequence}" if letter.sequence is not None else letter.kind
        yield f"{utc_text(letter.utc_ns)}  {letter.event_id}  {number}: {letter.reason}"
    if not found:
        yield "no dead letters"


def retry_event(settings: Settings, event_id: str) -> str:
    """Raises Refused when the event has no dead letter."""
    with _opened(settings) as connection:
        outbox = Outbox(connection, settings.bed.site, settings.bed.bed)
        queued = letter_deeds.retry(connection, outbox, event_id, SystemClock().utc_ns())
    _log.warning("dead_letter_retried", event_id=event_id, sequences=queued)
    return f"event {event_id}: {len(queued)} messages wait again"


def give_up_event(settings: Settings, event_id: str, reason: str) -> str:
    """Raises Refused without a reason, and when the event has no dead letter or a message that still waits."""
    with _opened(settings) as connection:
        count = letter_deeds.give_up(connection, event_id, reason, SystemClock().utc_ns())
    _log.warning("dead_letter_given_up", event_id=event_id, reason=reason)
    return f"event {event_id}: given up, {count} dead letters ended; its segments may go"
