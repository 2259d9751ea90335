"""What `deepepil-edge mark` does: presses the button in the bed's database, beside the running agent or without it."""

from __future__ import annotations

from contextlib import closing

from edge_agent.button import Button
from edge_agent.database import database_path, open_database
from edge_agent.outbox.store import Outbox
from edge_agent.ring.folder import prepare_folder
from edge_agent.settings import Settings
from shared.clock import SystemClock, utc_text
from shared.errors import Misconfigured


def mark_now(settings: Settings) -> str:
    """One sentence on the event. Raises Misconfigured where no agent ever ran, Transient when the database is locked."""
    folder = settings.storage.folder
    if not database_path(folder).exists():
        raise Misconfigured(f"No agent ever ran in {folder}.")
    prepare_folder(folder, settings.bed.site, settings.bed.bed, own_disk=settings.storage.own_disk)
    with closing(open_database(folder)) as connection:
        pressed = Button(connection, Outbox(connection, settings.bed.site, settings.bed.bed), SystemClock()).press()
    report = pressed.report
    return f"event {report.event_id} {pressed.effect.value} at {utc_text(report.end_utc_ns)}"
