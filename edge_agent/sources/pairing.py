"""Images that come one by one become captures: those within half a period of each other, by the camera's clock, belong together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.frame import Stream

Image = TypeVar("Image")
HELD = 2
"""A capture that still lacks a stream waits until this many later ones have begun; then it goes out without."""


@dataclass(slots=True)
class Capture(Generic[Image]):
    """Images of one moment, each with its time on the camera's clock."""

    images: dict[Stream, Image] = field(default_factory=dict)
    times_ns: dict[Stream, int] = field(default_factory=dict)

    @property
    def device_ns(self) -> int:
        """The time of depth; without depth of infrared, without both of colour."""
        return next(self.times_ns[stream] for stream in Stream if stream in self.times_ns)


class Pairing(Generic[Image]):
    """Takes images in the order in which they come, gives captures in the order in which they began."""

    def __init__(self, streams: tuple[Stream, ...], period_ns: int) -> None:
        self._streams, self._half_ns = frozenset(streams), period_ns / 2
        self._open: list[Capture[Image]] = []

    def add(self, stream: Stream, device_ns: int, image: Image) -> list[Capture[Image]]:
        """Takes one image; returns the captures that are done now."""
        fitting = [
            capture
            for capture in self._open
            if stream not in capture.images and abs(capture.device_ns - device_ns) < self._half_ns
        ]
        if fitting:
            capture = min(fitting, key=lambda found: abs(found.device_ns - device_ns))
        else:
            capture = Capture()
            self._open.append(capture)
        capture.images[stream], capture.times_ns[stream] = image, device_ns
        done = []
        while self._open and (self._streams <= self._open[0].images.keys() or len(self._open) > HELD):
            done.append(self._open.pop(0))
        return done

    def flush(self) -> list[Capture[Image]]:
        """What is left, whole or not: nothing more comes."""
        done, self._open = self._open, []
        return done
