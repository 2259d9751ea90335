"""Whether compiled kernels are installed (extra `kernels`), and making them ready before they are needed."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from types import ModuleType

CACHE_VARIABLE = "NUMBA_CACHE_DIR"


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


def keep_compiled_in(folder: Path) -> None:
    """Where this process, and those it starts, keep compiled kernels when the installed files are read-only; call it first.

    Without such a folder a service that cannot write beside its code would compile for some 10 s at each start. A folder that
    the environment names already stays.
    """
    if not os.access(Path(__file__).parent, os.W_OK):
        os.environ.setdefault(CACHE_VARIABLE, str(folder))
