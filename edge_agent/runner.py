"""What each process does first and last: logs, title, signals, its lock, its context; then it hands over to its module."""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import setproctitle
import structlog

from edge_agent.bus import Publisher, Subscriber
from edge_agent.bus_messages import Beat, BusTopic, Message
from edge_agent.database import open_database
from edge_agent.process_table import Row
from edge_agent.ring.folder import locked, prepare_folder
from edge_agent.settings import Settings
from shared.clock import NS_PER_S, Clock, SystemClock
from shared.codec.presence import keep_compiled_in
from shared.errors import DeepEpilError
from shared.logs import set_up_logs

PARENT_VARIABLE = "DEEPEPIL_SUPERVISOR_PID"
STOP_LIMIT_S = 8.0
"""A process that was asked to stop and has not ended by then ends itself."""
BEAT_PERIOD_NS = NS_PER_S // 2
_PR_SET_PDEATHSIG = 1


class Context:
    """What a process module is handed: settings, clock, the stop event, the log, and its ends of the bus."""

    def __init__(self, settings: Settings, process: str, clock: Clock) -> None:
        self.settings = settings
        self.process = process
        self.clock = clock
        self.stop = threading.Event()
        self.log: Any = structlog.get_logger()
        self._publisher = Publisher(settings.storage.folder, process)
        self._subscribers: list[Subscriber] = []
        self._counters: dict[str, float] = {}
        self._next_beat_ns = 0

    @property
    def folder(self) -> Path:
        """The bed's folder."""
        return self.settings.storage.folder

    def publish(self, topic: BusTopic, message: Message) -> None:
        """Puts a message on the bus; any thread may."""
        self._publisher.publish(topic, message)

    def subscribe(self, *topics: BusTopic) -> Subscriber:
        """A subscriber for the calling thread."""
        subscriber = Subscriber(self.folder, topics)
        self._subscribers = [*(each for each in self._subscribers if not each.socket.closed), subscriber]
        return subscriber

    def beat(self, **counters: float) -> None:
        """Says that the loop made progress; call it in every turn, it goes out twice a second at most."""
        self._counters.update(counters)
        now_ns = self.clock.monotonic_ns()
        if now_ns < self._next_beat_ns:
            return
        self._next_beat_ns = now_ns + BEAT_PERIOD_NS
        self.publish(
            BusTopic.beat, Beat(process=self.process, pid=os.getpid(), mono_ns=now_ns, counters=dict(self._counters))
        )

    def database(self) -> sqlite3.Connection:
        """A database connection of the caller's own."""
        return open_database(self.folder)

    def close(self) -> None:
        for subscriber in self._subscribers:
            subscriber.close()
        self._publisher.close()


def run_process(row: Row, settings: Settings) -> int:
    """Runs one process until it is told to stop; returns its exit code. Faults become one log line, never a traceback."""
    set_up_logs("deepepil-edge", row.name, site=settings.bed.site, bed=settings.bed.bed)
    setproctitle.setproctitle(f"deepepil-edge: {row.name}")
    log: Any = structlog.get_logger()
    if not _end_with_parent():
        return 0
    _be_nice(row.nice)
    try:
        folder = settings.storage.folder
        prepare_folder(folder, settings.bed.site, settings.bed.bed, own_disk=settings.storage.own_disk)
        keep_compiled_in(folder / "kernels")
        with locked(folder, row.name, wait_s=STOP_LIMIT_S + 2), _context(row, settings) as context:
            importlib.import_module(row.module).run(context)
    except DeepEpilError as error:
        log.error("process_failed", sentence=error.sentence, exit_code=error.exit_code, **_plain(error.facts))
        return error.exit_code
    except Exception:
        log.exception("process_crashed")
        return 70
    return 0


def _plain(facts: dict[str, object]) -> dict[str, object]:
    """Facts under names that do not collide with the log line's own."""
    return {f"fact_{name}": str(value) for name, value in facts.items()}


@contextmanager
def _context(row: Row, settings: Settings) -> Iterator[Context]:
    context = Context(settings, row.name, SystemClock())

    def stop(_signal: int, _frame: object) -> None:
        if not context.stop.is_set():
            context.stop.set()
            _end_late()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        yield context
    finally:
        context.close()


def _end_late() -> None:
    timer = threading.Timer(STOP_LIMIT_S, os._exit, args=(70,))
    timer.daemon = True
    timer.start()


def _end_with_parent() -> bool:
    """Asks the kernel for SIGTERM when the supervisor ends; False when it has ended already."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None:
        return True
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    return os.getppid() == int(parent)


def _be_nice(nice: int) -> None:
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except PermissionError:
        os.setpriority(os.PRIO_PROCESS, 0, max(0, nice))
