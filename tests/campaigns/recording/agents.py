"""The real processes, in real time: two agents on one folder, a killed and a frozen recorder, a slow disk, a stepping clock."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from tests.campaigns.recording.children import answer
from tests.campaigns.recording.disks import BLOCK_GROUPS, Bench
from tests.campaigns.recording.tally import Tally
from tests.campaigns.recording.truth import check
from tests.edge_agent.small_agent import write_settings
from tests.fakes.frame_source import BOTH, make_frame
from tests.fakes.recordings import write_recording

TWO = "two agents on one folder"
KILLED = "kill -9 of the real recorder"
FROZEN = "the recorder is frozen (SIGSTOP)"
SLOW = "slow disk"
FAKED = "wall clock steps under the real agent"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
NAMES = ("capture", "recorder", "evictor")
PATIENCE_S = 60.0
RSS_LIMIT_BYTES = 400 * 1024 * 1024
SLOW_BYTES_PER_S = 400_000
GROWN_BYTES = 200_000


class Agent:
    """Capture, recorder and evictor of a bed that plays a small recording, under the real supervisor."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        recording = write_recording(folder / "a.mkv", [make_frame(index) for index in range(30)], BOTH)
        self.config = write_settings(folder, recording)
        self.data, self._log = folder / "data", folder / "agent.log"
        command = [sys.executable, "-m", "tests.edge_agent.small_agent", str(self.config), *NAMES]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})})

    def pid_of(self, name: str) -> int:
        pids = [int(json.loads(line)["pid"]) for line in self._log.read_text().splitlines()
                if line.startswith("{") and '"process_started"' in line and f'"{name}"' in line]  # fmt: skip
        return pids[-1] if pids else 0

    def said(self, text: str) -> bool:
        """True when the text stands in the agent's log."""
        return text in self._log.read_text()

    def size_bytes(self) -> int:
        """Bytes on the way into the ring and in it."""
        total = 0
        for path in [*self.data.glob("open/*"), *self.data.glob("segments/*")]:
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
        return total

    def grows(self, patience_s: float = PATIENCE_S) -> bool:
        """Waits until some more frames are recorded."""
        before = self.size_bytes()
        return wait(lambda: self.size_bytes() > before + GROWN_BYTES, patience_s)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.data / "edge.db") as connection:
            return connection.execute(query).fetchall()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def wait(holds: Callable[[], object], patience_s: float = PATIENCE_S) -> bool:
    """True as soon as it holds, False when it does not in time."""
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        if holds():
            return True
        time.sleep(0.02)
    return bool(holds())


@contextmanager
def running(folder: Path, tally: Tally, trial: str, environment: Mapping[str, str] | None = None) -> Iterator[Agent]:
    """An agent that records; afterwards it is stopped and its folder checked."""
    agent = Agent(folder, environment)
    try:
        tally.trials[trial] += 1
        tally.expect(trial, "start", agent.grows(), "the agent does not record")
        yield agent
    finally:
        agent.end()
    code, lines = answer(lambda: check(agent.data, "--read-data"))
    tally.expect(trial, "check", code == 0, f"the check says {lines[-4:]}")


def two_agents(bench: Bench, tally: Tally) -> None:
    """By the same path, by a link and by a bind mount: the second ends with one sentence, the first records on."""
    folder = bench.place("two")
    with running(folder, tally, TWO) as first:
        for name, other in _other_ways(bench, first.data):
            config = folder / f"{name}.toml"
            config.write_text(re.sub(r'folder = "[^"]*data"', f'folder = "{other}"', first.config.read_text()))
            command = [sys.executable, "-m", "edge_agent.cli", "run", "--config", str(config)]
            found = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            said = found.stderr.strip().splitlines()
            holds = found.returncode == 75 and len(said) == 1 and "nother" in said[0]
            tally.expect(TWO, name, holds, f"the second agent ended with {found.returncode}: {said[-3:]}")
        tally.expect(TWO, "first", first.grows(), "the first agent does not record on")


def _other_ways(bench: Bench, data: Path) -> Iterator[tuple[str, Path]]:
    yield "same path", data
    link = bench.place("link") / "data"
    link.symlink_to(data)
    yield "link", link
    bound = bench.place("bound")
    subprocess.run(["mount", "--bind", str(data), str(bound)], check=True)
    yield "bind mount", bound
    subprocess.run(["umount", str(bound)], check=False)


