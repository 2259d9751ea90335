"""Children that run the shipped parts in a process of their own, can be killed at any moment, and tell a pipe what happened.

A child is a fork of the campaign's one thread: the modules are loaded already, and its failpoints are read anew from its own
environment. What it wrote into the pipe before it died stays readable: that is the witness outside of the tested disk.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import logging
import os
import select
import signal
import subprocess
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

import shared.failpoints
from shared.errors import DeepEpilError
from tests.campaigns.recording.mutations import Tell, mutate

Told = tuple[str, Any]
LONGEST_S = 120.0
CRASHED = 99
_PR_SET_PDEATHSIG = 1


class Child:
    """A forked process; `told` grows while it is listened to."""

    def __init__(self, pid: int, pipe: int, gate: int) -> None:
        self.pid = pid
        self.told: list[Told] = []
        self.code: int | None = None
        """Exit code, or minus the signal that ended it; None while it may run."""
        self._pipe, self._gate = pipe, gate
        self._rest = b""

    def go(self) -> None:
        """Opens the gate of a child that was forked with one."""
        os.write(self._gate, b"g")

    def listen(self, seconds: float, until: Callable[[Told], bool] | None = None) -> bool:
        """Hears the child for so long at most; True when `until` said yes, False when time or the child ended."""
        deadline_s = time.monotonic() + seconds
        while self._pipe >= 0 and (left_s := deadline_s - time.monotonic()) > 0:
            if not select.select([self._pipe], [], [], left_s)[0]:
                return False
            data = os.read(self._pipe, 1 << 16)
            if not data:
                os.close(self._pipe)
                self._pipe = -1
                return False
            *lines, self._rest = (self._rest + data).split(b"\n")
            heard: list[Told] = [tuple(json.loads(line)) for line in lines]
            self.told += heard
            if until is not None and any(until(each) for each in heard):
                return True
        return False

    def end(self, seconds: float = LONGEST_S) -> int:
        """Waits for its end, kills it when it takes too long; returns the code."""
        self.listen(seconds)
        return self.kill() if self._pipe >= 0 else self._reap()

    def kill(self) -> int:
        """kill -9, then hears what it had told."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
        self.listen(LONGEST_S)
        return self._reap()

    def _reap(self) -> int:
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            for descriptor in {self._gate, self._pipe} - {-1}:
                os.close(descriptor)
            self._pipe = self._gate = -1
        return self.code

    def words(self, *wanted: str) -> list[Any]:
        """The facts of those words, in order."""
        return [facts for word, facts in self.told if word in wanted]

    @property
    def crash(self) -> str:
        """The traceback of an error that nobody foresaw; empty when there was none."""
        return "".join(self.words("crashed"))


def start(
    work: Callable[[Tell], None],
    environment: Mapping[str, str] | None = None,
    mutation: str = "",
    *,
    gated: bool = False,
) -> Child:
    """Runs `work` in a forked child; with `gated` it waits for `go`."""
    reading, writing = os.pipe()
    waiting, opening = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = CRASHED
        try:
            os.close(reading)
            os.close(opening)
            if gated:
                os.read(waiting, 1)
            os.environ.update(environment or {})
            code = live(work, mutation, writing)
        finally:
            os._exit(code)
    os.close(writing)
    os.close(waiting)
    return Child(pid, reading, opening)


def launch(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
    """Runs a program that tells on its standard output as `live` does."""
    reading, writing = os.pipe()
    with open(os.devnull, "r+b") as quiet:  # noqa: PTH123
        process = subprocess.Popen(
            command, stdin=quiet, stdout=writing, stderr=quiet, env={**os.environ, **(environment or {})}
        )
    os.close(writing)
    child = Child(process.pid, reading, -1)
    process.returncode = 0  # the child reaps it
    return child


def live(work: Callable[[Tell], None], mutation: str = "", pipe: int | None = None) -> int:
    """What a child does: puts the mutation in, works, tells how it failed. Returns the exit code."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pipe = os.dup(1) if pipe is None else pipe
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    def tell(word: str, facts: Any) -> None:
        os.write(pipe, json.dumps((word, facts)).encode() + b"\n")

    try:
        importlib.reload(shared.failpoints)
        work(mutate(mutation, tell))
    except DeepEpilError as error:
        tell("failed", [error.exit_code, error.sentence])
        return error.exit_code
    except Exception:
        tell("crashed", traceback.format_exc())
        return CRASHED
    return 0


def answer(work: Callable[[], Any], mutation: str = "") -> Any:
    """The value that `work` returns in a child of its own. Raises RuntimeError with the child's traceback when it has none."""
    child = start(lambda tell: tell("answer", work()), mutation=mutation)
    code = child.end()
    if code != 0:
        raise RuntimeError(f"the child ended with {code}: {child.crash or child.words('failed')}")
    return child.words("answer")[0]
