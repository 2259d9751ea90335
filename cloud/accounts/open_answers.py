"""Answers that are still being sent: videos, exports, live views. Whoever lost the session loses them within five seconds.

A session can end while its answer is under way: signed out, taken back by ops, idle, too old. While answers are open their
process asks for their sessions every two seconds, with one question to the database, and cuts off those that ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from cloud.accounts import queries
from cloud.database import UNREACHABLE
from cloud.scope import unfenced
from shared.clock import Clock

LOOK_EVERY_S = 2.0
_log = structlog.get_logger(__name__)


@dataclass(eq=False)
class OpenAnswer:
    """One answer: whose session it belongs to, "" while that is unknown, and how to cut it off."""

    session_of: Callable[[], str]
    cut: Callable[[], object]
    was_cut: bool = False


class OpenAnswers:
    """The open answers of one process, and of one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: set[OpenAnswer] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    @contextmanager
    def held(self, session_of: Callable[[], str], cut: Callable[[], object]) -> Iterator[OpenAnswer]:
        """An answer is open for the time of the block; `cut` is called at most once, when its session ended."""
        answer = OpenAnswer(session_of, cut)
        self._open.add(answer)
        self._look_soon()
        try:
            yield answer
        finally:
            self._open.discard(answer)

    def _look_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._begin)

    def _begin(self) -> None:
        self._timer = None
        if self._open:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        """While the database is away nothing is cut off: nothing new is answered either."""
        try:
            with unfenced():
                await self.look()
        except UNREACHABLE as error:
            _log.warning("sessions_not_looked_at", fault=type(error).__name__)
        self._look_soon()

    async def look(self) -> int:
        """Cuts off what belongs to sessions that ended; returns how many answers that were."""
        by_answer = {answer: session for answer in self._open if (session := answer.session_of())}
        if not by_answer:
            return 0
        living = await queries.living(sorted(set(by_answer.values())), self._clock.utc_ns())
        ended = [answer for answer, session in by_answer.items() if session not in living and answer in self._open]
        for answer in ended:
            if not answer.was_cut:
                answer.was_cut = True
                answer.cut()
        if ended:
            _log.info("answers_cut_off", count=len(ended))
        return len(ended)
