"""How a bed is, in lines for people: from its folder, whether or not the agent runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from edge_agent.database import REPAIR, database_path, open_database
from edge_agent.live.privacy import is_private
from edge_agent.processes.heartbeat import HEARTBEAT_FILE
from edge_agent.ring.catalogue import newest_segment, oldest_segment, total_bytes, total_hours
from edge_agent.ring.disk_space import free_bytes_of
from edge_agent.ring.folder import RUN, is_locked, prepare_folder, times_opened
from edge_agent.ring.pins import pinned_bytes
from edge_agent.ring.promise import promise
from edge_agent.ring.scrub import week_share
from edge_agent.settings import Settings, StorageSettings
from shared.clock import Clock, SystemClock, utc_text
from shared.contract import read_contract
from shared.errors import Refused
from shared.heartbeat import Heartbeat


def status_lines(settings: Settings, clock: Clock | None = None) -> Iterator[str]:
    """The lines. Raises Misconfigured when the folder is another bed's, Transient when the database is locked."""
    folder = settings.storage.folder
    yield f"bed       {settings.bed.site}/{settings.bed.bed} in {folder}"
    if not database_path(folder).exists():
        used = times_opened(folder) > 0
        yield f"database  is missing; {REPAIR.format(folder=folder)}" if used else "agent     never ran here"
        return
    prepare_folder(folder, settings.bed.site, settings.bed.bed)
    running = is_locked(folder)
    yield f"agent     {'runs' if running else 'does not run'}"
    connection = open_database(folder)
    try:
        yield from _ring_lines(connection)
        yield from _promise_lines(connection, settings.storage)
    finally:
        connection.close()
    heartbeat = last_heartbeat(settings)
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
    yield from _recording_lines(heartbeat)
    yield from _live_lines(settings, heartbeat)
    for alarm in heartbeat.alarms:
        yield f"alarm     {alarm}"


def _live_lines(settings: Settings, heartbeat: Heartbeat) -> Iterator[str]:
    """Whether the bed can be watched, and who does."""
    if is_private(settings.storage.folder):
        yield "live      privacy is on: nobody can watch"
    elif not settings.live.network:
        yield "live      not set up: live.network is not given"
    else:
        yield f"live      can be watched by {settings.live.viewers} at once"
    for each in heartbeat.live.viewers if heartbeat.live is not None else ():
        yield f"live      {each.viewer} watches {each.stream.value} since {utc_text(each.since_utc_ns)}"


def _recording_lines(heartbeat: Heartbeat) -> Iterator[str]:
    """Coverage of the last hour and of all told hours by stream, and how the clocks run."""
    for stream, share in sorted(heartbeat.coverage_1h.items()):
        told = [hour.streams[stream] for hour in heartbeat.coverage_hours if stream in hour.streams]
        wanted, recorded = sum(each.wanted for each in told), sum(each.recorded for each in told)
        lost: dict[str, float] = {}
        for cause, part in (pair for each in told for pair in each.lost.items()):
            lost[cause.value] = lost.get(cause.value, 0.0) + 3600 * part
        causes = ", ".join(f"{seconds:.0f} s {cause}" for cause, seconds in sorted(lost.items())) or "nothing lost"
        day = f"{recorded / wanted:.2%} of {wanted:.2f} wanted h" if wanted else "nothing wanted"
        yield f"coverage  {stream.value:<6} {share:.2%} of the last hour, {day}: {causes}"
    clock = heartbeat.clock
    if clock is not None:
        drift = "not known yet" if clock.device_drift_ppm is None else f"{clock.device_drift_ppm:+.0f} ppm"
        wall = "not synchronised" if clock.utc_error_ns is None else f"right within {clock.utc_error_ns / 1e6:.0f} ms"
        faults = "".join(f", {count} {name}" for name, count in sorted(clock.faults.items()))
        yield f"clocks    camera {drift}, wall clock {wall}{faults}"


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


def _promise_lines(connection: sqlite3.Connection, storage: StorageSettings) -> Iterator[str]:
    found = promise(connection, storage.limits, free_bytes_of(storage.folder)())
    if found.rate_bytes_per_s:
        yield f"promise   {found.hours_promised:.1f} h of {storage.max_hours:g} h at {found.rate_bytes_per_s / 1e6:.1f} MB/s"
    damaged = connection.execute("SELECT count(*) FROM damaged").fetchone()[0]
    yield f"bytes     {week_share(connection):.0%} of the ring read again in the last week, {damaged} segments found damaged"


def last_heartbeat(settings: Settings) -> Heartbeat | None:
    """What the bed told last, by its folder; None when that is not there or not whole."""
    try:
        return read_contract(Heartbeat, (settings.storage.folder / RUN / HEARTBEAT_FILE).read_bytes())
    except (OSError, Refused):
        return None
