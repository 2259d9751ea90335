"""Starts the processes of the table, hears at once when one ends, restarts it, kills a loop that stands still, stops all.

It waits on process descriptors and on the bus; it decides by `Restarts` and by the beats, and keeps no other state.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

from edge_agent.bus import Publisher, Subscriber
from edge_agent.bus_messages import BusTopic, ProcessState, ProcessStates
from edge_agent.process_table import SUPERVISOR, RestartRule, Row
from edge_agent.runner import PARENT_VARIABLE, STOP_LIMIT_S
from shared.clock import NS_PER_S, Clock
from shared.service_manager import READY, STOPPING, ServiceManager

TURN_MS = 500
STATES_PERIOD_NS = NS_PER_S
KILL_AFTER_S = STOP_LIMIT_S + 0.5


class Restarts:
    """When a process that ended starts again. Pure: times in, pauses out."""

    def __init__(self, rule: RestartRule) -> None:
        self._rule = rule
        self._recent: deque[int] = deque()
        self._pause_s = rule.first_s
        self.count = 0
        self.alarm = False

    def next_start_ns(self, started_ns: int, now_ns: int) -> int:
        """Call it when a process that was started at `started_ns` has ended; a long life makes the pause short again."""
        window_ns = round(self._rule.window_s * NS_PER_S)
        if now_ns - started_ns > window_ns:
            self._pause_s = self._rule.first_s
        self._recent.append(now_ns)
        while self._recent and now_ns - self._recent[0] > window_ns:
            self._recent.popleft()
        self.count += 1
        self.alarm = len(self._recent) > self._rule.most
        pause_s = self._rule.longest_s if self.alarm else self._pause_s
        self._pause_s = min(self._rule.longest_s, 2 * self._pause_s)
        return now_ns + round(pause_s * NS_PER_S)


@dataclass(slots=True)
class _Child:
    """One row of the table while the supervisor runs."""

    row: Row
    restarts: Restarts
    process: subprocess.Popen[bytes] | None = None
    descriptor: int = -1
    start_at_ns: int = 0
    started_ns: int = 0
    progress_ns: int = 0
    has_beaten: bool = False
    stalled: bool = False


def command_of(config: Path) -> Callable[[str], list[str]]:
    """The command line that runs one process of the bed with that settings file."""
    return lambda name: [sys.executable, "-m", "edge_agent.cli", "process", name, "--config", str(config)]


class Supervisor:
    """Runs until `stop` is set; then SIGTERM, and SIGKILL for whoever does not end in time."""

    def __init__(
        self, folder: Path, rows: Sequence[Row], command: Callable[[str], list[str]], clock: Clock, stop: threading.Event,
        log: Any, manager: ServiceManager | None = None,
    ) -> None:  # fmt: skip
        self._command, self._clock, self._stop, self._log = command, clock, stop, log
        self._children = [_Child(row, Restarts(row.restart)) for row in rows]
        self._publisher = Publisher(folder, SUPERVISOR)
        self._beats = Subscriber(folder, (BusTopic.beat,))
        self._poller = zmq.Poller()
        self._poller.register(self._beats.socket, zmq.POLLIN)
        self._next_states_ns = 0
        self._manager = manager or ServiceManager({})

    def run(self) -> None:
        """Until the stop. The wake-up for it comes with the signal that sets it, or at the next turn."""
        try:
            self._turn()
            self._manager.tell(READY)
            while not self._stop.is_set():
                self._turn()
        finally:
            self._manager.tell(STOPPING)
            self._stop_all()
            self._beats.close()
            self._publisher.close()

    def _turn(self) -> None:
        now_ns = self._clock.monotonic_ns()
        for child in self._children:
            if child.process is None and now_ns >= child.start_at_ns:
                self._start(child)
        self._tell_states()
        self._wait()
        self._hear_beats()
        for child in self._children:
            self._look_after(child)
        # a loop that stands still is killed and started again; one that even so stays is beyond us: the machine's turn
        if not any(child.stalled for child in self._children):
            self._manager.alive(self._clock.monotonic_ns())

    def _wait(self) -> None:
        now_ns = self._clock.monotonic_ns()
        waits = [child.start_at_ns - now_ns for child in self._children if child.process is None]
        timeout_ms = min([TURN_MS, *(max(0, wait // 1_000_000 + 1) for wait in waits)])
        self._poller.poll(timeout_ms)

    def _start(self, child: _Child) -> None:
        environment = {**os.environ, PARENT_VARIABLE: str(os.getpid())}
        now_ns = self._clock.monotonic_ns()
        try:
            # a group of its own: Ctrl-C reaches the supervisor, and it alone stops the others in order
            child.process = subprocess.Popen(
                self._command(child.row.name), env=environment, stdin=subprocess.DEVNULL, process_group=0
            )
        except OSError as error:
            child.start_at_ns = child.restarts.next_start_ns(now_ns, now_ns)
            self._log.error("process_not_started", name=child.row.name, sentence=f"The machine refuses: {error}.")
            return
        child.descriptor = os.pidfd_open(child.process.pid)
        child.started_ns, child.progress_ns, child.has_beaten, child.stalled = now_ns, now_ns, False, False
        self._poller.register(child.descriptor, zmq.POLLIN)
        self._log.info("process_started", name=child.row.name, pid=child.process.pid, restarts=child.restarts.count)
        self._next_states_ns = 0

    def _hear_beats(self) -> None:
        while (found := self._beats.receive(0)) is not None:
            beat = found[1]
            for child in self._children:
                if child.process is not None and child.process.pid == beat.pid:
                    child.progress_ns, child.has_beaten = self._clock.monotonic_ns(), True

    def _look_after(self, child: _Child) -> None:
        if child.process is None:
            return
        code = child.process.poll()
        now_ns = self._clock.monotonic_ns()
        if code is not None:
            self._forget(child)
            child.start_at_ns = child.restarts.next_start_ns(child.started_ns, now_ns)
            pause_s = (child.start_at_ns - now_ns) / NS_PER_S
            self._log.warning("process_ended", name=child.row.name, code=code, restarts_in_s=round(pause_s, 1))
            return
        limit_s = child.row.progress_s if child.has_beaten else child.row.start_s
        if now_ns - child.progress_ns > limit_s * NS_PER_S:
            self._log.error("process_stalled", name=child.row.name, limit_s=limit_s)
            child.process.kill()
            child.progress_ns, child.stalled = now_ns, True

    def _forget(self, child: _Child) -> None:
        self._poller.unregister(child.descriptor)
        os.close(child.descriptor)
        child.process, child.descriptor, child.stalled = None, -1, False
        self._next_states_ns = 0

    def _tell_states(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._next_states_ns:
            return
        self._next_states_ns = now_ns + STATES_PERIOD_NS
        states = [_state_of(child) for child in self._children]
        self._publisher.publish(BusTopic.processes, ProcessStates(mono_ns=now_ns, states=states))

    def _stop_all(self) -> None:
        """Asks all at once, waits for each within one common limit, kills the rest."""
        running = [child for child in self._children if child.process is not None]
        for child in running:
            if child.process is not None:
                child.process.send_signal(signal.SIGTERM)
        deadline_ns = self._clock.monotonic_ns() + round(KILL_AFTER_S * NS_PER_S)
        for child in running:
            if child.process is None:
                continue
            left_s = max(0.0, (deadline_ns - self._clock.monotonic_ns()) / NS_PER_S)
            try:
                code = child.process.wait(left_s)
            except subprocess.TimeoutExpired:
                child.process.kill()
                code = child.process.wait()
            self._log.info("process_ended", name=child.row.name, code=code)
            self._forget(child)


def _state_of(child: _Child) -> ProcessState:
    alarm = ""
    if child.restarts.alarm:
        alarm = f"{child.row.name} was restarted more than {child.row.restart.most} times in a minute."
    pid = child.process.pid if child.process else 0
    return ProcessState(name=child.row.name, pid=pid, running=pid != 0, restarts=child.restarts.count, alarm=alarm)
