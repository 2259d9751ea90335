"""Which message to send next. Pure: in: sequence numbers, receipts, the time; out: sequence numbers to send now.

At most `slots` messages are in flight. Fresh ones are taken oldest first, but each fourth slot goes to the newest, and a few
slots more are kept for what was queued since the link is up: a seizure of this minute does not wait behind a week's backlog.
What gets no receipt is sent again, later every time.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterable

from shared.clock import NS_PER_S

FLIGHT_SLOTS = 20
LIVE_SLOTS = 5
NEWEST_EVERY = 4
FLIGHT_NS = 10 * NS_PER_S
FIRST_RESEND_S = 10.0
LONGEST_RESEND_S = 60.0
NEVER = 2**63
_JITTER = 1.25


class Sending:
    """The order of sending, for one link. Keeps one small record for each waiting message, so the outbox bounds it."""

    def __init__(self, dice: random.Random, slots: int = FLIGHT_SLOTS) -> None:
        self._dice = dice
        self._slots = slots
        self._sends: dict[int, int] = {}
        self._fresh: deque[int] = deque()
        self._again: list[tuple[int, int]] = []
        self._flight: dict[int, int] = {}
        self._turn = 0
        self._live_after = NEVER
        self.newest = 0
        """The highest sequence number that was ever added."""

    @property
    def waiting(self) -> int:
        """Messages without a receipt."""
        return len(self._sends)

    @property
    def in_flight(self) -> int:
        """Messages that hold a slot."""
        return len(self._flight)

    def add(self, sequences: Iterable[int]) -> None:
        """Messages in rising order of sequence number; what is known already is passed over.

        One with an old number was queued again: it is due at once.
        """
        for sequence in sequences:
            if sequence in self._sends:
                continue
            self._sends[sequence] = 0
            if sequence > self.newest:
                self.newest = sequence
                self._fresh.append(sequence)
            else:
                heapq.heappush(self._again, (0, sequence))

    def keep_only(self, sequences: Iterable[int]) -> None:
        """All that waits now: others were ended elsewhere, such as by a person's command."""
        wanted = set(sequences)
        for sequence in self._sends.keys() - wanted:
            self.drop(sequence)
        self.add(sorted(wanted))

    def link_up(self) -> None:
        """What is queued from now on is live: slots of its own are kept for it."""
        self._live_after = self.newest

    def later(self, sequence: int, at_ns: int) -> None:
        """Frees the message's slot; it is sent again from that time on, if no receipt came."""
        if self._flight.pop(sequence, None) is not None:
            heapq.heappush(self._again, (at_ns, sequence))

    def drop(self, sequence: int) -> None:
        """A receipt came, or the message became a dead letter: it is never sent again."""
        self._sends.pop(sequence, None)
        self._flight.pop(sequence, None)

    def link_lost(self, now_ns: int) -> None:
        """What is in flight cannot arrive any more, and what waits for its turn need not: all are due within a second."""
        sequences = {*self._flight, *(sequence for _, sequence in self._again)} & self._sends.keys()
        self._flight.clear()
        self._again = [(now_ns + self._dice.randrange(NS_PER_S), sequence) for sequence in sorted(sequences)]
        heapq.heapify(self._again)
        self._sends.update(dict.fromkeys(sequences, 0))

    def take(self, now_ns: int, most: int = 2**31) -> list[int]:
        """At most `most` messages to send now; each of them holds a slot until its receipt, its time or the link ends."""
        self._land(now_ns)
        chosen: list[int] = []
        while len(chosen) < most and len(self._flight) < self._slots:
            sequence = self._next(now_ns)
            if sequence is None:
                break
            self._begin(sequence, now_ns, chosen)
        while len(chosen) < most and len(self._flight) < self._slots + LIVE_SLOTS and self._is_live():
            sequence = self._fresh.pop()
            if sequence in self._sends:
                self._begin(sequence, now_ns, chosen)
        return chosen

    def _is_live(self) -> bool:
        return bool(self._fresh) and self._fresh[-1] > self._live_after

    def _begin(self, sequence: int, now_ns: int, chosen: list[int]) -> None:
        self._sends[sequence] += 1
        self._flight[sequence] = now_ns + FLIGHT_NS
        chosen.append(sequence)

    def _land(self, now_ns: int) -> None:
        """Frees the slots of messages that had no receipt in time, and says when each is sent again."""
        for sequence in [each for each, lands_ns in self._flight.items() if lands_ns <= now_ns]:
            lands_ns = self._flight.pop(sequence)
            full_s = min(LONGEST_RESEND_S / _JITTER, FIRST_RESEND_S * 2.0 ** min(self._sends[sequence] - 1, 8))
            wait_ns = round(full_s * self._dice.uniform(1.0, _JITTER) * NS_PER_S)
            heapq.heappush(self._again, (lands_ns - FLIGHT_NS + wait_ns, sequence))

    def _next(self, now_ns: int) -> int | None:
        self._turn = (self._turn + 1) % NEWEST_EVERY
        if self._turn == 0:
            newest = self._pop_fresh(newest=True)
            if newest is not None:
                return newest
        while self._again and self._again[0][0] <= now_ns:
            sequence = heapq.heappop(self._again)[1]
            if sequence in self._sends:
                return sequence
        return self._pop_fresh(newest=False)

    def _pop_fresh(self, *, newest: bool) -> int | None:
        while self._fresh:
            sequence = self._fresh.pop() if newest else self._fresh.popleft()
            if sequence in self._sends:
                return sequence
        return None
