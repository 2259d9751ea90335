"""Keeps the ring in order: removes the oldest segments that no event holds, takes in what was left, reads old bytes again."""

from __future__ import annotations

import sqlite3

from edge_agent.bus_messages import BusTopic
from edge_agent.ring.disk_space import Reserve, room_of
from edge_agent.ring.eviction import Eviction
from edge_agent.ring.recovery import LaterRecovery
from edge_agent.ring.scrub import Scrub, week_share
from edge_agent.runner import Context
from shared.clock import NS_PER_S

TURN_MS = 1000
TIDY_PERIOD_NS = 60 * NS_PER_S


class Duties:
    """What one turn of the loop does, most pressing first; each duty is bounded."""

    def __init__(self, context: Context) -> None:
        storage, connection = context.settings.storage, context.database()
        self._context, self._connection = context, connection
        self.eviction = Eviction(
            storage.folder, connection, context.clock, storage.limits,
            Reserve(storage.folder, storage.reserve_bytes), room_of(storage.folder),
        )  # fmt: skip
        self._left = LaterRecovery(storage.folder, connection, context.clock)
        self._scrub = Scrub(storage.folder, connection, context.clock, storage.scrub_bytes_per_s)
        self._next_tidy_ns = 0
        self._told: tuple[str, int] = ("", 0)
        self.scrubbed = 0.0

    def turn(self) -> None:
        """A fault of the disk or the database ends the turn with a sentence in the log; the next turn goes on."""
        try:
            self._evict()
            self._tidy()
            self._take_in()
            self._read_again()
        except (OSError, sqlite3.OperationalError) as error:
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                self.eviction.make_room_for_rows()
            self._tell_failure(f"The ring cannot be tidied now: {error}.")
            self._context.stop.wait(1.0)

    def _evict(self) -> None:
        for row, reason in self.eviction.turn():
            self._context.log.info("segment_evicted", sequence=row.sequence, size_bytes=row.size_bytes, reason=reason)

    def _tidy(self) -> None:
        if self._context.clock.monotonic_ns() >= self._next_tidy_ns:
            self._next_tidy_ns = self._context.clock.monotonic_ns() + TIDY_PERIOD_NS
            self.eviction.tidy()
            self.scrubbed = week_share(self._connection)

    def _take_in(self) -> None:
        done = self._left.turn()
        for row in done.sealed:
            self._context.log.info("segment_recovered", size_bytes=row.size_bytes, sequence=row.sequence)
        for name in done.quarantined:
            self._context.log.error("file_quarantined", file=name)

    def _read_again(self) -> None:
        damaged = self._scrub.turn()
        if damaged is not None:
            self._context.log.error("segment_damaged", sequence=damaged.row.sequence, sentence=damaged.reason)

    def _tell_failure(self, sentence: str) -> None:
        """Once, and then each minute while it lasts."""
        now_ns = self._context.clock.monotonic_ns()
        if sentence != self._told[0] or now_ns >= self._told[1]:
            self._told = (sentence, now_ns + TIDY_PERIOD_NS)
            self._context.log.error("eviction_failed", sentence=sentence)


def run(context: Context) -> None:
    """Until the stop: a turn each second, and whenever a segment was sealed."""
    duties = Duties(context)
    sealed = context.subscribe(BusTopic.sealed)
    while not context.stop.is_set():
        sealed.receive(TURN_MS)
        duties.turn()
        eviction = duties.eviction
        context.beat(
            evicted=eviction.evicted, blocked=eviction.blocked, names_short=eviction.names_short,
            scrubbed_week=duties.scrubbed,
        )  # fmt: skip
