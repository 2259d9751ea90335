"""Is the camera stuck? A driver can go on handing out the same picture, or a clock that stands, for hours; nobody else would notice."""

from __future__ import annotations

import zlib

from shared.clock import NS_PER_S
from shared.frame import Frame, Uint16Image

STUCK_NS = 5 * NS_PER_S
"""Sensor noise changes every image; one that stays the same for this long is a fault."""
EVERY_ROW = 16
"""Rows that are compared: one in so many, about 45 kB of a 640×576 image."""


class CameraWatch:
    """Sees each frame of one opening; `sentence` says what is wrong now, empty when nothing is."""

    def __init__(self) -> None:
        self._print: tuple[int, int] | None = None
        self._device_ns: int | None = None
        self._same_since_ns = 0
        self._still_since_ns = 0
        self._now_ns = 0
        self.clock_breaks = 0
        """How often the camera's clock ran back."""

    def see(self, frame: Frame) -> None:
        """Takes a frame into account; costs a few tens of microseconds."""
        first = self._device_ns is None
        self._now_ns = frame.mono_ns
        if first or frame.device_ns != self._device_ns:
            self._still_since_ns = frame.mono_ns
            self.clock_breaks += not first and frame.device_ns < (self._device_ns or 0)
            self._device_ns = frame.device_ns
        if frame.depth is None and frame.ir is None:
            return
        found = (_print_of(frame.depth), _print_of(frame.ir))
        if found != self._print:
            self._print, self._same_since_ns = found, frame.mono_ns

    @property
    def sentence(self) -> str:
        if self._device_ns is None:
            return ""
        if self._now_ns - self._still_since_ns >= STUCK_NS:
            return "The camera is stuck: its clock stands still. Take its power away and give it back."
        if self._print is not None and self._now_ns - self._same_since_ns >= STUCK_NS:
            return (
                "The camera is stuck: it gives the same picture again and again. Take its power away and give it back."
            )
        return ""


def _print_of(image: Uint16Image | None) -> int:
    return 0 if image is None else zlib.crc32(image[::EVERY_ROW].tobytes())
