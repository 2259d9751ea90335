"""Known wrong ways to store, put into a child: the campaign must be seen to fail with each of them.

They change what the shipped code calls (the operating system's functions, a connection, a constant) inside the child only.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

Tell = Callable[[str, Any], None]
"""Tells the campaign a word and its facts (anything JSON takes)."""

MUTATIONS: dict[str, str] = {
    "fsync_lies": "every fsync says yes and does nothing (eatmydata)",
    "no_folder_fsync": "folders are not flushed after a rename",
    "synchronous_normal": "SQLite commits with synchronous=NORMAL",
    "row_before_fsync": "the catalogue row is committed before the segment is flushed",
    "fsync_retried": "a failed fsync is tried again and its second word is trusted",
    "pins_not_asked": "the evictor does not ask the pins",
    "never_flushed": "the open segment is not flushed each second",
    "torn_tail_kept": "recovery does not cut a torn record",
    "wall_clock_age": "the evictor takes age from the wall clock",
}


def mutate(name: str, tell: Tell) -> Tell:
    """Puts the mutation into this process; returns the teller to use from now on. The empty name changes nothing."""
    if not name:
        return tell
    changes: dict[str, Callable[[Tell], Tell | None]] = {
        "no_folder_fsync": _no_folder_fsync,
        "synchronous_normal": _synchronous_normal,
        "row_before_fsync": _row_before_fsync,
        "fsync_retried": _fsync_retried,
        "pins_not_asked": _pins_not_asked,
        "never_flushed": _never_flushed,
        "torn_tail_kept": _torn_tail_kept,
        "wall_clock_age": _wall_clock_age,
    }
    return changes[name](tell) or tell


def _no_folder_fsync(_tell: Tell) -> None:
    real = os.fsync

    def fsync(descriptor: Any) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            real(descriptor)

    setattr(os, "fsync", fsync)  # noqa: B010 the name of its parameter is another


def _synchronous_normal(_tell: Tell) -> None:
    import edge_agent.database

    assert edge_agent.database._PRAGMAS["synchronous"] == 2
    edge_agent.database._PRAGMAS["synchronous"] = 1


def _row_before_fsync(tell: Tell) -> Tell:
    """The flush of a file that is being sealed waits until its row was told."""
    real = os.fsync
    waiting: list[int] = []

    def fsync(descriptor: Any) -> None:
        if str(Path(f"/proc/self/fd/{descriptor}").readlink()).endswith(".part"):
            waiting.append(os.dup(descriptor))
        else:
            real(descriptor)

    def late(word: str, facts: Any) -> None:
        tell(word, facts)
        while word == "sealed" and waiting:
            descriptor = waiting.pop()
            real(descriptor)
            os.close(descriptor)

    setattr(os, "fsync", fsync)  # noqa: B010 the name of its parameter is another
    return late


def _fsync_retried(_tell: Tell) -> None:
    def stubborn(real: Callable[[Any], None]) -> Callable[[Any], None]:
        def flush(descriptor: Any) -> None:
            for _ in range(5):
                try:
                    real(descriptor)
                except OSError:
                    continue
                return

        return flush

    for name in ("fsync", "fdatasync"):
        setattr(os, name, stubborn(getattr(os, name)))


def _pins_not_asked(_tell: Tell) -> None:
    from edge_agent.ring import eviction

    real = eviction.Eviction.turn

    def turn(self: Any) -> Any:
        connection: sqlite3.Connection = self._connection
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS pins AS SELECT * FROM main.pins LIMIT 0")
        return real(self)

    eviction.Eviction.turn = turn  # type: ignore[method-assign]


def _never_flushed(_tell: Tell) -> None:
    def nothing(_descriptor: Any) -> None:
        return

    setattr(os, "fdatasync", nothing)  # noqa: B010 the name of its parameter is another


def _torn_tail_kept(_tell: Tell) -> None:
    os.ftruncate = lambda _descriptor, _length: None


def _wall_clock_age(_tell: Tell) -> None:
    from edge_agent.ring import eviction

    real = eviction.Eviction.turn

    class WallClock:
        """Monotonic time that follows the wall clock."""

        def __init__(self, clock: Any) -> None:
            self._clock, self._offset_ns = clock, clock.monotonic_ns() - clock.utc_ns()
            self.boot_id, self.utc_ns = clock.boot_id, clock.utc_ns

        def monotonic_ns(self) -> int:
            return int(self._clock.utc_ns() + self._offset_ns)

    def turn(self: Any) -> Any:
        if not isinstance(self._clock, WallClock):
            self._clock = WallClock(self._clock)
        return real(self)

    eviction.Eviction.turn = turn  # type: ignore[method-assign]
