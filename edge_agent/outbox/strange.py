"""Messages from the broker that make no sense: kept for a look, the newest hundred, each shape once with how often it came."""

from __future__ import annotations

import hashlib
import sqlite3

from edge_agent.outbox.transaction import transaction
from shared.clock import NS_PER_S, Clock

KINDS_KEPT = 100
START_BYTES = 1_024
WRITE_EVERY_NS = NS_PER_S


class StrangeMessages:
    """Writes at most one a second, so that a flood cannot wear the disk; the others are counted in `passed_over`."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self.passed_over = 0
        self._connection = connection
        self._clock = clock
        self._next_ns = 0

    def keep(self, topic: str, payload: bytes, reason: str) -> None:
        """Notes one message with the reason why it has no effect. Raises Transient when the disk takes nothing."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._next_ns:
            self.passed_over += 1
            return
        self._next_ns = now_ns + WRITE_EVERY_NS
        name = topic.encode("utf-8", "replace")
        digest = hashlib.sha256(name + b"\n" + payload).hexdigest()
        row = (digest, name.decode()[:256], payload[:START_BYTES], len(payload), reason[:400], self._clock.utc_ns())
        with transaction(self._connection):
            self._connection.execute(
                "INSERT INTO strange_messages (digest, topic, payload_start, payload_bytes, reason, times, last_utc_ns)"
                " VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT (digest) DO UPDATE"
                " SET times = times + 1, last_utc_ns = excluded.last_utc_ns",
                row,
            )
            self._connection.execute(
                "DELETE FROM strange_messages WHERE digest NOT IN"
                " (SELECT digest FROM strange_messages ORDER BY last_utc_ns DESC LIMIT ?)",
                (KINDS_KEPT,),
            )
