"""How kernels are compiled by numba: without the GIL, kept on disk for later processes. Importing this needs numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def kernel(*signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator. With a signature the function is compiled, or loaded from the cache, at once; without one into its callers."""

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        jit: Any = numba.njit
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
        declared = [signature] if signature else []
        try:
            found: Callable[..., Any] = jit(*declared, cache=True, **options)(function)
        except RuntimeError:  # no folder to cache in: compiled anew in each process
            found = jit(*declared, **options)(function)
        return found

    return compiled
