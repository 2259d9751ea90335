"""What is wrong with this bed, in plain words: from its settings, its folder, its newest heartbeat and the network.

Nothing is written. Root takes the name of the folder's owner first: a file that root makes there would shut the agent out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.database import database_path, open_database
from edge_agent.process_table import ROWS
from edge_agent.ring.folder import is_locked, on_own_disk
from edge_agent.settings import Settings
from edge_agent.status import last_heartbeat
from shared.clock import NS_PER_S, Clock
from shared.errors import Transient
from shared.finding import Finding, Reach, certificate_findings
from shared.heartbeat import Heartbeat
from shared.software import software_version

SILENT_S = 30.0
"""The agent tells its health each five seconds."""
_PAGES = (
    (("certificate",), "key-rotation"),
    (("damaged", "quarantine"), "replace-a-box"),
    (("The disk is full", "over its limit", "inodes", "The ring grows"), "disk-full"),
    (("receipt", "parked", "broker", "cloud", "No clip", "another agent"), "lost-network"),
)


def page_of(alarm: str) -> str:
    """The runbook page of a heartbeat's alarm, by its words."""
    return next((page for words, page in _PAGES if any(word in alarm for word in words)), "trouble")


def act_as_owner(folder: Path) -> None:
    """Root becomes the folder's owner for the rest of this program; anybody else stays who they are."""
    if os.geteuid() != 0 or not folder.exists():
        return
    owner = folder.stat()
    if owner.st_uid:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def examine(settings: Settings, clock: Clock, reach: Reach) -> list[Finding]:
    """All that is wrong, most fundamental first; empty when the bed is well."""
    found = [*_disk(settings)]
    if settings.mqtt.certificate_file is not None:
        found += certificate_findings(settings.mqtt.certificate_file, clock.utc_ns())
    heartbeat, silent = _heard(settings, clock)
    found += [*silent, *_network(settings, reach)]
    if heartbeat is not None:
        known = {each.sentence for each in found}
        found += [Finding(alarm, page_of(alarm)) for alarm in heartbeat.alarms if alarm not in known]
    return found


def after_upgrade(settings: Settings, clock: Clock) -> list[Finding]:
    """What a version that was just started must show: its own heartbeat, every loop's progress, an open camera, scores.

    Coverage of the last hour is not looked at: it holds the restart.
    """
    heartbeat, found = _heard(settings, clock)
    if heartbeat is None:
        return found
    return [Finding(sentence, "upgrade") for sentence in _not_yet(heartbeat)]


def refuse_upgrade_now(settings: Settings) -> None:
    """Raises Transient while an event is open. A bed that never ran may be upgraded."""
    folder = settings.storage.folder
    if not database_path(folder).exists():
        return
    connection = open_database(folder)
    try:
        (count,) = connection.execute("SELECT count(*) FROM events WHERE phase <> 'closed'").fetchone()
    finally:
        connection.close()
    if count:
        raise Transient(f"{count} events are open; an upgrade waits until they are closed.", events=count)


def _not_yet(heartbeat: Heartbeat) -> Iterator[str]:
    if heartbeat.version != software_version():
        yield f"The agent that runs is version {heartbeat.version}, not {software_version()}."
    known = {process.name: process for process in heartbeat.processes}
    for row in ROWS:
        process = known.get(row.name)
        if process is None or not process.running:
            yield f"{row.name} does not run."
        elif process.progress_age_s > row.progress_s:
            yield f"{row.name} makes no progress for {process.progress_age_s:.0f} s."
    if heartbeat.paused:
        return
    if heartbeat.camera != "open":
        yield f"The camera is not open: {heartbeat.camera.rstrip('.')}."
    if heartbeat.release is None:
        yield "The detector gives no scores."


def _disk(settings: Settings) -> Iterator[Finding]:
    storage = settings.storage
    if storage.own_disk and not on_own_disk(storage.folder):
        yield Finding(f"{storage.folder} lies on the system's disk: its own is not mounted.", "disk-full")


def _heard(settings: Settings, clock: Clock) -> tuple[Heartbeat | None, list[Finding]]:
    """The newest heartbeat of an agent that runs and tells, or what is in its place."""
    folder = settings.storage.folder
    if not database_path(folder).exists():
        return None, [Finding(f"The agent never ran in {folder}.", "install")]
    if not is_locked(folder):
        return None, [Finding("The agent does not run; `journalctl -u deepepil-edge` says why.", "trouble")]
    heartbeat = last_heartbeat(settings)
    if heartbeat is None:
        return None, [Finding("The agent runs and has not told its health yet.", "trouble")]
    age_s = (clock.utc_ns() - heartbeat.utc_ns) / NS_PER_S
    if abs(age_s) > SILENT_S:
        return None, [Finding(f"The agent runs and told its health {age_s:.0f} s ago last.", "trouble")]
    return heartbeat, []


def _network(settings: Settings, reach: Reach) -> Iterator[Finding]:
    parts = urlsplit(settings.cloud.url)
    cloud = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    for name, (host, port) in (("broker", (settings.mqtt.host, settings.mqtt.port)), ("cloud", cloud)):
        why = reach(host, port)
        if why is not None:
            yield Finding(f"The {name} {host}:{port} cannot be reached: {why}.", "lost-network")
