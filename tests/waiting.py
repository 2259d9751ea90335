"""Waiting for a condition in tests that run real parts: never for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LONGEST_WAIT_S = 30.0
_PAUSE = threading.Event()


def wait_for(condition: Callable[[], object], what: str, longest_s: float = LONGEST_WAIT_S) -> None:
    """Returns once the condition holds; fails, naming it, when it does not hold in time."""
    deadline_s = time.monotonic() + longest_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {longest_s:.0f} s in vain for: {what}"
        _PAUSE.wait(0.005)
