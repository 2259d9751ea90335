"""The one door to numba: a typed decorator, so that the rest of the ward reads and type-checks as plain Python."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile at first call (kept on disk for later processes); one thread, so that results never depend on the machine's cores."""
    return cast("Function", numba.njit(cache=True, fastmath=True, error_model="numpy", nogil=True)(function))
