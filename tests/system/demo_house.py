"""One running demonstration, as a person at a terminal has it: its lines, its address, its processes, its API."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

Found = TypeVar("Found")
PROGRAMS = Path(sys.executable).parent


def wait_for(what: str, ask: Callable[[], Found | None], limit_s: float) -> Found:
    """The first answer that is not None or False; fails with `what` after `limit_s`."""
    turn = threading.Event()
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = ask()
        if found:
            return found
        turn.wait(0.2)
    raise AssertionError(f"not within {limit_s:.0f} s: {what}")


class DemoHouse:
    """Starts `deepepil-cloud demo` in a folder and reads what it prints."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        self.lines: list[str] = []
        command = [str(PROGRAMS / "deepepil-cloud"), "demo", "--folder", str(folder), *more]
        self.child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.lines.append(line.rstrip())

    def line(self, pattern: str, limit_s: float, after: int = 0) -> re.Match[str]:
        """The first printed line from number `after` on that matches; shows the last lines when there is none."""

        def ask() -> re.Match[str] | None:
            assert self.child.poll() is None, "the demo ended:\n" + "\n".join(self.lines[-40:])
            return next((found for line in self.lines[after:] if (found := re.search(pattern, line))), None)

        try:
            return wait_for(f"a line like {pattern!r}", ask, limit_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.lines[-40:])) from None

    def address(self) -> str:
        return self.line(r"review at (http://\S+)", 120)[1]

    def password(self) -> str:
        return self.line(r"[Pp]assword[^:]*: *(\S+)", 120)[1]

    @contextmanager
    def client(self, password: str) -> Iterator[httpx.Client]:
        """A client with a session of the first account."""
        address = self.address()
        with httpx.Client(base_url=address, headers={"origin": address}, timeout=30) as client:
            answer = client.post("/api/v1/session", json={"account": "admin", "password": password})
            assert answer.status_code == 200, answer.text
            yield client

    def bed_processes(self, bed: str) -> dict[str, psutil.Process]:
        """The processes of one bed's agent, by name."""
        for program in psutil.Process(self.child.pid).children():
            with suppress(psutil.Error):
                if f"{bed}.toml" in self._environment(program):
                    named = {_process_name(child): child for child in program.children(recursive=True)}
                    return {"supervisor": program, **{name: child for name, child in named.items() if name}}
        raise AssertionError(f"no agent of {bed} runs")

    def part(self, name: str) -> psutil.Process | None:
        """A process of the cloud, the broker, or the supervisor of bed-2; None while it does not run."""
        if name == "supervisor":
            with suppress(AssertionError):
                return self.bed_processes("bed-2")["supervisor"]
            return None
        for process in psutil.Process(self.child.pid).children(recursive=True):
            with suppress(psutil.Error):
                words = process.cmdline()
                if (name == "broker" and words[:1] and words[0].endswith("mosquitto")) or words[1:4] == [
                    "-m",
                    "cloud.cli",
                    name,
                ]:
                    return process
        return None

    def _environment(self, program: psutil.Process) -> str:
        """What tells whose program it is: its words, and the folders of the files that it keeps open."""
        folders = [f"{Path(opened.path).parent.name}.toml" for opened in program.open_files()]
        return " ".join([*program.cmdline(), *folders])

    def stop(self, limit_s: float = 60) -> int:
        """Ctrl-C, and the exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
        try:
            return self.child.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise AssertionError("the demo did not stop:\n" + "\n".join(self.lines[-40:])) from None


def _process_name(process: psutil.Process) -> str:
    """The bed's word for a process, empty for one that is just ending."""
    try:
        title = " ".join(process.cmdline())
    except psutil.Error:
        return ""
    return title.split(": ")[1].split()[0] if title.startswith("deepepil-edge: ") else ""


def first_classified(client: httpx.Client) -> dict[str, Any] | None:
    """The first event of the worklist that is watchable and classified."""
    items = client.get("/api/v1/worklist", params={"state": "all"}).json()["items"]
    ready = [item for item in items if item["suggestion"] and item["clip"] in {"watchable", "stored"}]
    return ready[0] if ready else None
