"""When the bed compares its history with the cloud's, page by page. Pure: in: the time, the link, answers; out: pages to send.

After each connection (at most every ten minutes) the newest page goes; a page on which something is missing, and the daily
run, bring all the others. Each page waits for its answer; without one it is sent again, five times, then the run is given up.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

from shared.clock import NS_PER_S
from shared.ids import uuid7
from shared.reconciliation import Digest, ResendRequest

AFTER_CONNECT_S = (5.0, 60.0)
BETWEEN_RUNS_NS = 600 * NS_PER_S
DAILY_S = (20 * 3600.0, 24 * 3600.0)
FIRST_WAIT_S = 30.0
TRIES = 5


@dataclass(slots=True)
class _Run:
    """One comparison under way: the page that waits for its answer."""

    run: UUID
    full: bool
    page: int = 0
    above: int | None = None
    first: int = 1
    tries: int = 0
    again_ns: int = 0


class Reconciling:
    """One bed's plan. `unanswered` counts runs that were given up in a row."""

    def __init__(self, dice: random.Random) -> None:
        self.unanswered = 0
        self._dice = dice
        self._run: _Run | None = None
        self._start_ns: int | None = None
        self._not_before_ns = 0
        self._daily_ns: int | None = None

    def link_up(self, now_ns: int) -> None:
        """A connection was made: the newest page is due soon, at another time for each bed."""
        wait_ns = round(self._dice.uniform(*AFTER_CONNECT_S) * NS_PER_S)
        self._start_ns = max(now_ns + wait_ns, self._not_before_ns)

    def due(self, now_ns: int, utc_ns: int) -> tuple[UUID, int, int | None] | None:
        """The page to send now: run, number, and from which sequence number downwards (None: the newest)."""
        if self._run is None:
            self._begin(now_ns, utc_ns)
        run = self._run
        if run is None or now_ns < run.again_ns:
            return None
        if run.tries == TRIES:
            self._end(now_ns)
            self.unanswered += 1
            return None
        run.tries += 1
        wait_s = FIRST_WAIT_S * 2.0 ** (run.tries - 1) * self._dice.uniform(1.0, 1.5)
        run.again_ns = now_ns + round(wait_s * NS_PER_S)
        return run.run, run.page, run.above

    def _begin(self, now_ns: int, utc_ns: int) -> None:
        if self._daily_ns is None:
            self._daily_ns = now_ns + self._day_ns()
        full = now_ns >= self._daily_ns
        if full or (self._start_ns is not None and now_ns >= self._start_ns):
            self._run = _Run(uuid7(utc_ns), full)

    def _day_ns(self) -> int:
        return round(self._dice.uniform(*DAILY_S) * NS_PER_S)

    def sent(self, page: Digest) -> None:
        """What went: an answer to it tells where the next page begins."""
        if self._run is not None and (page.run, page.page) == (self._run.run, self._run.page):
            self._run.first = page.first

    def answered(self, request: ResendRequest, now_ns: int) -> None:
        """The cloud's word on the page that waits; another's changes nothing."""
        run = self._run
        if run is None or (request.run, request.page) != (run.run, run.page) or run.tries == 0:
            return
        self.unanswered = 0
        run.full = run.full or bool(request.messages or request.clips)
        if run.full and run.first > 1:
            run.page, run.above, run.tries, run.again_ns = run.page + 1, run.first - 1, 0, now_ns
        else:
            if run.full:
                self._daily_ns = now_ns + self._day_ns()
            self._end(now_ns)

    def _end(self, now_ns: int) -> None:
        self._run, self._start_ns = None, None
        self._not_before_ns = now_ns + BETWEEN_RUNS_NS
        if self._daily_ns is not None and now_ns >= self._daily_ns:
            self._daily_ns = now_ns + self._day_ns()
