"""The stages of a clip in the database: recording → ready → stored, released or dead; the pin ends with the first two only."""

from __future__ import annotations

import sqlite3
from uuid import UUID

from edge_agent.outbox.dead_letters import add_dead_letter, set_alarm
from edge_agent.outbox.transaction import transaction
from shared.clip import ClipManifest
from shared.event import EventReport

REMADE = "a proxy was lost and is made again"
REOPENED = "the cloud wants its raw segments after all"
KEPT_FINISHED = 5_000
"""Events that are done keep their rows for a while, for whoever looks; the newest so many."""
SEND_LIMIT = 5_000


class ClipStore:
    """Use one in each process, with a connection of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def recording(self) -> list[EventReport]:
        """The last reports of all events whose proxies are not made yet, oldest first."""
        found = self._connection.execute(
            "SELECT report FROM events JOIN clips USING (event_id) WHERE stage = 'recording' ORDER BY event_id"
        )
        return [EventReport.model_validate_json(row[0]) for row in found]

    def make_ready(self, manifest: ClipManifest) -> bool:
        """The proxies are on the disk and the manifest is whole; False when the clip was released meanwhile."""
        with transaction(self._connection):
            changed = self._connection.execute(
                "UPDATE clips SET stage = 'ready', manifest = ? WHERE event_id = ? AND stage = 'recording'",
                (manifest.model_dump_json(), str(manifest.event_id)),
            )
            return changed.rowcount == 1

    def to_send(self) -> list[UUID]:
        """Clips that are ready and whose event the cloud knows, oldest first, `SEND_LIMIT` at most."""
        found = self._connection.execute(
            "SELECT event_id FROM clips JOIN events USING (event_id) WHERE stage = 'ready' AND known = 1"
            " ORDER BY event_id LIMIT ?",
            (SEND_LIMIT,),
        )
        return [UUID(row[0]) for row in found]

    def manifest(self, event_id: UUID) -> ClipManifest | None:
        """The manifest of a clip that is ready."""
        row = self._connection.execute(
            "SELECT manifest FROM clips WHERE event_id = ? AND stage = 'ready'", (str(event_id),)
        ).fetchone()
        return ClipManifest.model_validate_json(row[0]) if row else None

    def replace_manifest(self, manifest: ClipManifest) -> None:
        """What the clip is from now on, while it is not done: segments were lost."""
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE clips SET manifest = ? WHERE event_id = ? AND stage = 'ready'",
                (manifest.model_dump_json(), str(manifest.event_id)),
            )

    def remake(self, event_id: UUID) -> bool:
        """A proxy is lost: all of them are made from the ring once more. False when that was done before."""
        with transaction(self._connection):
            changed = self._connection.execute(
                "UPDATE clips SET stage = 'recording', manifest = NULL, reason = ?"
                " WHERE event_id = ? AND stage = 'ready' AND reason <> ?",
                (REMADE, str(event_id), REMADE),
            )
            return changed.rowcount == 1

    def reopen(self, event_id: UUID) -> bool:
        """A clip that was released is wanted after all: its pin comes back. False when none of its segments is in the ring."""
        with transaction(self._connection):
            row = self._connection.execute(
                "SELECT report, manifest FROM clips JOIN events USING (event_id) WHERE event_id = ?"
                " AND stage IN ('stored', 'released')",
                (str(event_id),),
            ).fetchone()
            if row is None:
                return False
            span = EventReport.model_validate_json(row[0])
            bounds = (span.boot_id, span.clip_start_mono_ns, span.clip_end_mono_ns)
            held = "SELECT 1 FROM segments WHERE boot_id = ? AND end_mono_ns > ? AND start_mono_ns < ? LIMIT 1"
            if self._connection.execute(held, bounds).fetchone() is None:
                return False
            self._connection.execute(
                "INSERT INTO pins (event_id, boot_id, start_mono_ns, end_mono_ns) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (event_id) DO NOTHING",
                (str(event_id), *bounds),
            )
            stage = "recording" if row[1] is None else "ready"
            self._connection.execute(
                "UPDATE clips SET stage = ?, reason = ? WHERE event_id = ?", (stage, REOPENED, str(event_id))
            )
            return True

    def alarm(self, name: str, sentence: str | None, utc_ns: int) -> None:
        """Raises, changes or (None) ends a standing alarm of the uploads; the heartbeat tells it."""
        with transaction(self._connection):
            set_alarm(self._connection, name, sentence, utc_ns)

    def waiting(self) -> int:
        """Clips that are not done: recording or ready."""
        query = "SELECT count(*) FROM clips WHERE stage IN ('recording', 'ready')"
        return int(self._connection.execute(query).fetchone()[0])

    def finish(self, event_id: UUID, *, stored: bool) -> None:
        """The cloud has what it wants (`stored`), or wants nothing more (released): the pin goes in the same transaction."""
        with transaction(self._connection):
            stage = "stored" if stored else "released"
            self._connection.execute("UPDATE clips SET stage = ? WHERE event_id = ?", (stage, str(event_id)))
            self._connection.execute("DELETE FROM pins WHERE event_id = ?", (str(event_id),))
            self._prune()

    def bury(self, event_id: UUID, reason: str, utc_ns: int) -> None:
        """The clip will never be taken: a dead letter with the reason. Its pin stays, for a person to decide."""
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE clips SET stage = 'dead', reason = ? WHERE event_id = ? AND stage IN ('recording', 'ready')",
                (reason, str(event_id)),
            )
            add_dead_letter(self._connection, "clip", str(event_id), reason, utc_ns)

    def proxies_in_use(self) -> set[str]:
        """The hashes of all proxy files that a clip still needs."""
        found = self._connection.execute(
            "SELECT manifest FROM clips WHERE stage IN ('ready', 'dead') AND manifest NOT NULL"
        )
        manifests = (ClipManifest.model_validate_json(row[0]) for row in found)
        return {proxy.sha256 for manifest in manifests for proxy in manifest.proxies}

    def needs_proxy(self, sha256: str) -> bool:
        """Some clip that is not done names this proxy."""
        query = "SELECT 1 FROM clips WHERE stage IN ('ready', 'dead') AND instr(manifest, ?) > 0 LIMIT 1"
        return self._connection.execute(query, (sha256,)).fetchone() is not None

    def _prune(self) -> None:
        """Ids rise with time; a finished event whose last message still waits for its receipt stays."""
        done = self._connection.execute(
            "SELECT event_id FROM clips WHERE stage IN ('stored', 'released')"
            " AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.event_id = clips.event_id)"
            " ORDER BY event_id DESC LIMIT -1 OFFSET ?",
            (KEPT_FINISHED,),
        ).fetchall()
        for row in done:
            self._connection.execute("DELETE FROM clips WHERE event_id = ?", (row[0],))
            self._connection.execute("DELETE FROM events WHERE event_id = ?", (row[0],))
