"""Notices a camera whose picture does not change: a sensor has noise, so equal previews mean that it hangs. Pure."""

from __future__ import annotations

import numpy as np

from shared.preview import Preview


class StillPicture:
    """`note` each preview; `still_ns` is for how long the newest picture has been the same."""

    def __init__(self) -> None:
        self._first: Preview | None = None
        self.still_ns = 0

    def note(self, preview: Preview) -> None:
        """One preview, in the order of time."""
        first = self._first
        if first is None or not (np.array_equal(first.ir, preview.ir) and np.array_equal(first.depth, preview.depth)):
            self._first = first = preview
        self.still_ns = preview.mono_ns - first.mono_ns
