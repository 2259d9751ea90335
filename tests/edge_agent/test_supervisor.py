"""The supervisor brings back what ends, kills what stands still, and stops all of it cleanly."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog
from structlog.testing import capture_logs

from edge_agent import supervisor as supervising
from edge_agent.process_table import RestartRule, Row
from edge_agent.ring.ring_check import check_ring
from edge_agent.supervisor import Restarts, Supervisor
from shared.clock import NS_PER_S, SystemClock
from shared.service_manager import ALIVE, ServiceManager
from tests.edge_agent.small_agent import write_settings
from tests.fakes.frame_source import BOTH, make_frame
from tests.fakes.recordings import write_recording
from tests.waiting import wait_for

ROW = Row(
    "small", "none", "is small", (), (), core_share=0.1, rss_bytes=1, restart=RestartRule(first_s=0.05, longest_s=0.2)
)
SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def seconds(ns: int) -> float:
    return round(ns / NS_PER_S, 3)


def test_pauses_double_up_to_the_longest() -> None:
    restarts = Restarts(RestartRule())
    pauses = [seconds(restarts.next_start_ns(0, 1000) - 1000) for _ in range(7)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert restarts.count == 7
    assert not restarts.alarm


def test_a_process_that_lived_long_is_brought_back_at_once_again() -> None:
    restarts = Restarts(RestartRule())
    for _ in range(5):
        restarts.next_start_ns(0, 1000)
    now = 100 * NS_PER_S
    assert seconds(restarts.next_start_ns(0, now) - now) == 0.5


def test_too_many_restarts_in_a_minute_raise_an_alarm_and_it_goes_on_slowly() -> None:
    restarts = Restarts(RestartRule(first_s=0.1, longest_s=8.0, most=3))
    now = 0
    for _ in range(4):
        now += NS_PER_S
        restarts.next_start_ns(now, now)
    assert restarts.alarm
    assert seconds(restarts.next_start_ns(now, now) - now) == 8.0
    now += 120 * NS_PER_S
    assert seconds(restarts.next_start_ns(0, now) - now) == 0.1
    assert not restarts.alarm


class Running:
    """A supervisor in a thread, over processes that are one line of Python."""

    def __init__(self, folder: Path, rows: list[Row], code: Callable[[str], str]) -> None:
        self.stop = threading.Event()
        self.supervisor = Supervisor(
            folder,
            rows,
            lambda name: [sys.executable, "-c", code(name)],
            SystemClock(),
            self.stop,
            structlog.get_logger(),
        )
        self.thread = threading.Thread(target=self.supervisor.run)
        self.thread.start()

    def pids(self) -> list[int]:
        return [child.process.pid for child in self.supervisor._children if child.process is not None]

    def end(self) -> None:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(code: str, **changes: float) -> Running:
        started.append(Running(tmp_path, [replace(ROW, **changes)], lambda _: code))  # type: ignore[arg-type]
        return started[-1]

    with capture_logs():
        yield start
    for running in started:
        running.end()


def test_a_killed_process_is_brought_back(run: Callable[..., Running]) -> None:
    running = run(SLEEP)
    wait_for(running.pids, "the process")
    (first,) = running.pids()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: running.pids() not in ([], [first]), "another process in its place")


def test_a_loop_that_never_beats_is_killed_and_brought_back(run: Callable[..., Running]) -> None:
    running = run(SLEEP, start_s=0.2)
    wait_for(running.pids, "the process")
    (first,) = running.pids()
    wait_for(lambda: running.pids() not in ([], [first]), "another process in its place")


def test_a_process_that_cannot_be_started_now_is_tried_again(tmp_path: Path) -> None:
    script = tmp_path / "small"
    stop = threading.Event()
    supervisor = Supervisor(tmp_path, [ROW], lambda _: [str(script)], SystemClock(), stop, structlog.get_logger())
    thread = threading.Thread(target=supervisor.run)
    with capture_logs() as logs:
        thread.start()
        wait_for(lambda: any(log["event"] == "process_not_started" for log in logs), "the refusal")
        script.write_text(f"#!{sys.executable}\n{SLEEP}\n")
        script.chmod(0o700)
        wait_for(lambda: any(log["event"] == "process_started" for log in logs), "the start")
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


class Listening(ServiceManager):
    """Keeps each word with the number of stalls that were logged before it; its watchdog wants to hear at every turn."""

    def __init__(self, logs: list[Any]) -> None:
        super().__init__({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "3000"})
        self._logs = logs
        self.words: list[tuple[str, int]] = []

    def stalls(self) -> int:
        return sum(log["event"] == "process_stalled" for log in list(self._logs))

    def tell(self, word: str) -> None:
        self.words.append((word, self.stalls()))


def test_the_service_manager_hears_no_more_while_a_process_stands_beyond_its_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess.Popen, "kill", lambda _process: None)
    stop = threading.Event()
    with capture_logs() as logs:
        listening = Listening(logs)
        supervisor = Supervisor(
            tmp_path, [replace(ROW, start_s=1.5)], lambda _: [sys.executable, "-c", SLEEP], SystemClock(), stop,
            structlog.get_logger(), listening,
        )  # fmt: skip
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        wait_for(lambda: listening.stalls() >= 2, "two kills without effect")
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert (ALIVE, 0) in listening.words
    assert ("READY=1", 0) in listening.words
    assert [word for word, stalls in listening.words if stalls] == ["STOPPING=1"]


def test_a_stop_ends_every_process_and_leaves_none(run: Callable[..., Running]) -> None:
    running = run(SLEEP)
    wait_for(running.pids, "the process")
    (pid,) = running.pids()
    running.end()
    assert not psutil.pid_exists(pid)


def test_a_process_that_does_not_hear_the_stop_is_killed(
    run: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "KILL_AFTER_S", 0.2)
    running = run(STUBBORN)
    wait_for(running.pids, "the process")
    (pid,) = running.pids()
    running.end()
    assert not psutil.pid_exists(pid)


class Agent:
    """Capture and recorder of a bed that plays a small recording, under the real supervisor in a process of its own."""

    def __init__(self, folder: Path) -> None:
        recording = write_recording(folder / "a.mkv", [make_frame(index) for index in range(30)], BOTH)
        self.config = write_settings(folder, recording)
        self.data = folder / "data"
        self.log = folder / "agent.log"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.edge_agent.small_agent", str(self.config), "capture", "recorder"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parents[2])

    def events(self, name: str) -> list[dict[str, object]]:
        lines = [
            json.loads(line)
            for line in self.log.read_text().splitlines()
            if line.startswith("{") and line.endswith("}")
        ]
        return [line for line in lines if line["event"] == name]

    def pid_of(self, name: str) -> int:
        started = [event["pid"] for event in self.events("process_started") if event["name"] == name]
        return int(str(started[-1])) if started else 0

    def recorded_bytes(self) -> int:
        files = [*self.data.glob("open/*"), *self.data.glob("segments/*")]
        return sum(path.stat().st_size for path in files if path.exists())

    def gaps(self) -> dict[str, int]:
        with sqlite3.connect(self.data / "edge.db") as connection:
            return dict(connection.execute("SELECT cause, sum(missing_frames) FROM gaps GROUP BY cause").fetchall())

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(tmp_path)
    yield agent
    if agent.process.poll() is None:
        agent.process.kill()
        agent.process.wait()


def ended(pid: int) -> bool:
    """Gone, or dead and not yet buried: an orphan waits for the machine's first process to do that."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def wait_for_growth(agent: Agent) -> None:
    before = agent.recorded_bytes()
    wait_for(lambda: agent.recorded_bytes() > before + 300_000, "frames on the disk")


