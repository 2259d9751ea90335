"""How a bed is, in lines for people: from its folder, whether or not the agent runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from edge_agent.database import database_path, open_database
from edge_agent.processes.heartbeat import HEARTBEAT_FILE
from edge_agent.ring.catalogue import newest_segment, oldest_segment, total_bytes, total_hours
from edge_agent.ring.folder import RUN, is_locked, prepare_folder
from edge_agent.ring.pins import pinned_bytes
from edge_agent.settings import Settings
from shared.clock import Clock, SystemClock, utc_text
from shared.contract import read_contract
from shared.errors import Refused
from shared.heartbeat import Heartbeat


def status_lines(settings: Settings, clock: Clock | None = None) -> Iterator[str]:
    """The lines. Raises Misconfigured when the folder is another bed's, Transient when the database is locked."""
    folder = settings.storage.folder
    yield f"bed       {settings.bed.site}/{settings.bed.bed} in {folder}"
    if not database_path(folder).exists():
        yield "agent     never ran here"
        return
    prepare_folder(folder, settings.bed.site, settings.bed.bed)
    running = is_locked(folder)
    yield f"agent     {'runs' if running else 'does not run'}"
    connection = open_database(folder)
    try:
        yield from _ring_lines(connection)
    finally:
        connection.close()
    heartbeat = _last_heartbeat(settings)
    if heartbeat is None:
        yield "heartbeat none yet"
        return
    age_s = ((clock or SystemClock()).utc_ns() - heartbeat.utc_ns) / 1e9
    yield f"heartbeat {age_s:.0f} s ago: camera {heartbeat.camera}, detector {heartbeat.release or 'silent'}"
    for process in heartbeat.processes if running else ():
        yield (
            f"process   {process.name:<10} {'runs' if process.running else 'ended':<6} {process.core_share:6.1%} of a core, "
            f"{process.rss_bytes / 1e6:.0f} MB, {process.restarts} restarts, progress {process.progress_age_s:.1f} s ago"
        )
    for alarm in heartbeat.alarms:
        yield f"alarm     {alarm}"


def _ring_lines(connection: sqlite3.Connection) -> Iterator[str]:
    oldest, newest = oldest_segment(connection), newest_segment(connection)
    if oldest is None or newest is None:
        yield "ring      empty"
    else:
        yield (
            f"ring      {total_hours(connection):.2f} h, {total_bytes(connection) / 1e9:.2f} GB, "
            f"{pinned_bytes(connection) / 1e9:.2f} GB pinned, from {utc_text(oldest.start_utc_ns)} to {utc_text(newest.end_utc_ns)}"
        )
    waiting = connection.execute("SELECT count(*) FROM messages").fetchone()[0]
    dead = connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
    yield f"outbox    {waiting} waiting, {dead} dead letters"


def _last_heartbeat(settings: Settings) -> Heartbeat | None:
    try:
        return read_contract(Heartbeat, (settings.storage.folder / RUN / HEARTBEAT_FILE).read_bytes())
    except (OSError, Refused):
        return None
