"""What may be asked of a bed and how a wish stands, pure: spans, bounds, and the states that a person sees."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from shared.clock import NS_PER_S
from shared.errors import Refused
from shared.pull import LONGEST_PULL_NS, PullOutcome

EXPIRES_AFTER_NS = 24 * 3600 * NS_PER_S
OPEN_LIMIT = 20
"""Wishes of one bed that may wait for its answer."""
ASK_AGAIN_NS = 30 * NS_PER_S
MARK_DEBOUNCE_NS = 3 * NS_PER_S
"""Presses of one bed's button on the web that come closer together are one."""


class PullState(StrEnum):
    """What is kept: `asked` until the bed answers or the time is over."""

    asked = "asked"
    answered = "answered"
    nothing = "nothing"
    refused = "refused"
    expired = "expired"


class Standing(StrEnum):
    """What a person sees."""

    asked = "asked"
    """The bed was not reached yet, or has not answered."""
    answered = "answered"
    """The bed holds it and has pinned it; its events are not here yet."""
    arriving = "arriving"
    """Events are here; clips are on their way."""
    stored = "stored"
    """All of it is here."""
    nothing = "nothing"
    refused = "refused"
    expired = "expired"


STATE_OF = {
    PullOutcome.held: PullState.answered,
    PullOutcome.nothing: PullState.nothing,
    PullOutcome.refused: PullState.refused,
}


@dataclass(frozen=True, slots=True)
class Arrived:
    """What is here of one part."""

    known: bool
    watchable: bool
    stored: bool
    stored_share: float = 0.0


def standing_of(state: PullState, parts: Collection[Arrived]) -> Standing:
    """How a wish stands, from what is kept and what is here of its parts."""
    if state is not PullState.answered:
        return Standing(state.value)
    if parts and all(part.stored for part in parts):
        return Standing.stored
    return Standing.arriving if any(part.known for part in parts) else Standing.answered


def must_be_askable(start_utc_ns: int, end_utc_ns: int, now_ns: int) -> None:
    """Raises Refused, in one sentence, for a span that no bed will ever hold."""
    if end_utc_ns <= start_utc_ns:
        raise Refused("end_utc: the span must end after it begins.")
    if end_utc_ns - start_utc_ns > LONGEST_PULL_NS:
        raise Refused(f"end_utc: a span is at most {LONGEST_PULL_NS // (60 * NS_PER_S)} minutes long.")
    if end_utc_ns > now_ns:
        raise Refused("end_utc: the span must be over; use the mark for what happens now.")
