"""Makes the proxies of all events that wait for them, oldest first, one segment a turn, and then their manifests."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from edge_agent.clips.clip_work import ClipWork, sweep
from edge_agent.clips.manifest import make_manifest
from edge_agent.clips.store import ClipStore
from shared.clip import ProxyFile
from shared.clock import NS_PER_S, Clock
from shared.errors import Transient
from shared.event import EventReport

WORK_LIMIT = 2
"""Clips begun at a time: each holds up to three encoders."""
PAUSE_NS = 10 * NS_PER_S
"""After a failed write (a full disk): so long nothing is tried."""


@dataclass(slots=True)
class Turn:
    """What one turn did; `busy`: call again at once."""

    busy: bool = False
    ready: UUID | None = None
    proxies: list[ProxyFile] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


class ProxyMaker:
    """Use from one thread, with a database connection of its own."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, clock: Clock, post_roll_ns: int) -> None:
        self._folder = folder
        self._connection = connection
        self._clock = clock
        self._post_roll_ns = post_roll_ns
        self._store = ClipStore(connection)
        self._works: dict[UUID, ClipWork] = {}
        self._pause_until_ns = 0

    def turn(self) -> Turn:
        """One segment encoded, or one clip made ready, or nothing to do."""
        turn = Turn()
        if self._clock.monotonic_ns() < self._pause_until_ns:
            return turn
        reports = self._store.recording()
        self._forget_all_but({report.event_id for report in reports})
        try:
            turn.busy = any(self._advance(report, turn) for report in reports)
        except Transient as error:
            self._pause_until_ns = self._clock.monotonic_ns() + PAUSE_NS
            self._forget_all_but(set())
            turn.troubles.append(error.sentence)
        return turn

    def _forget_all_but(self, event_ids: set[UUID]) -> None:
        for event_id in self._works.keys() - event_ids:
            self._works.pop(event_id).abandon()

    def _advance(self, report: EventReport, turn: Turn) -> bool:
        """True when this clip had something to do."""
        work = self._works.get(report.event_id)
        if work is None:
            if len(self._works) >= WORK_LIMIT:
                return False
            work = ClipWork(self._folder, report, self._clock, self._post_roll_ns)
            self._works[report.event_id] = work
        work.grow(report)
        row = work.next_row(self._connection)
        if row is not None:
            work.encode(row)
            turn.troubles += work.troubles
            work.troubles.clear()
            return True
        if not work.is_whole(self._connection):
            return False
        self._finish(report, work, turn)
        return True

    def _finish(self, report: EventReport, work: ClipWork, turn: Turn) -> None:
        proxies = work.finish()
        if self._store.make_ready(make_manifest(self._connection, report, proxies)):
            turn.ready, turn.proxies = report.event_id, proxies
        if work.skipped:
            turn.troubles.append(f"{work.skipped} damaged images were left out of the proxies of {report.event_id}.")
        del self._works[report.event_id]

    def sweep(self) -> int:
        """Removes files that no clip needs (any more); returns how many. Call it between turns, now and then."""
        return sweep(self._folder, self._store.proxies_in_use(), {str(event_id) for event_id in self._works})

    def close(self) -> None:
        """What is begun begins anew at the next start."""
        self._forget_all_but(set())
