"""How a view stands and what time does to it, pure; and what browsers are told of STUN and TURN."""

from __future__ import annotations

import base64
import hashlib
import hmac
from enum import StrEnum

from shared.clock import NS_PER_S
from shared.live_view import ViewPhase

ANSWER_WAIT_NS = 8 * NS_PER_S
"""So long a person waits for the bed's answer."""
ASK_AGAIN_NS = 2 * NS_PER_S
OFFER_LASTS_NS = 60 * NS_PER_S
"""By the bed's clock, which may differ a little from this one."""
PAGE_GONE_NS = 30 * NS_PER_S
"""A page says each few seconds that it is there."""
BED_GONE_NS = 15 * NS_PER_S
"""A bed that the broker lost for a shorter time may still send pictures: they do not go by the broker."""
KEPT_NS = 24 * 3600 * NS_PER_S
OPEN_LIMIT = 12
"""Views of one person at a time."""
CREDENTIALS_LAST_S = 3600


class ViewState(StrEnum):
    """What is kept of a view."""

    asked = "asked"
    answered = "answered"
    joined = "joined"
    refused = "refused"
    ended = "ended"


OPEN = (ViewState.asked, ViewState.answered, ViewState.joined)
_FOLLOWS = {
    ViewPhase.answered: {ViewState.asked: ViewState.answered},
    ViewPhase.joined: {ViewState.asked: ViewState.joined, ViewState.answered: ViewState.joined},
    ViewPhase.refused: dict.fromkeys(OPEN, ViewState.refused),
    ViewPhase.ended: dict.fromkeys(OPEN, ViewState.ended),
}


def state_after(state: ViewState, phase: ViewPhase) -> ViewState | None:
    """The state after a bed's report; None: the report is late or comes again, nothing changes."""
    return _FOLLOWS[phase].get(state)


def watched_s(joined_at_ns: int | None, ended_at_ns: int) -> int:
    """Whole seconds of pictures."""
    return 0 if joined_at_ns is None else max(0, ended_at_ns - joined_at_ns) // NS_PER_S


def turn_credentials(secret: str, name: str, utc_ns: int) -> tuple[str, str]:
    """User name and password for an hour, by the shared secret of the TURN server (draft-uberti-behave-turn-rest-00)."""
    user = f"{utc_ns // NS_PER_S + CREDENTIALS_LAST_S}:{name}"
    digest = hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()
    return user, base64.b64encode(digest).decode()