def killed_recorder(bench: Bench, tally: Tally, kills: int) -> None:
    """kill -9 of the recorder's process; from there to its first frames on the disk is the restart."""
    with running(bench.place("killed"), tally, KILLED) as agent:
        for _ in range(kills):
            before = set(agent.data.glob("open/*"))
            os.kill(agent.pid_of("recorder"), signal.SIGKILL)
            began_s = time.monotonic()
            back = wait(partial(_has_frames, agent, before))
            tally.restarts_s.append(time.monotonic() - began_s)
            tally.expect(KILLED, "kill", back, "the recorder did not come back")
    found = answer(lambda: agent.rows("SELECT COUNT(*) FROM gaps WHERE cause = 'restart' AND stream = 'depth'"))
    tally.expect(KILLED, "ledger", found[0][0] >= kills, f"{found[0][0]} gaps of cause restart after {kills} kills")


def _has_frames(agent: Agent, before: set[Path]) -> bool:
    """True when an open file that was not there before holds some frames."""
    return any(path.stat().st_size > 10_000 for path in agent.data.glob("open/*") if path not in before)


def frozen_recorder(bench: Bench, tally: Tally, seconds: float) -> None:
    """The recorder stands still longer than the frame pool is deep: what passed by is in the ledger."""
    with running(bench.place("frozen"), tally, FROZEN) as agent:
        pid = agent.pid_of("recorder")
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGCONT)
        tally.expect(FROZEN, "after", agent.grows(), "the recorder does not go on")
    found = answer(
        lambda: agent.rows("SELECT SUM(missing_frames) FROM gaps WHERE stream = 'depth' AND cause <> 'source'")
    )
    missing = float(str(found[0][0] or 0))
    tally.expect(FROZEN, "ledger", missing > 30 * (seconds - 3), f"{missing} frames are in gaps after {seconds} s")


def slow_disk(bench: Bench, tally: Tally, seconds: float) -> None:
    """The disk takes a quarter of what the camera gives: memory stays bounded and what is lost is in the ledger."""
    disk = bench.disk("ext4", on=bench.place("slow"))
    group = BLOCK_GROUPS / bench.folder.name
    if not group.parent.joinpath("blkio.throttle.write_bps_device").exists():
        tally.notes[SLOW] = "not run: this machine cannot throttle a block device"
        return
    group.mkdir()
    try:
        number = Path(disk.loop).stat().st_rdev
        with running(disk.mount, tally, SLOW) as agent:
            limit = f"{os.major(number)}:{os.minor(number)} {SLOW_BYTES_PER_S}"
            (group / "blkio.throttle.write_bps_device").write_text(limit)
            pid = agent.pid_of("recorder")
            (group / "cgroup.procs").write_text(str(pid))
            most, until_s = 0, time.monotonic() + seconds
            while time.monotonic() < until_s and psutil.pid_exists(pid):
                most = max(most, psutil.Process(pid).memory_info().rss)
                time.sleep(0.2)
            (group / "blkio.throttle.write_bps_device").write_text(limit.split(maxsplit=1)[0] + " 0")
            tally.expect(SLOW, "memory", most < RSS_LIMIT_BYTES, f"the recorder took {most} bytes of memory")
            tally.expect(SLOW, "after", agent.grows(), "the recorder does not go on")
            tally.counts["slow_disk_rss_mib"] = most >> 20
    finally:
        wait(lambda: not (group / "cgroup.procs").read_text().strip(), 10)
        group.rmdir()
    gone = answer(
        lambda: agent.rows("SELECT cause, SUM(missing_frames) FROM gaps WHERE stream = 'depth' GROUP BY cause")
    )
    tally.notes[SLOW] = f"frames in gaps by cause: {dict(gone)}"
    bench.scrap(disk)


def faked_clock(bench: Bench, tally: Tally) -> None:
    """libfaketime steps the wall clock of all processes while the monotonic clock runs on."""
    if not FAKETIME.exists():
        tally.notes[FAKED] = "not run: libfaketime is not installed"
        return
    folder = bench.place("faked")
    stamp = folder / "stamp"
    stamp.write_text("+0\n")
    environment = {
        "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    with running(folder, tally, FAKED, environment) as agent:
        for step in ("+3600", "-3600", "@2038-01-19 03:14:00", "@1970-01-02 00:00:00", "+0"):
            stamp.write_text(f"{step}\n")
            tally.expect(FAKED, step, agent.grows(20.0), "the agent does not record")
            if step.startswith("@"):
                os.kill(agent.pid_of("recorder"), signal.SIGKILL)
                seen = wait(partial(agent.said, step[1:11]))
                tally.expect(
                    FAKED, step, seen and agent.grows(20.0), "no process saw the step, or the agent does not record"
                )
    found = answer(lambda: agent.rows("SELECT COUNT(*) FROM evicted"))
    tally.counts["evicted_by_jump"] += int(str(found[0][0]))
    tally.expect(FAKED, "ring", found[0][0] == 0, f"{found[0][0]} segments were removed")
