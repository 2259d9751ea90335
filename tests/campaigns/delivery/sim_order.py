"""Watches in which order a bed takes its messages: at most each fourth may pass an older one that was never sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_agent.outbox.delivery import Delivery
from edge_agent.outbox.sending import NEWEST_EVERY, Sending

STARVED = "oldest not starved"
SPARE = 2


def watch_order(delivery: Delivery, bed: str, complain: Callable[[str, str], None]) -> None:
    """Stands before the delivery's own `Sending.take`; what was queued since the link is up has slots of its own."""
    found: Any = delivery
    sending: Sending = found._sending
    shipped = sending.take
    taken = passed = 0

    def take(now_ns: int, *more: int) -> list[int]:
        nonlocal taken, passed
        fresh = {sequence for sequence in sending._fresh if sequence in sending._sends}
        chosen = shipped(now_ns, *more)
        for sequence in chosen:
            taken += 1
            if sequence in fresh:
                fresh.discard(sequence)
                passed += sequence <= sending._live_after and any(other < sequence for other in fresh)
        if passed > taken / NEWEST_EVERY + SPARE:
            complain(STARVED, f"{bed}: {passed} of {taken} messages passed older ones that were never sent")
            passed = 0
        return chosen

    found._sending.take = take
