"""Coverage by hour of wall time: what the heartbeat, `status` and `coverage` tell.

Hours are placed by the newest offset of each boot between its monotonic and its wall clock, so that a wall clock that was set
meanwhile moves nothing and counts nothing twice. An hour that is over and fully accounted for is computed once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edge_agent.ring.catalogue import Span
from edge_agent.ring.coverage import Account, Rows, account, newest_streams, rows_between
from shared.clock import NS_PER_S, Clock
from shared.frame import Stream

HOUR_NS = 3600 * NS_PER_S
NOT_SEALED_NS = 12 * NS_PER_S
"""The newest part of the ring that is not in the catalogue yet."""
SETTLED_NS = 60 * NS_PER_S
_UNEXPLAINED_NS = NS_PER_S
_BOOTS = """
WITH RECURSIVE {table}_boots (boot_id) AS (
    SELECT MIN(boot_id) FROM {table} UNION ALL
    SELECT (SELECT MIN(boot_id) FROM {table} WHERE boot_id > {table}_boots.boot_id) FROM {table}_boots WHERE boot_id IS NOT NULL
) SELECT boot_id FROM {table}_boots WHERE boot_id IS NOT NULL
"""
"""One look into the index for each boot; DISTINCT would read every row."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of wall time, or its part that is over: the account of each stream."""

    start_utc_ns: int
    streams: Mapping[Stream, Account]


@dataclass(frozen=True, slots=True)
class _Boot:
    """A boot and where it lies in wall time; [first_ns, last_ns) of its clock is accounted for."""

    boot_id: str
    offset_ns: int
    first_ns: int
    last_ns: int


class CoverageHours:
    """Reads the bed's database; keeps hours that can change no more. One thread uses it."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection, self._clock = connection, clock
        self._kept: dict[int, Hour] = {}
        self._kept_offset_ns = 0

    def last_hour(self) -> dict[Stream, Account]:
        """The sixty minutes up to now, or since the first record when that is younger."""
        boots, now_ns = self._boots(), self._clock.utc_ns()
        return self._accounts(boots, (now_ns - HOUR_NS, now_ns))

    def hours(self, count: int = 24) -> list[Hour]:
        """The last `count` hours and the one that is not over, oldest first; without those before the first record."""
        now_ns, offset_ns = self._clock.utc_ns(), self._clock.utc_ns() - self._clock.monotonic_ns()
        if abs(offset_ns - self._kept_offset_ns) > NS_PER_S:
            self._kept, self._kept_offset_ns = {}, offset_ns
        newest = now_ns // HOUR_NS
        self._kept = {number: hour for number, hour in self._kept.items() if newest - count <= number <= newest}
        boots = self._boots()
        found = [
            self._kept.get(number) or self._hour(boots, number, now_ns) for number in range(newest - count, newest + 1)
        ]
        return [hour for hour in found if hour.streams]

    def _hour(self, boots: list[_Boot], number: int, now_ns: int) -> Hour:
        span = (number * HOUR_NS, (number + 1) * HOUR_NS)
        hour = Hour(span[0], self._accounts(boots, span))
        explained = all(each.unaccounted_ns < _UNEXPLAINED_NS for each in hour.streams.values())
        if hour.streams and explained and now_ns > span[1] + SETTLED_NS:
            self._kept[number] = hour
        return hour

    def _accounts(self, boots: list[_Boot], within: Span) -> dict[Stream, Account]:
        if not boots:
            return {}
        begun_ns = min(boot.first_ns + boot.offset_ns for boot in boots)
        newest_ns = max(boot.last_ns + boot.offset_ns for boot in boots)
        now_ns = self._clock.utc_ns()
        reached_ns = newest_ns if now_ns - newest_ns < NOT_SEALED_NS else now_ns
        window = (max(within[0], begun_ns), min(within[1], reached_ns))
        if window[1] <= window[0]:
            return {}
        merged: dict[Stream, Rows] = {}
        for boot in boots:
            own = (window[0] - boot.offset_ns, window[1] - boot.offset_ns)
            for stream, rows in rows_between(self._connection, boot.boot_id, own, boot.offset_ns).items():
                known = merged.setdefault(stream, Rows())
                known.recorded += rows.recorded
                known.losses += rows.losses
        if not merged:
            merged = {stream: Rows() for stream in newest_streams(self._connection)}
        return {stream: account(merged[stream], window) for stream in sorted(merged)}

    def _boots(self) -> list[_Boot]:
        """Every boot that segments or gaps name, bounded by what the ring keeps."""
        names = {
            row["boot_id"]
            for table in ("segments", "gaps")
            for row in self._connection.execute(_BOOTS.format(table=table))
        }
        return [found for name in sorted(names) for found in self._boot(name)]

    def _boot(self, boot_id: str) -> Iterator[_Boot]:
        ends = self._connection.execute(
            "SELECT end_mono_ns, end_utc_ns - end_mono_ns AS offset_ns FROM ("
            "SELECT * FROM (SELECT end_mono_ns, end_utc_ns FROM segments WHERE boot_id = :boot "
            "ORDER BY start_mono_ns DESC LIMIT 1) UNION ALL "
            "SELECT * FROM (SELECT end_mono_ns, end_utc_ns FROM gaps WHERE boot_id = :boot ORDER BY end_mono_ns DESC LIMIT 1)) "
            "ORDER BY end_mono_ns DESC LIMIT 1",
            {"boot": boot_id},
        ).fetchone()
        starts = self._connection.execute(
            "SELECT MIN(first_ns) FROM (SELECT MIN(start_mono_ns) AS first_ns FROM segments WHERE boot_id = :boot UNION ALL "
            "SELECT MIN(start_mono_ns) FROM gaps WHERE boot_id = :boot UNION ALL "
            "SELECT MIN(start_mono_ns) FROM evicted WHERE boot_id = :boot)",
            {"boot": boot_id},
        ).fetchone()
        if ends is None:
            return
        own = boot_id == self._clock.boot_id
        offset_ns = self._clock.utc_ns() - self._clock.monotonic_ns() if own else ends["offset_ns"]
        yield _Boot(boot_id, offset_ns, starts[0], ends["end_mono_ns"])
