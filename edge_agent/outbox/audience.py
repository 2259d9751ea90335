"""Whether anybody listens behind the broker. Pure. In: what the broker says of each message; out: how many may go now.

A broker that has no subscriber takes messages and throws them away. While one says so, one message at a time tries, ever more
rarely: a backlog is not poured out, and all of it goes at once when the cloud is back.
"""

from __future__ import annotations

import random

from edge_agent.outbox.backoff import Backoff

TRY_AGAIN = Backoff(first_s=1.0, longest_s=10.0)
ALL = 2**31


class Audience:
    """What is known of it on this connection; before the first word there is one."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._failures = 0
        self._until_ns = 0

    def nobody(self, now_ns: int) -> int:
        """The broker passed a message to no one. Returns when to try again; those that went beside it wait as long."""
        if now_ns >= self._until_ns:
            self._failures += 1
            self._until_ns = now_ns + TRY_AGAIN.wait_ns(self._failures, self._dice)
        return self._until_ns

    def somebody(self) -> None:
        """A message was passed on, or a connection is new."""
        self._failures = self._until_ns = 0

    def most(self, now_ns: int, unanswered: int) -> int:
        """How many messages may go now, when the broker has said nothing yet of so many."""
        if not self._failures:
            return ALL
        return 0 if unanswered or now_ns < self._until_ns else 1
