"""Programs of a house that are kept running: what ends is started again, armed with the next fault that waits for it."""

from __future__ import annotations

import os
import select
import signal
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.delivery.nursery import Nursery, Wish

LEAST_LIFE_S = 0.3
"""A program that ends at once is not started again sooner than so long after its start."""
LAST_WORDS_BYTES = 2000
KILLED = -int(signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class End:
    """How a program ended by itself."""

    code: int
    last_words: str


@dataclass(slots=True)
class Program:
    """One program. `arms`: failpoints for its next lives, one a life. `ends`: exit codes that no fault explains, with what the log said last."""

    name: str
    words: list[str]
    log: Path
    point_log: Path
    mutation: str = ""
    hurried: bool = True
    wanted: bool = False
    once: bool = False
    """Not started again when it ends well."""
    stays_down: bool = False
    """Not started again after a failpoint killed it."""
    armed: str = ""
    arms: deque[str] = field(default_factory=deque)
    deaths: list[str] = field(default_factory=list)
    """The arms that killed it."""
    ends: list[End] = field(default_factory=list)
    pid: int = 0
    _descriptor: int = -1
    _not_before_s: float = 0.0
    _expected: bool = False

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        return self.pid != 0

    def start(self, nursery: Nursery) -> None:
        """Begins a life, if it has none."""
        self.wanted = True
        if self.runs:
            return
        self.armed = self.arms.popleft() if self.arms else ""
        wish = Wish(self.words, str(self.log), self.armed, str(self.point_log), self.mutation, self.hurried)
        self.pid = nursery.start(wish)
        self._descriptor = os.pidfd_open(self.pid)
        self._expected = False
        self._not_before_s = time.monotonic() + LEAST_LIFE_S

    def _ended(self, wait_s: float = 0.0) -> bool:
        return bool(select.select([self._descriptor], [], [], wait_s)[0])

    def look(self, nursery: Nursery) -> None:
        """Notes an end and starts it again where it is wanted."""
        if not self.runs:
            if self.wanted and time.monotonic() >= self._not_before_s:
                self.start(nursery)
            return
        if not self._ended():
            return
        code = self._forget(nursery)
        if code == KILLED and self.armed:
            self.deaths.append(self.armed.partition("=")[0])
            self.wanted = self.wanted and not self.stays_down
        elif not self._expected and code != 0:
            self.ends.append(End(code, self._last_words()))
        self.armed = ""
        if self.once and code == 0:
            self.wanted = False
        if self.wanted and time.monotonic() >= self._not_before_s:
            self.start(nursery)

    def _last_words(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LAST_WORDS_BYTES))
            return log.read().decode(errors="replace").strip()

    def _forget(self, nursery: Nursery) -> int:
        code = nursery.reap(self.pid)
        os.close(self._descriptor)
        self.pid, self._descriptor = 0, -1
        return code

    def signal(self, number: int) -> None:
        """Any signal; a death by it is no surprise."""
        if self.runs:
            self._expected = True
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self, nursery: Nursery, *, again: bool = False) -> None:
        """kill -9. With `again` it is started at the next look, else it stays down."""
        self.wanted = again
        if not self.runs:
            return
        self.signal(signal.SIGKILL)
        self._ended(30.0)
        self._forget(nursery)
        self.armed = ""
        if again:
            self.start(nursery)

    def stop(self, nursery: Nursery, patience_s: float = 15.0) -> None:
        """SIGTERM, and kill -9 when that does not end it."""
        self.wanted = False
        self.signal(signal.SIGTERM)
        if self.runs and self._ended(patience_s):
            self._forget(nursery)
        self.kill(nursery)

    @property
    def peace(self) -> bool:
        """No fault waits for it or is armed in it."""
        return not self.arms and not self.armed
