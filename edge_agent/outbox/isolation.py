"""Finds the message that makes a broker end the connection, and says when the broker is silent. Pure.

MQTT 3.1.1 gives no reason: a broker that will not have a message just hangs up. What was sent and not acknowledged then is
suspect and goes alone from there on, so that all others pass. Three hang-ups in a row within seconds of being sent alone, each
on a connection that had acknowledged something else, condemn it.
"""

from __future__ import annotations

from shared.clock import NS_PER_S

STRIKES = 3
STRIKE_WITHIN_NS = 5 * NS_PER_S
SILENT_AFTER_NS = 15 * NS_PER_S


class Isolation:
    """What the broker has not acknowledged on this connection, and what is suspect over all connections."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        self._strikes: dict[int, int] = {}
        self._proved = False

    @property
    def suspects(self) -> int:
        """How many messages go alone now; never more than were in flight at once."""
        return len(self._strikes)

    @property
    def unanswered(self) -> int:
        """How many messages of this connection the broker has said nothing of."""
        return len(self._open)

    def may_send(self, sequence: int) -> bool:
        """A suspect goes alone, and only once the connection has proved itself; the others wait while it is under way."""
        if sequence in self._strikes:
            return not self._open and self._proved
        return not (self._open.keys() & self._strikes.keys())

    def strikes(self, sequence: int) -> int:
        """How often the connection ended right after this message went alone."""
        return self._strikes.get(sequence, 0)

    def sent(self, sequence: int, now_ns: int) -> None:
        """The message was handed to the connection."""
        self._open[sequence] = now_ns

    def acknowledged(self, sequence: int | None) -> None:
        """The broker answered for a message, well or not; None: for another one, such as the birth."""
        self._proved = True
        if sequence is not None:
            self._open.pop(sequence, None)
            self._strikes.pop(sequence, None)

    def forget(self, sequence: int) -> None:
        """A receipt came or the message became a dead letter."""
        self._open.pop(sequence, None)
        self._strikes.pop(sequence, None)

    def is_silent(self, now_ns: int) -> bool:
        """Something was sent a quarter of a minute ago and the broker has not acknowledged it: the line is half open."""
        return any(now_ns - sent_ns >= SILENT_AFTER_NS for sent_ns in self._open.values())

    def lost(self, now_ns: int) -> int | None:
        """The connection ended. Returns the message that is condemned by it, if there is one."""
        unanswered, self._open = self._open, {}
        proved, self._proved = self._proved, False
        condemned = None
        for sequence, sent_ns in unanswered.items():
            alone = len(unanswered) == 1 and sequence in self._strikes
            struck = alone and proved and now_ns - sent_ns <= STRIKE_WITHIN_NS
            self._strikes[sequence] = self._strikes.get(sequence, 0) + int(struck)
            if self._strikes[sequence] >= STRIKES:
                condemned = sequence
        if condemned is not None:
            del self._strikes[condemned]
        return condemned
