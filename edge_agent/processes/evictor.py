"""Removes the oldest segments that no event holds, whenever the ring is over its limits."""

from __future__ import annotations

import sqlite3

from edge_agent.bus_messages import BusTopic
from edge_agent.ring.disk_space import Reserve, room_of
from edge_agent.ring.eviction import Eviction
from edge_agent.ring.promise import Limits
from edge_agent.runner import Context
from shared.clock import NS_PER_S

TURN_MS = 1000
TIDY_PERIOD_NS = 60 * NS_PER_S


def run(context: Context) -> None:
    """Until the stop: a look each second, a tidying each minute."""
    storage = context.settings.storage
    eviction = Eviction(
        storage.folder, context.database(), context.clock, Limits(storage.max_bytes, storage.max_hours),
        Reserve(storage.folder, storage.reserve_bytes), room_of(storage.folder),
    )  # fmt: skip
    sealed = context.subscribe(BusTopic.sealed)
    next_tidy_ns = 0
    while not context.stop.is_set():
        sealed.receive(TURN_MS)
        try:
            for row, reason in eviction.turn():
                context.log.info("segment_evicted", sequence=row.sequence, size_bytes=row.size_bytes, reason=reason)
            if context.clock.monotonic_ns() >= next_tidy_ns:
                next_tidy_ns = context.clock.monotonic_ns() + TIDY_PERIOD_NS
                eviction.tidy()
        except (OSError, sqlite3.OperationalError) as error:
            context.log.error("eviction_failed", sentence=f"The ring cannot be tidied now: {error}.")
            context.stop.wait(1.0)
        context.beat(evicted=eviction.evicted, blocked=eviction.blocked)
