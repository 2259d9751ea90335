"""Mends a bed's folder with the agent stopped: a new catalogue from the files, what is damaged put aside, each deed said.

Nothing is deleted but empty open files and files that the garbage list names: a damaged database and damaged segments are
kept. What no file and no gap explains afterwards becomes a gap of cause `disk`, so that the ledger is whole again.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_agent.database import database_path, make_database, transaction
from edge_agent.outbox.dead_letters import note_deed
from edge_agent.outbox.store import MESSAGE_SEQUENCE, MQTT_SESSION
from edge_agent.ring.catalogue import insert_gap, segments_in_order
from edge_agent.ring.damage import put_damaged_aside
from edge_agent.ring.folder import OPEN, SEGMENTS, Identity, locked, read_identity, refuse_while_running, sync_folder
from edge_agent.ring.opening import count_opening, damage_of, sound_identity
from edge_agent.ring.quarantine import put_aside
from edge_agent.ring.recovery import LEFT, finish_quarantines, finish_removals, recover
from edge_agent.ring.ring_check import faults_of_file
from edge_agent.ring.salvage import Say, salvage
from edge_agent.ring.time_check import Hole, time_faults
from shared.clock import NS_PER_S, Clock
from shared.errors import Broken
from shared.gap import Gap, GapCause

LOST_COUNTER_STEP = 1_000_000
"""Message numbers are never given twice: where the counter was lost it goes on so far above the highest that is known."""


def repair(folder: Path, clock: Clock, say: Say, *, read_data: bool = False) -> None:
    """Everything that can be mended. Raises Transient while the agent runs, Misconfigured for the folder of no bed."""
    identity = read_identity(folder)
    with locked(folder, "supervisor"):
        refuse_while_running(folder)
        connection, rebuilt = _sound_database(folder, clock, say)
        try:
            _settle_identity(folder, connection, identity, say)
            _finish(folder, connection, say)
            _put_damaged_aside(folder, connection, clock, say, read_data=read_data)
            _take_in(folder, connection, say)
            _settle_numbers(connection)
            _settle_counters(connection, clock, rebuilt=rebuilt)
            _explain_holes(connection, say)
        finally:
            connection.close()


def _sound_database(folder: Path, clock: Clock, say: Say) -> tuple[sqlite3.Connection, bool]:
    """A connection to a database without a fault, and whether it is a new one."""
    path = database_path(folder)
    if not path.exists():
        _put_database_aside(path, clock)
        say(
            f"{path.name} was missing: a new one is made from the files; pins, events and messages of the old one are lost."
        )
        return make_database(folder), True
    try:
        connection = make_database(folder)
        damage = damage_of(connection, "integrity_check")
    except Broken as error:
        damage = error.sentence
    else:
        if damage is None:
            return connection, False
        connection.close()
    aside = _put_database_aside(path, clock)
    say(f"{path.name} was damaged ({damage}): it is kept as {aside.name}, and a new one is made from the files.")
    connection = make_database(folder)
    salvage(aside, connection, say)
    return connection, True


def _put_database_aside(path: Path, clock: Clock) -> Path:
    """With its log, which must not be taken for the log of the new one."""
    aside = path.with_name(f"{path.name}.damaged-{clock.utc_ns()}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    sync_folder(path.parent)
    return aside


def _settle_identity(folder: Path, connection: sqlite3.Connection, identity: Identity, say: Say) -> None:
    row = connection.execute("SELECT site, bed FROM identity").fetchone()
    if row is not None and (row["site"], row["bed"]) != (identity.site, identity.bed):
        raise Broken(
            f"The database {database_path(folder)} is that of bed {row['bed']} of site {row['site']}, the folder that of bed "
            f"{identity.bed} of site {identity.site}: nothing is mended; put the right database here, or move it away."
        )
    sentence = sound_identity(connection, folder, identity)
    if sentence is not None:
        connection.execute("DELETE FROM identity")
        say(f"From now on they belong together: {sentence}")
        count_opening(connection, folder, identity)


def _finish(folder: Path, connection: sqlite3.Connection, say: Say) -> None:
    listed = connection.execute("SELECT file FROM garbage JOIN segments USING (file)").fetchall()
    for row in listed:
        connection.execute("DELETE FROM garbage WHERE file = ?", (row["file"],))
        say(f"{SEGMENTS}/{row['file']} is catalogued and stays: it was taken off the garbage list.")
    garbage = connection.execute("SELECT count(*) FROM garbage").fetchone()[0]
    finish_removals(folder, connection)
    if garbage:
        say(f"{garbage} removals that were begun are finished.")
    finish_quarantines(folder, connection)


def _put_damaged_aside(
    folder: Path, connection: sqlite3.Connection, clock: Clock, say: Say, *, read_data: bool
) -> None:
    for row in segments_in_order(connection):
        for fault in faults_of_file(folder, row, connection, read_data=read_data):
            put_damaged_aside(folder, connection, row, fault.sentence, clock.utc_ns())
            say(f"{fault.sentence} It left the catalogue; what is there of it is in quarantine.")


def _take_in(folder: Path, connection: sqlite3.Connection, say: Say) -> None:
    for path in sorted((folder / OPEN).iterdir()):
        if path.suffix not in {".part", LEFT} or not path.is_file():
            put_aside(folder, path)
            say(f"{OPEN}/{path.name} is no open segment: it is in quarantine.")
    done = recover(folder, connection)
    for row in sorted(done.sealed, key=lambda row: row.sequence)[:100]:
        say(f"Segment {row.sequence} ({row.file}) had no row: it is catalogued.")
    if len(done.sealed) > 100:
        say(f"And {len(done.sealed) - 100} more segments had no row: they are catalogued.")
    for name in done.quarantined:
        say(f"{name} cannot be trusted: it is in quarantine.")


def _settle_numbers(connection: sqlite3.Connection) -> None:
    """No number is given twice, sums and the order of boots are those of the rows."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO ring_state (name, value) SELECT 'next_sequence', COALESCE(MAX(number), -1) + 1 FROM (SELECT "
            "MAX(sequence) AS number FROM segments UNION ALL SELECT MAX(sequence) FROM evicted UNION ALL SELECT "
            "MAX(sequence) FROM damaged) WHERE true ON CONFLICT (name) DO UPDATE SET value = MAX(value, excluded.value)"
        )
        connection.execute("DELETE FROM ring_sums")
        connection.execute(
            "INSERT INTO ring_sums SELECT 1, count(*), COALESCE(SUM(size_bytes), 0), "
            "COALESCE(SUM((lane <> 'colour') * (end_mono_ns - start_mono_ns)), 0), "
            "COALESCE(MAX(end_mono_ns - start_mono_ns), 0) FROM segments"
        )
        known = dict(connection.execute("SELECT boot_id, on_ns FROM boots").fetchall())
        connection.execute("DELETE FROM boots")
        for row in connection.execute(
            "SELECT boot_id, MAX(end_mono_ns) AS end_ns FROM segments GROUP BY boot_id ORDER BY MIN(sequence)"
        ).fetchall():
            on_ns = max(row["end_ns"], known.get(row["boot_id"], 0))
            connection.execute("INSERT INTO boots (boot_id, on_ns) VALUES (?, ?)", (row["boot_id"], on_ns))