def test_a_killed_recorder_is_back_and_its_gap_is_in_the_ledger(agent: Agent) -> None:
    wait_for(lambda: agent.data.exists() and agent.recorded_bytes() > 300_000, "the first frames on the disk")
    os.kill(agent.pid_of("recorder"), signal.SIGKILL)
    wait_for(lambda: agent.gaps().get("restart", 0) > 0, "a gap of cause restart")
    wait_for_growth(agent)
    assert agent.end() == 0
    report = check_ring(agent.data, read_data=True)
    assert report.faults == []
    assert report.segments >= 2
    assert "Traceback" not in agent.log.read_text()
    assert list(agent.data.glob("open/*")) == []


def test_a_killed_capture_is_back_and_what_it_missed_is_the_sources_loss(agent: Agent) -> None:
    wait_for(lambda: agent.data.exists() and agent.recorded_bytes() > 300_000, "the first frames on the disk")
    os.kill(agent.pid_of("capture"), signal.SIGKILL)
    wait_for(lambda: len(agent.events("camera_opened")) == 2, "the camera opened again")
    wait_for(lambda: agent.gaps().get("source", 0) > 0, "a gap of cause source")
    wait_for_growth(agent)
    assert agent.end() == 0
    assert check_ring(agent.data).faults == []


def test_when_the_supervisor_is_killed_its_processes_end_and_the_next_one_goes_on(agent: Agent) -> None:
    wait_for(lambda: agent.data.exists() and agent.recorded_bytes() > 300_000, "the first frames on the disk")
    orphans = [agent.pid_of("capture"), agent.pid_of("recorder")]
    agent.process.kill()
    agent.process.wait()
    agent.start()
    wait_for(lambda: all(ended(pid) for pid in orphans), "the orphans to end")
    wait_for(lambda: len(agent.events("camera_opened")) == 2, "the camera opened again")
    wait_for_growth(agent)
    assert agent.end() == 0
    assert check_ring(agent.data, read_data=True).faults == []


def test_a_second_agent_on_the_folder_is_refused_in_one_sentence(agent: Agent) -> None:
    wait_for(lambda: agent.pid_of("recorder"), "the agent")
    command = [sys.executable, "-m", "edge_agent.cli", "run", "--config", str(agent.config)]
    second = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert second.returncode == 75
    assert second.stderr.strip() == f"deepepil-edge: Another agent uses the folder {agent.data}; stop it first."
