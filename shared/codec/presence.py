"""Whether compiled kernels are installed (extra `kernels`), and making them ready before they are needed."""

from __future__ import annotations

from functools import cache
from types import ModuleType


@cache
def kernels() -> ModuleType | None:
    """The compiled kernels, or None where numba is not installed or does not run here."""
    try:
        from shared.codec import kernels as found
    except ImportError:
        return None
    return found


def kernels_available() -> bool:
    """Whether images are coded by compiled kernels. The first call in a process takes 0.5 s, or some 10 s with a cold cache."""
    return kernels() is not None


def warm_up() -> bool:
    """Compiles the kernels or loads them from their cache, so that no frame waits for it. Whether there are any."""
    return kernels_available()
