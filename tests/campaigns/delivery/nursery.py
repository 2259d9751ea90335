"""The nursery: one process that has loaded all of the shipped programs and forks each of them when asked, in milliseconds.

A child is a process of its own: its lock, signals, logs and sockets are those of the shipped program. It dies with the
nursery, and the nursery with the campaign, so that nothing is left whatever ends the run. In: one JSON line a wish. Out: one
JSON line an answer.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
START = "start"
REAP = "reap"


@dataclass(frozen=True, slots=True)
class Wish:
    """A child to start: a program by its words, its output's file, and what is done to it."""

    words: list[str]
    """`edge`, `cloud` or `feed` and the arguments of that command line; or `exec` and any program of the machine."""
    log: str
    failpoints: str = ""
    point_log: str = ""
    mutation: str = ""
    hurried: bool = True


class Nursery:
    """The campaign's end of it. Any thread may ask."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.campaigns.delivery.nursery"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
        )
        self._turn = threading.Lock()

    def _ask(self, wish: Mapping[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(wish) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the nursery has ended")
        return int(json.loads(line))

    def start(self, wish: Wish) -> int:
        """The process number of the new child."""
        return self._ask({"do": START, **asdict(wish)})

    def reap(self, pid: int) -> int:
        """Waits for the child's end: its exit code, or minus the signal that ended it."""
        return self._ask({"do": REAP, "pid": pid})

    def close(self) -> None:
        """Ends the nursery and with it every child."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


LOADED = (
    "cloud.app", "cloud.check", "cloud.cli", "cloud.processes.api", "cloud.processes.ingester", "cloud.processes.worker", "edge_agent.cli",
    "edge_agent.outbox_check", "edge_agent.processes.publisher", "edge_agent.processes.uploader",
    "edge_agent.ring.repair", "edge_agent.ring.ring_check", "edge_agent.runner", "tests.campaigns.delivery.children",
)  # fmt: skip
"""What the children need, loaded once."""


def _start(wish: Wish) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        _redirect(Path(wish.log))
        if wish.words[0] == "exec":
            os.execvp(wish.words[1], wish.words[1:])  # noqa: S606 a program of the machine, with fixed words
        from tests.campaigns.delivery.children import run_child

        code = run_child(wish)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(bool(error.code))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log: Path) -> None:
    """Nothing to read; all that is said goes to the log."""
    quiet = os.open(os.devnull, os.O_RDONLY)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(quiet, 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 the process ends with it
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)


def _reap(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _serve(lines: Sequence[str] | Any) -> None:
    for line in lines:
        wish = json.loads(line)
        print(_start(Wish(**wish)) if wish.pop("do") == START else _reap(wish["pid"]), flush=True)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for module in LOADED:
        importlib.import_module(module)
    _serve(sys.stdin)
