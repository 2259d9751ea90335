"""The child programs of a demonstration: started in order, their logs kept and told, stopped in reverse order within bounds."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LOG_LIMIT_BYTES = 50 * 1024 * 1024
STOP_LIMIT_S = 20.0

Tell = Callable[[str, str], None]


@dataclass(slots=True)
class Program:
    """One running child and the thread that reads what it says."""

    name: str
    command: Sequence[str]
    child: subprocess.Popen[str]
    reader: threading.Thread

    @property
    def ended(self) -> bool:
        return self.child.poll() is not None

    def stop(self, limit_s: float = STOP_LIMIT_S) -> None:
        """Asks the program to stop, waits, and kills its whole group if it does not. Safe to call twice."""
        if not self.ended:
            self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
        self.reader.join(timeout=5)

    def kill(self) -> None:
        """Ends the program and what it started at once, as a failing machine would."""
        if not self.ended:
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


def start_program(name: str, command: Sequence[str], logs: Path, tell: Tell) -> Program:
    """Starts `command` in a group of its own, so that Ctrl-C reaches only us. `tell(name, line)` gets each line it prints."""
    logs.mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    reader = threading.Thread(target=_read, args=(name, child, logs / f"{name}.jsonl", tell), daemon=True)
    reader.start()
    return Program(name, command, child, reader)


def _read(name: str, child: subprocess.Popen[str], log: Path, tell: Tell) -> None:
    """Keeps the newest 50 MB of what the program says, and tells each line. A full disk costs the log, not the program."""
    assert child.stdout is not None
    for line in child.stdout:
        try:
            if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
                log.replace(log.with_suffix(".old.jsonl"))
            with log.open("a") as kept:
                kept.write(line)
        except OSError:
            pass
        tell(name, line)