def _settle_counters(connection: sqlite3.Connection, clock: Clock, *, rebuilt: bool) -> None:
    """Counters that were lost go on above whatever they can have been: the cloud takes a lower number for an old one.

    In a new database that is the wall clock's second, which no bed counts as fast as.
    """
    newest = connection.execute("SELECT COALESCE(MAX(sequence), 0) FROM messages").fetchone()[0]
    least = clock.utc_ns() // NS_PER_S if rebuilt else 0
    if rebuilt:
        reason = "The database was missing or damaged: messages that only it held are lost."
        note_deed(connection, "database_lost", "", reason, clock.utc_ns())
    for name, value in ((MESSAGE_SEQUENCE, newest + LOST_COUNTER_STEP if newest else 0), (MQTT_SESSION, 0)):
        if max(value, least):
            connection.execute(
                "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                (name, max(value, least)),
            )


def _explain_holes(connection: sqlite3.Connection, say: Say) -> None:
    for hole in [found for found in time_faults(connection) if isinstance(found, Hole)]:
        insert_gap(connection, _gap_of(connection, hole))
        say(f"{hole.sentence} It is a gap of cause disk now.")


def _gap_of(connection: sqlite3.Connection, hole: Hole) -> Gap:
    """The wall time comes from the nearest later segment of the boot, the number of frames from its rate."""
    row = connection.execute(
        "SELECT start_mono_ns, end_mono_ns, start_utc_ns, json_extract(frames, '$.' || ?) AS frames FROM segments "
        "WHERE boot_id = ? AND start_mono_ns >= ? ORDER BY start_mono_ns LIMIT 1",
        (hole.stream.value, hole.boot_id, hole.end_mono_ns),
    ).fetchone()
    length_ns = hole.end_mono_ns - hole.start_mono_ns
    offset_ns = 0 if row is None else row["start_utc_ns"] - row["start_mono_ns"]
    per_ns = (
        30 / NS_PER_S
        if row is None or not row["frames"]
        else row["frames"] / (row["end_mono_ns"] - row["start_mono_ns"])
    )
    return Gap(
        stream=hole.stream, cause=GapCause.disk, boot_id=hole.boot_id, start_mono_ns=hole.start_mono_ns,
        end_mono_ns=hole.end_mono_ns, start_utc_ns=max(0, hole.start_mono_ns + offset_ns),
        end_utc_ns=max(0, hole.end_mono_ns + offset_ns), missing_frames=round(length_ns * per_ns),
    )  # fmt: skip
